package nfs

// CreateMode says what CREATE does if the name exists (createmode3, RFC 1813 §3.3.8).
type CreateMode uint32

// The ways to create.
const (
	Unchecked CreateMode = 0 // take the file that is there
	Guarded   CreateMode = 1 // fail with ErrExist
	Exclusive CreateMode = 2 // fail with ErrExist unless the file was created by the same Verifier
)

// CreateArgs creates a regular file (RFC 1813 §3.3.8).
type CreateArgs struct {
	Dir      Handle
	Name     string
	How      CreateMode
	Attr     SetAttr  // for Unchecked and Guarded
	Verifier Verifier // for Exclusive
}

// NewResult is the answer to CREATE, MKDIR, SYMLINK and MKNOD.
type NewResult struct {
	Status Status
	Object OptHandle
	Attr   OptAttr
	DirWcc WccData
}

// CreateResult is the answer to CREATE.
type CreateResult = NewResult

// MkdirResult is the answer to MKDIR.
type MkdirResult = NewResult

// SymlinkResult is the answer to SYMLINK.
type SymlinkResult = NewResult

// MknodResult is the answer to MKNOD.
type MknodResult = NewResult

// MkdirArgs creates a directory (RFC 1813 §3.3.9).
type MkdirArgs struct {
	Dir  Handle
	Name string
	Attr SetAttr
}

// SymlinkArgs creates a symbolic link (RFC 1813 §3.3.10).
type SymlinkArgs struct {
	Dir    Handle
	Name   string
	Attr   SetAttr
	Target string
}

// MknodArgs creates a device, socket or FIFO (RFC 1813 §3.3.11).
type MknodArgs struct {
	Dir    Handle
	Name   string
	Type   FileType
	Attr   SetAttr // for devices, sockets and FIFOs
	Device Device  // for devices
}

// RemoveArgs removes a name that is no directory (RFC 1813 §3.3.12), or, as RmdirArgs, an empty directory (§3.3.13).
type RemoveArgs struct {
	Dir  Handle
	Name string
}

// RmdirArgs removes an empty directory.
type RmdirArgs = RemoveArgs

// RemoveResult is the answer to REMOVE and RMDIR.
type RemoveResult struct {
	Status Status
	DirWcc WccData
}

// RmdirResult is the answer to RMDIR.
type RmdirResult = RemoveResult

// RenameArgs renames, replacing what has the new name (RFC 1813 §3.3.14).
type RenameArgs struct {
	FromDir  Handle
	FromName string
	ToDir    Handle
	ToName   string
}

// RenameResult is the answer to RENAME.
type RenameResult struct {
	Status  Status
	FromWcc WccData
	ToWcc   WccData
}

// LinkArgs makes a hard link to Object (RFC 1813 §3.3.15).
type LinkArgs struct {
	Object Handle
	Dir    Handle
	Name   string
}

// LinkResult is the answer to LINK.
type LinkResult struct {
	Status Status
	Attr   OptAttr
	DirWcc WccData
}
