package origin

import "github.com/spillway/spillway/nfs"

// ReadResult is the outcome of a read.
type ReadResult struct {
	N    int
	EOF  bool
	Attr nfs.Attr // the file after the read
}

// WriteResult is the outcome of a write.
type WriteResult struct {
	WCC       nfs.WccData
	N         int
	Committed nfs.Stable
	Verifier  nfs.Verifier
}

// CommitResult is the outcome of a commit.
type CommitResult struct {
	WCC      nfs.WccData
	Verifier nfs.Verifier
}

// CreateHow says how a regular file is made.
type CreateHow struct {
	Mode     nfs.CreateMode
	Attr     nfs.SetAttr  // Unchecked and Guarded
	Verifier nfs.Verifier // Exclusive: a repeat with the same one succeeds
}

// Special says what MkNod makes.
type Special struct {
	Type   nfs.FileType
	Device nfs.Device
}

// Made is a new object and its directory.
type Made struct {
	Node Node
	Dir  nfs.WccData
}

// RenameResult describes both directories.
type RenameResult struct{ From, To nfs.WccData }

// LinkResult describes the file and the directory.
type LinkResult struct {
	File nfs.OptAttr
	Dir  nfs.WccData
}

// FSStat is RFC 1813 §3.3.18: bytes and files, total, free, and free to the caller.
type FSStat struct {
	TotalBytes, FreeBytes, AvailBytes uint64
	TotalFiles, FreeFiles, AvailFiles uint64
}

// PathConf is RFC 1813 §3.3.20, as far as origins differ.
type PathConf struct {
	LinkMax, NameMax uint32
	CaseInsensitive  bool
}
