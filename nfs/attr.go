package nfs

import "time"

// FileType is what a file is (ftype3, RFC 1813 §2.6).
type FileType uint32

// The file types.
const (
	TypeRegular   FileType = 1
	TypeDirectory FileType = 2
	TypeBlock     FileType = 3
	TypeChar      FileType = 4
	TypeSymlink   FileType = 5
	TypeSocket    FileType = 6
	TypeFIFO      FileType = 7
)

// Time is a point in time since 1970, UTC (nfstime3). It ends in 2106.
type Time struct {
	Sec  uint32
	Nsec uint32
}

// TimeOf returns t as the protocol can say it; what lies outside 1970 to 2106 becomes the nearest end.
func TimeOf(t time.Time) Time {
	sec := t.Unix()
	switch {
	case sec < 0:
		return Time{}
	case sec > 1<<32-1:
		return Time{Sec: 1<<32 - 1, Nsec: 999_999_999}
	}
	return Time{Sec: uint32(sec), Nsec: uint32(t.Nanosecond())}
}

// Time returns t in UTC.
func (t Time) Time() time.Time { return time.Unix(int64(t.Sec), int64(t.Nsec)).UTC() }

// Before reports whether t is earlier than u.
func (t Time) Before(u Time) bool { return t.Sec < u.Sec || t.Sec == u.Sec && t.Nsec < u.Nsec }

// Device is the number of a block or character device (specdata3).
type Device struct {
	Major, Minor uint32
}

// Attr are the attributes of a file (fattr3).
type Attr struct {
	Type   FileType
	Mode   uint32 // permission bits 07777, without the type
	Nlink  uint32
	UID    uint32
	GID    uint32
	Size   uint64 // bytes
	Used   uint64 // bytes on disk
	Rdev   Device
	FSID   uint64
	FileID uint64
	Atime  Time
	Mtime  Time
	Ctime  Time
}

// Pre returns the part of the attributes that weak cache consistency compares.
func (a *Attr) Pre() PreAttr { return PreAttr{Size: a.Size, Mtime: a.Mtime, Ctime: a.Ctime} }

// PreAttr are the attributes before an operation (wcc_attr).
type PreAttr struct {
	Size  uint64
	Mtime Time
	Ctime Time
}

// OptAttr are attributes that a reply may leave out (post_op_attr).
type OptAttr struct {
	Present bool
	Attr    Attr
}

// WithAttr returns a as attributes that are present.
func WithAttr(a Attr) OptAttr { return OptAttr{Present: true, Attr: a} }

// OptPreAttr are attributes before an operation that a reply may leave out (pre_op_attr). They must have been read
// atomically with the operation, else they must be left out (RFC 1813 §2.6).
type OptPreAttr struct {
	Present bool
	Attr    PreAttr
}

// WccData are the attributes of an object before and after an operation (wcc_data).
type WccData struct {
	Before OptPreAttr
	After  OptAttr
}

// OptHandle is a handle that a reply may leave out (post_op_fh3).
type OptHandle struct {
	Present bool
	Handle  Handle
}

// WithHandle returns h as a handle that is present.
func WithHandle(h Handle) OptHandle { return OptHandle{Present: true, Handle: h} }

// TimeHow says how SETATTR sets a time (time_how).
type TimeHow uint32

// The ways to set a time.
const (
	DontChange      TimeHow = 0
	SetToServerTime TimeHow = 1
	SetToClientTime TimeHow = 2
)

// SetTime is a change of a time; its zero value changes nothing.
type SetTime struct {
	How  TimeHow
	Time Time // for SetToClientTime
}

// Changes of one attribute; their zero values change nothing.
type (
	// SetUint32 changes mode, uid or gid.
	SetUint32 struct {
		Set   bool
		Value uint32
	}
	// SetUint64 changes the size.
	SetUint64 struct {
		Set   bool
		Value uint64
	}
)

// SetAttr are the attributes to change or to give to a new file (sattr3); its zero value changes nothing.
type SetAttr struct {
	Mode  SetUint32
	UID   SetUint32
	GID   SetUint32
	Size  SetUint64
	Atime SetTime
	Mtime SetTime
}

// Set32 returns the change to v.
func Set32(v uint32) SetUint32 { return SetUint32{Set: true, Value: v} }

// Set64 returns the change to v.
func Set64(v uint64) SetUint64 { return SetUint64{Set: true, Value: v} }

// SetTimeTo returns the change to a time of the client's choosing.
func SetTimeTo(t Time) SetTime { return SetTime{How: SetToClientTime, Time: t} }
