package copies

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/spillway/spillway/nfs"
)

// BlockSize is how many bytes of a copy one checksum covers.
const BlockSize = 1 << 20

// maxSize bounds the files that are copied, and with them the records that are read: 1 TiB has 4 MiB of checksums.
const maxSize = 1 << 40

// record is what is written beside a copy, in big-endian numbers:
//
//	0    "SPLCOPY1"
//	8    size 8, mtime 4+4, ctime 4+4                        the version at the server (RFC 1813's nfstime3)
//	32   inode 8, size 8, mtime 8, ctime 8 (nanoseconds)     of the copy when it was complete
//	64   boot id 16
//	80   CRC-32C of bytes 0 to 80, 4
//	84   CRC-32C of each block, 4 each
//	end  CRC-32C of all the blocks' checksums, 4
type record struct {
	version nfs.PreAttr
	local   local
	boot    [16]byte
	sums    []uint32
}

// local is how a file looks on the node's own disk.
type local struct {
	inode, size  uint64
	mtime, ctime int64
}

const (
	recordMagic  = "SPLCOPY1"
	recordHeader = 84
)

var errRecord = errors.New("copies: the record is damaged")

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// blocks returns how many checksums a file of the size has.
func blocks(size uint64) int { return int((size + BlockSize - 1) / BlockSize) }

func (r *record) encode() []byte {
	be := binary.BigEndian
	b := append(make([]byte, 0, recordHeader+4*len(r.sums)+4), recordMagic...)
	b = be.AppendUint64(b, r.version.Size)
	for _, t := range []nfs.Time{r.version.Mtime, r.version.Ctime} {
		b = be.AppendUint32(be.AppendUint32(b, t.Sec), t.Nsec)
	}
	b = be.AppendUint64(be.AppendUint64(b, r.local.inode), r.local.size)
	b = be.AppendUint64(be.AppendUint64(b, uint64(r.local.mtime)), uint64(r.local.ctime))
	b = append(b, r.boot[:]...)
	b = be.AppendUint32(b, castagnoli(b))
	for _, sum := range r.sums {
		b = be.AppendUint32(b, sum)
	}
	return be.AppendUint32(b, castagnoli(b[recordHeader:]))
}

// decodeHeader reads the fixed part of a record. The checksums are left out.
func decodeHeader(b []byte) (record, error) {
	be := binary.BigEndian
	if len(b) < recordHeader || string(b[:8]) != recordMagic || castagnoli(b[:80]) != be.Uint32(b[80:]) {
		return record{}, errRecord
	}
	r := record{
		version: nfs.PreAttr{
			Size:  be.Uint64(b[8:]),
			Mtime: nfs.Time{Sec: be.Uint32(b[16:]), Nsec: be.Uint32(b[20:])},
			Ctime: nfs.Time{Sec: be.Uint32(b[24:]), Nsec: be.Uint32(b[28:])},
		},
		local: local{inode: be.Uint64(b[32:]), size: be.Uint64(b[40:]), mtime: int64(be.Uint64(b[48:])), ctime: int64(be.Uint64(b[56:]))},
		boot:  [16]byte(b[64:80]),
	}
	if r.version.Size > maxSize || r.local.size != r.version.Size {
		return record{}, errRecord
	}
	return r, nil
}

// decode reads a whole record.
func decode(b []byte) (record, error) {
	r, err := decodeHeader(b)
	if err != nil {
		return r, err
	}
	n := blocks(r.version.Size)
	sums := b[recordHeader:]
	if len(sums) != 4*n+4 || castagnoli(sums[:4*n]) != binary.BigEndian.Uint32(sums[4*n:]) {
		return record{}, errRecord
	}
	r.sums = make([]uint32, n)
	for i := range r.sums {
		r.sums[i] = binary.BigEndian.Uint32(sums[4*i:])
	}
	return r, nil
}
