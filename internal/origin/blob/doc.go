// Package blob makes a bucket of an object store an origin. The file-system logic stands here, over the small Store
// interface; the SDKs of the stores stand in its sub-packages, one each.
//
// A file is a plain object at its path, whole and readable by any other tool. A directory is an object whose key ends in
// "/" (a marker), or nothing at all while something lies below it (implied). Mode, owner, times and identity are user
// metadata (meta.go); objects that others wrote get defaults. docs/origins.md says what that means to users.
//
// Identity: a file that was made here has a random token in its metadata, valid only at the key it was written for, so
// that a copy made by somebody else is another file. Anything else is identified by key and ETag (files) or by path
// (implied directories). Where an identity is at present is kept in Places, as a parent and a name; an identity that
// was derived and has since moved or gone is never derived again (identity.go).
//
// Writing: objects are replaced whole. What is written gathers in a local staging file for each written file and is
// uploaded by COMMIT, or by a WRITE that asks for stability, guarded by the ETag of the version it is based on. Until then
// it is unstable, and the write verifier is that of the process (stage.go, upload.go).
//
// Directories: object stores do not date them. Their change times are kept by comparing listings (dirs.go).
//
// Locks, in this order: a claim on keys (claims.go) is held over a whole change; the mutexes of stage, heads, dirs and the
// origin's clock are leaves, held for no call of the store.
package blob
