package nfs

import (
	"os"
)

// ReadArgs asks for bytes of a file (RFC 1813 §3.3.6).
type ReadArgs struct {
	File   Handle
	Offset uint64 // bytes
	Count  uint32 // bytes
}

// ReadResult is the answer to READ. A server gives the bytes as Data or as a Range of a file; a client gets Data.
type ReadResult struct {
	Status Status
	Attr   OptAttr
	EOF    bool // the bytes reach the end of the file
	Data   []byte

	// Range, where its File is not nil, is sent instead of Data.
	Range FileRange
	// Release, if not nil, is called once when Data and Range are no longer needed: the reply has been sent, or never
	// will be. It must not block.
	Release func()
}

// FileRange is a piece of an open file that holds bytes to send. It must not shrink before it has been sent, else the
// connection is closed. The file's own position is neither used nor moved.
type FileRange struct {
	File   *os.File
	Offset int64 // bytes
	Length int   // bytes
}

// Stable says how durable written data are (stable_how, RFC 1813 §3.3.7). Higher is more.
type Stable uint32

// The degrees of durability.
const (
	Unstable Stable = 0
	DataSync Stable = 1
	FileSync Stable = 2
)

// Verifier is the opaque value of a server that changes when unstable data may have been lost (writeverf3), that tells
// an exclusive CREATE from another (createverf3), and that goes with directory cookies (cookieverf3).
type Verifier [8]byte

// WriteArgs writes bytes to a file (RFC 1813 §3.3.7). In a server, Data belongs to the request and is void after the
// procedure has returned.
type WriteArgs struct {
	File   Handle
	Offset uint64 // bytes
	Stable Stable
	Data   []byte
}

// WriteResult is the answer to WRITE. Count may be less than was sent; Committed is never less than was asked for, nor
// more than is true.
type WriteResult struct {
	Status    Status
	Wcc       WccData
	Count     uint32 // bytes
	Committed Stable
	Verifier  Verifier
}

// CommitArgs asks that unstable data become durable (RFC 1813 §3.3.21). Count 0 means to the end of the file.
type CommitArgs struct {
	File   Handle
	Offset uint64 // bytes
	Count  uint32 // bytes
}

// CommitResult is the answer to COMMIT. Data written under another verifier than Verifier must be written again.
type CommitResult struct {
	Status   Status
	Wcc      WccData
	Verifier Verifier
}
