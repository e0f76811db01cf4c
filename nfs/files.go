package nfs

// GetattrArgs asks for attributes (RFC 1813 §3.3.1).
type GetattrArgs struct {
	Object Handle
}

// GetattrResult is the answer to GETATTR.
type GetattrResult struct {
	Status Status
	Attr   Attr
}

// SetattrArgs changes attributes (RFC 1813 §3.3.2). With Guarded, the change is made only if the object's ctime is
// still Ctime, else the status is ErrNotSync.
type SetattrArgs struct {
	Object  Handle
	Attr    SetAttr
	Guarded bool
	Ctime   Time
}

// SetattrResult is the answer to SETATTR.
type SetattrResult struct {
	Status Status
	Wcc    WccData
}

// LookupArgs asks for a name in a directory (RFC 1813 §3.3.3).
type LookupArgs struct {
	Dir  Handle
	Name string
}

// LookupResult is the answer to LOOKUP.
type LookupResult struct {
	Status  Status
	Object  Handle
	Attr    OptAttr
	DirAttr OptAttr
}

// Access is a set of rights (RFC 1813 §3.3.4).
type Access uint32

// The rights.
const (
	AccessRead    Access = 0x01
	AccessLookup  Access = 0x02
	AccessModify  Access = 0x04
	AccessExtend  Access = 0x08
	AccessDelete  Access = 0x10
	AccessExecute Access = 0x20
)

// AccessArgs asks which of some rights the caller has (RFC 1813 §3.3.4).
type AccessArgs struct {
	Object Handle
	Access Access
}

// AccessResult is the answer to ACCESS.
type AccessResult struct {
	Status Status
	Attr   OptAttr
	Access Access
}

// ReadlinkArgs asks for the text of a symbolic link (RFC 1813 §3.3.5).
type ReadlinkArgs struct {
	Object Handle
}

// ReadlinkResult is the answer to READLINK.
type ReadlinkResult struct {
	Status Status
	Attr   OptAttr
	Target string
}
