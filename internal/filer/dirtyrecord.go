package filer

import (
	"encoding/binary"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// The records of the write-back log, and the values of the index's "w" keys, which are states
// (docs/formats/write-back-log.md).
const (
	recordData  = 1
	recordState = 2
	recordClean = 3
	recordReply = 8
)

// state is a dirty file as it is kept.
type state struct {
	inode, target, gen, synced uint64
	first, last, tried         time.Time // tried: zero unless a write-back was under way
	as                         origin.Cred
	sessions                   []uint64
	place                      place
	base                       nfs.Attr
	size                       uint64
	mtime, ctime               nfs.Time
	times                      bool
	atime                      nfs.SetTime
	cut                        uint64
	bytes                      ranges
}

// dataRecord is a small stable write.
type dataRecord struct {
	inode, gen   uint64
	size         uint64
	mtime, ctime nfs.Time
	off          uint64
	data         []byte
}

func appendTime(b []byte, t nfs.Time) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(t.Sec)), uint64(t.Nsec))
}

func appendBytes(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func (r *dataRecord) encode() []byte {
	b := append(make([]byte, 0, 64+len(r.data)), recordData)
	for _, v := range [...]uint64{r.inode, r.gen, r.size} {
		b = binary.AppendUvarint(b, v)
	}
	b = appendTime(appendTime(b, r.mtime), r.ctime)
	b = binary.AppendUvarint(b, r.off)
	b = binary.AppendUvarint(b, uint64(len(r.data)))
	return append(b, r.data...)
}

func cleanRecord(inode uint64) []byte { return binary.AppendUvarint([]byte{recordClean}, inode) }

func (s *state) encode() []byte {
	b := append(make([]byte, 0, 256+16*len(s.bytes.spans)), recordState)
	for _, v := range [...]uint64{s.inode, s.target, s.gen, s.synced, uint64(s.first.UnixNano()), uint64(s.last.UnixNano()), uint64(max(s.tried.UnixNano(), 0))} {
		b = binary.AppendUvarint(b, v)
	}
	b = appendCred(b, s.as)
	b = binary.AppendUvarint(b, uint64(len(s.sessions)))
	for _, id := range s.sessions {
		b = binary.AppendUvarint(b, id)
	}
	b = appendBytes(binary.AppendUvarint(b, s.place.dir), s.place.name)
	b = appendAttr(b, &s.base)
	b = binary.AppendUvarint(b, s.size)
	b = appendTime(appendTime(b, s.mtime), s.ctime)
	times := uint64(s.atime.How) << 1
	if s.times {
		times |= 1
	}
	b = appendTime(binary.AppendUvarint(b, times), s.atime.Time)
	b = binary.AppendUvarint(b, s.cut)
	return s.bytes.appendTo(b)
}

func appendCred(b []byte, as origin.Cred) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(as.UID)), uint64(as.GID))
	b = binary.AppendUvarint(b, uint64(len(as.GIDs)))
	for _, g := range as.GIDs {
		b = binary.AppendUvarint(b, uint64(g))
	}
	return b
}

func (f *fields) cred() (as origin.Cred) {
	as.UID, as.GID = f.u32(), f.u32()
	for range f.count() {
		as.GIDs = append(as.GIDs, f.u32())
	}
	return as
}

func appendAttr(b []byte, a *nfs.Attr) []byte {
	for _, v := range [...]uint64{
		uint64(a.Type), uint64(a.Mode), uint64(a.Nlink), uint64(a.UID), uint64(a.GID), a.Size, a.Used,
		uint64(a.Rdev.Major), uint64(a.Rdev.Minor), a.FSID, a.FileID,
	} {
		b = binary.AppendUvarint(b, v)
	}
	return appendTime(appendTime(appendTime(b, a.Atime), a.Mtime), a.Ctime)
}

// fields reads varints; the first failure stays.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) u64() uint64 {
	v, b, err := uvarint(f.b)
	if err != nil {
		f.bad, f.b = true, nil
		return 0
	}
	f.b = b
	return v
}

func (f *fields) u32() uint32 {
	v := f.u64()
	if v > 1<<32-1 {
		f.bad = true
	}
	return uint32(v)
}

func (f *fields) u8() uint8 {
	v := f.u64()
	if v > 1<<8-1 {
		f.bad = true
	}
	return uint8(v)
}

func (f *fields) time() nfs.Time { return nfs.Time{Sec: f.u32(), Nsec: f.u32()} }

// count reads a number of things that follow, each at least one byte long.
func (f *fields) count() int {
	n := f.u64()
	if n > uint64(len(f.b)) {
		f.bad = true
		return 0
	}
	return int(n)
}

func (f *fields) bytes() []byte {
	n := f.count()
	if f.bad {
		return nil
	}
	s := f.b[:n:n]
	f.b = f.b[n:]
	return s
}

func (f *fields) attr() nfs.Attr {
	return nfs.Attr{
		Type: nfs.FileType(f.u32()), Mode: f.u32(), Nlink: f.u32(), UID: f.u32(), GID: f.u32(), Size: f.u64(), Used: f.u64(),
		Rdev: nfs.Device{Major: f.u32(), Minor: f.u32()}, FSID: f.u64(), FileID: f.u64(),
		Atime: f.time(), Mtime: f.time(), Ctime: f.time(),
	}
}

// parseLogRecord decodes any record: a dataRecord whose data alias b, a state, the id of a clean inode, a replyRecord, a *nameOp or
// a nameEnd.
func parseLogRecord(b []byte) (any, error) {
	if len(b) == 0 {
		return nil, errRecord
	}
	f := &fields{b: b[1:]}
	var out any
	switch b[0] {
	case recordData:
		r := dataRecord{inode: f.u64(), gen: f.u64(), size: f.u64(), mtime: f.time(), ctime: f.time(), off: f.u64()}
		r.data = f.bytes()
		f.bad = f.bad || r.off > maxOffset
		out = r
	case recordClean:
		out = f.u64()
	case recordState:
		out = f.state()
	case recordReply:
		out = f.reply()
	case recordName:
		out = f.name()
	case recordNameEnd:
		out = f.nameEnd()
	default:
		return nil, errRecord
	}
	if f.bad || len(f.b) != 0 {
		return nil, errRecord
	}
	return out, nil
}

func (f *fields) state() state {
	s := state{inode: f.u64(), target: f.u64(), gen: f.u64(), synced: f.u64()}
	s.first, s.last = time.Unix(0, int64(f.u64())), time.Unix(0, int64(f.u64()))
	if tried := f.u64(); tried != 0 {
		s.tried = time.Unix(0, int64(tried))
	}
	s.as = f.cred()
	for range f.count() {
		s.sessions = append(s.sessions, f.u64())
	}
	s.place.dir = f.u64()
	s.place.name = string(f.bytes())
	s.base = f.attr()
	s.size = f.u64()
	s.mtime, s.ctime = f.time(), f.time()
	times := f.u64()
	f.bad = f.bad || times>>1 > uint64(nfs.SetToClientTime)
	s.times, s.atime.How = times&1 != 0, nfs.TimeHow(times>>1)
	s.atime.Time = f.time()
	s.cut = f.u64()
	r, rest, err := parseRanges(f.b)
	if err != nil || s.target > 1<<32-1 {
		f.bad = true
	}
	s.bytes, f.b = r, rest
	return s
}
