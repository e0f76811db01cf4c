package filer

import (
	"encoding/binary"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// nameOp is a change of a directory's names that was acknowledged here and that its origin does not have yet: the making
// of an object.
type nameOp struct {
	serial  uint64 // in the order of the log; not given again while one that had it may be in the log
	kind    opKind
	target  uint32
	dir     uint64 // inode ids
	inode   uint64
	name    string
	as      origin.Cred // who does it
	session uint64
	at      time.Time
	attr    nfs.Attr // as clients were told; what is asked of the origin is mode, mtime and atime
	text    string   // of a symbolic link
	how     nfs.CreateMode
	verf    nfs.Verifier // of an exclusive CREATE

	state opState // guarded by nameBack.mu
}

// opKind says what a nameOp does. The values are those of the log.
type opKind uint8

const (
	opCreate opKind = iota + 1
	opMkdir
	opSymlink
)

func (k opKind) String() string {
	return [...]string{opCreate: "create", opMkdir: "mkdir", opSymlink: "symlink"}[k]
}

// opEnd says how a nameOp ended. The values are those of the log.
type opEnd uint8

const (
	opLanded   opEnd = iota + 1 // the origin has it
	opConflict                  // the origin has it under another name
	opForsaken                  // it will never land
)

// The records of names in the write-back log (docs/formats/write-back-log.md); the index keeps the first under "y".
const (
	recordName    = 4
	recordNameEnd = 5
)

// nameEnd is the record that a nameOp has ended. With opLanded and opConflict it says what the object is at the origin.
type nameEnd struct {
	serial, inode uint64
	target        uint32
	end           opEnd
	oid           origin.ID
	attr          nfs.Attr
}

func (o *nameOp) encode() []byte {
	b := append(make([]byte, 0, 192+len(o.name)+len(o.text)), recordName)
	for _, v := range [...]uint64{o.serial, uint64(o.kind), uint64(o.target), o.dir, o.inode, o.session, uint64(o.at.UnixNano()), uint64(o.how)} {
		b = binary.AppendUvarint(b, v)
	}
	b = appendCred(b, o.as)
	b = appendBytes(appendBytes(b, o.name), o.text)
	b = append(b, o.verf[:]...)
	return appendAttr(b, &o.attr)
}

func (f *fields) name() *nameOp {
	o := &nameOp{serial: f.u64(), kind: opKind(f.u8()), target: f.u32(), dir: f.u64(), inode: f.u64(), session: f.u64()}
	o.at = time.Unix(0, int64(f.u64()))
	o.how = nfs.CreateMode(f.u32())
	o.as = f.cred()
	o.name, o.text = string(f.bytes()), string(f.bytes())
	if len(f.b) < len(o.verf) {
		f.bad = true
		return o
	}
	f.b = f.b[copy(o.verf[:], f.b):]
	o.attr = f.attr()
	f.bad = f.bad || o.kind < opCreate || o.kind > opSymlink || o.how > nfs.Exclusive
	return o
}

func (e *nameEnd) encode() []byte {
	b := append(make([]byte, 0, 128+len(e.oid)), recordNameEnd)
	for _, v := range [...]uint64{e.serial, e.inode, uint64(e.target), uint64(e.end)} {
		b = binary.AppendUvarint(b, v)
	}
	return appendAttr(appendBytes(b, string(e.oid)), &e.attr)
}

func (f *fields) nameEnd() nameEnd {
	e := nameEnd{serial: f.u64(), inode: f.u64(), target: f.u32(), end: opEnd(f.u8()), oid: origin.ID(f.bytes()), attr: f.attr()}
	f.bad = f.bad || e.end < opLanded || e.end > opForsaken || len(e.oid) > origin.MaxID || (e.oid == "") != (e.end == opForsaken)
	return e
}
