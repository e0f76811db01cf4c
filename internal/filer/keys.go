package filer

import (
	"encoding/binary"

	"github.com/spillway/spillway/internal/origin"
)

// The keys of the cache index. Numbers are big-endian, so that ranges scan in order.
//
//	"m" name               singletons: handle key, next inode id, epoch, receipt serial, state of the status monitor
//	"t" export NUL origin [NUL folder]   export id (4 bytes)
//	"t" NUL origin         target id (4 bytes)
//	"i" inode id           target id (4), origin identity
//	"o" target id, identity   inode id (8)
//	"p" target id, identity   place of a file of a handle-less folder: parent length (2), parent, name
//	"d" inode id           content record (persist.go)
//	"r" inode id           receipt (receipts.go)
//	"s" session id         mount session (session.go)
//	"n" client             host with locks (lockclients.go)
//	"u" target id, inode id, owner   who may have locks at an origin (lockorigin.go)
//	"j" name               priming job (primejobs.go)
//	"w" inode id           state of a dirty file (dirtyrecord.go)
//	"x" inode id           how often content records were declared void (8)
//	"y" serial number      name that is owed to its origin (nameop.go)
//	"v" inode id           verifier of the exclusive CREATE that made the file here (8)
//	"a" inode id, time     dirty data that was set aside (aside.go)
//	"q" client             answers that are given again after a restart (replylog.go)
//	"c" target id          traffic counters (counters.go)
func metaKey(name string) []byte { return append([]byte{'m'}, name...) }

func inodeKey(kind byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, id)
}

func targetKey(kind byte, target uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{kind}, target)
}

func identityKey(kind byte, target uint32, id origin.ID) []byte {
	return append(targetKey(kind, target), id...)
}
