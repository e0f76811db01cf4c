package nfs

// Cookie is a position in a directory: where the next READDIR goes on. 0 is the start.
type Cookie uint64

// DirEntry is a name in a directory. Attr and Handle are of READDIRPLUS only.
type DirEntry struct {
	FileID uint64
	Name   string
	Cookie Cookie // the position after this entry
	Attr   OptAttr
	Handle OptHandle
}

// ReaddirArgs asks for names (RFC 1813 §3.3.16).
type ReaddirArgs struct {
	Dir      Handle
	Cookie   Cookie
	Verifier Verifier
	Count    uint32 // most bytes of the reply
}

// ReaddirplusArgs asks for names, attributes and handles (RFC 1813 §3.3.17).
type ReaddirplusArgs struct {
	Dir      Handle
	Cookie   Cookie
	Verifier Verifier
	DirCount uint32 // most bytes of names, cookies and file ids
	MaxCount uint32 // most bytes of the reply
}

// ReaddirResult is the answer to READDIR and READDIRPLUS. A server adds entries with Add.
type ReaddirResult struct {
	Status   Status
	DirAttr  OptAttr
	Verifier Verifier
	Entries  []DirEntry
	EOF      bool // no entries follow

	plus      bool
	full      bool // Add has returned false
	dirBytes  int  // of names, cookies and file ids that may still be added
	bodyBytes int  // of the reply that may still be added
	encoded   int  // bytes that the entries so far take in the reply
}

// ReaddirplusResult is the answer to READDIRPLUS.
type ReaddirplusResult = ReaddirResult
