package nfs

// FsstatArgs asks for the space of a file system (RFC 1813 §3.3.18).
type FsstatArgs struct {
	Root Handle
}

// FsstatResult is the answer to FSSTAT.
type FsstatResult struct {
	Status     Status
	Attr       OptAttr
	TotalBytes uint64
	FreeBytes  uint64
	AvailBytes uint64
	TotalFiles uint64
	FreeFiles  uint64
	AvailFiles uint64
	Invarsec   uint32 // seconds for which this is not expected to change
}

// FsinfoArgs asks what a server can do (RFC 1813 §3.3.19).
type FsinfoArgs struct {
	Root Handle
}

// Properties is a set of abilities of a file system (RFC 1813 §3.3.19).
type Properties uint32

// The abilities.
const (
	PropLink        Properties = 0x01 // hard links
	PropSymlink     Properties = 0x02
	PropHomogeneous Properties = 0x08 // PATHCONF is the same for all files
	PropCanSetTime  Properties = 0x10
)

// FsinfoResult is the answer to FSINFO. Sizes are in bytes.
type FsinfoResult struct {
	Status      Status
	Attr        OptAttr
	ReadMax     uint32
	ReadPref    uint32
	ReadMult    uint32
	WriteMax    uint32
	WritePref   uint32
	WriteMult   uint32
	DirPref     uint32
	MaxFileSize uint64
	TimeDelta   Time // granularity of times
	Properties  Properties
}

// PathconfArgs asks for the limits of names (RFC 1813 §3.3.20).
type PathconfArgs struct {
	Object Handle
}

// PathconfResult is the answer to PATHCONF.
type PathconfResult struct {
	Status          Status
	Attr            OptAttr
	LinkMax         uint32
	NameMax         uint32 // bytes
	NoTrunc         bool
	ChownRestricted bool
	CaseInsensitive bool
	CasePreserving  bool
}
