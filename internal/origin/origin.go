// Package origin is the storage behind a filer's export: a folder (posix), an NFS server (nfs), an object store (blob).
//
// An Origin is four small interfaces plus declared capabilities. Semantics and types are those of NFS version 3 (RFC
// 1813), the one protocol that every studio's storage speaks: operations go by identity and not by path, mutations return
// weak-cache-consistency data, what the origin answered is an nfs.Status. Every call runs as somebody (Cred).
//
// Implementations are safe for concurrent use. Calls block until the origin has answered or ctx ends; an origin that
// cannot be reached gives fault.Unavailable, and the caller cannot know whether a mutation took place. A wrapper
// (Metered) adds behaviour at the operation level; As finds what is below it.
package origin

import (
	"context"

	"github.com/spillway/spillway/nfs"
)

// ID is an origin's durable identity of a file: opaque, comparable, at most MaxID bytes, never given to another file.
type ID string

// MaxID bounds the length of an ID in bytes.
const MaxID = 256

// Cred is who a call runs as.
type Cred struct {
	UID, GID uint32
	GIDs     []uint32 // supplementary groups, at most 16 over AUTH_SYS
}

// Node is a file as a lookup finds it.
type Node struct {
	ID   ID
	Attr nfs.Attr
}

// Origin is a whole storage target.
type Origin interface {
	Attributes
	Data
	Namespace
	Directories

	// Caps says what the origin is and can do. It does not change over the origin's life.
	Caps() Caps
	// Describe names the origin for people: "posix:/srv/nas", "nfs:10.0.0.1:2049/nas".
	Describe() string
	// Close releases connections and descriptors. Calls in flight may fail.
	Close() error
}

// Caps are an origin's declared capabilities.
type Caps struct {
	// Local origins answer from this machine's own file system: nothing of them is worth caching.
	Local bool
	// MaxRead and MaxWrite are the largest useful transfers in bytes.
	MaxRead, MaxWrite uint32
	// Syncs: Sync makes a file or directory durable by itself (posix). Without it durability comes from Commit.
	Syncs bool
	// HardLinks: Link works.
	HardLinks bool
	// SpecialFiles: MkNod works, at least for FIFOs.
	SpecialFiles bool
	// StableCookies: places in directories last (see Directories).
	StableCookies bool
	// WholeObjects: each durable change of a file writes all of it anew, so that writes should be gathered first.
	WholeObjects bool
}

// Attributes is everything that describes files without changing them.
type Attributes interface {
	// Root returns the exported directory itself.
	Root(ctx context.Context) (Node, error)
	GetAttr(ctx context.Context, as Cred, id ID) (nfs.Attr, error)
	// Lookup finds name in dir. The directory's attributes after the call come back even when the name is not there
	// (as far as the origin says).
	Lookup(ctx context.Context, as Cred, dir ID, name string) (Node, nfs.OptAttr, error)
	// Access answers which of the ACCESS bits in want (RFC 1813 §3.3.4) the caller has.
	Access(ctx context.Context, as Cred, id ID, want nfs.Access) (nfs.Access, error)
	ReadLink(ctx context.Context, as Cred, id ID) (string, error)
	StatFS(ctx context.Context, id ID) (FSStat, error)
	PathConf(ctx context.Context, id ID) (PathConf, error)
}

// Data is reading and writing regular files.
type Data interface {
	// Read fills buf from off. N is short only at the end of the file. Attr is the file after the read.
	Read(ctx context.Context, as Cred, id ID, off uint64, buf []byte) (ReadResult, error)
	// Write stores data at off with at least the stability asked for; N may be short.
	Write(ctx context.Context, as Cred, id ID, off uint64, data []byte, how nfs.Stable) (WriteResult, error)
	// Commit makes earlier unstable writes in the range durable; n = 0 means to the end of the file.
	Commit(ctx context.Context, as Cred, id ID, off uint64, n uint32) (CommitResult, error)
	// Sync makes a file's content or a directory's names durable, whoever changed them. Only with Caps.Syncs.
	Sync(ctx context.Context, id ID) error
}

// Namespace changes names and attributes. The WCC data returned describe the object for SetAttr, else the directory; on
// an error they are valid too, as far as known.
type Namespace interface {
	SetAttr(ctx context.Context, as Cred, id ID, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error)
	Create(ctx context.Context, as Cred, dir ID, name string, how CreateHow) (Made, error)
	MkDir(ctx context.Context, as Cred, dir ID, name string, set nfs.SetAttr) (Made, error)
	Symlink(ctx context.Context, as Cred, dir ID, name, target string, set nfs.SetAttr) (Made, error)
	MkNod(ctx context.Context, as Cred, dir ID, name string, kind Special, set nfs.SetAttr) (Made, error)
	Remove(ctx context.Context, as Cred, dir ID, name string) (nfs.WccData, error)
	RmDir(ctx context.Context, as Cred, dir ID, name string) (nfs.WccData, error)
	Rename(ctx context.Context, as Cred, from ID, fromName string, to ID, toName string) (RenameResult, error)
	// Link adds a name for id. The first WCC's After describes the file, the second is the directory's.
	Link(ctx context.Context, as Cred, id, dir ID, name string) (LinkResult, error)
}

// Directories lists names.
type Directories interface {
	// ReadDir returns entries after cookie (0: from the start) and never "." or "..". Cookies are the origin's own. With
	// Caps.StableCookies each entry has one, which means the same place as long as the directory lives: whatever is made
	// or removed in between, and after a restart, the entries that follow it are those that did before. Otherwise only a
	// page's Next is good, until the directory changes. With plus, entries carry Node where the origin could tell.
	ReadDir(ctx context.Context, as Cred, dir ID, cookie Cookie, plus bool) (Page, error)
}

// Cookie is a place in a directory listing: the origin's cookie and the verifier it belongs to.
type Cookie struct {
	At   uint64
	Verf nfs.Verifier
}

// Page is one piece of a directory listing.
type Page struct {
	Entries []DirEntry
	Next    Cookie
	EOF     bool
	Dir     nfs.OptAttr // the directory, if the origin said
}

// DirEntry is one name.
type DirEntry struct {
	Name   string
	FileID uint64
	Cookie uint64 // the place after it
	Node   *Node  // nil unless asked for and known
}
