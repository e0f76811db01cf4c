package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// sector is the unit in which disks write: batches and headers start at one, so that no write touches an older one's.
const sector = 512

const (
	segmentMagic = "SPWLSEG1"
	segmentBytes = 40 // of the header's first sector
	batchMagic   = 0x53505742
	batchHeader  = 40
	recordHeader = 4
)

// errBatch says that there is no whole batch at this place.
var errBatch = errors.New("no batch")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// segment is what a segment's header says.
type segment struct {
	id      uint64 // of the log
	ordinal uint64 // of this use of the file, from 1
	first   uint64 // sequence number of the first record
}

// encode fills a whole sector.
func (s segment) encode() []byte {
	b := make([]byte, sector)
	copy(b, segmentMagic)
	binary.BigEndian.PutUint64(b[8:], s.id)
	binary.BigEndian.PutUint64(b[16:], s.ordinal)
	binary.BigEndian.PutUint64(b[24:], s.first)
	binary.BigEndian.PutUint32(b[32:], crc32.Checksum(b[:32], castagnoli()))
	return b
}

func parseSegment(b []byte) (segment, bool) {
	if len(b) < segmentBytes || string(b[:8]) != segmentMagic || binary.BigEndian.Uint32(b[32:]) != crc32.Checksum(b[:32], castagnoli()) {
		return segment{}, false
	}
	return segment{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:])}, true
}

// batch is a decoded batch; records alias the buffer it was read from.
type batch struct {
	first   uint64 // sequence number of records[0]
	durable uint64 // records below it were durable when the batch was written
	records [][]byte
	size    int // on disk, with padding
}

// seed ties a batch's checksum to its log and segment: remains of another use of the file, or a batch that a client
// wrote into its data, do not pass.
func (s segment) seed(b []byte) uint32 {
	var salt [16]byte
	binary.BigEndian.PutUint64(salt[:], s.id)
	binary.BigEndian.PutUint64(salt[8:], s.ordinal)
	return crc32.Update(crc32.Checksum(salt[:], castagnoli()), castagnoli(), b)
}

// appendBatch encodes records as one batch, padded to whole sectors.
//
//	0  magic      4  CRC-32C of the rest, seeded with log id and ordinal
//	8  first      16 durable      24 records (4)      28 bytes of the body (4)      32 zero (8)
//	40 body: for each record its length (4) and bytes
func (s segment) appendBatch(dst []byte, first, durable uint64, records [][]byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, batchHeader)...)
	for _, r := range records {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(r)))
		dst = append(dst, r...)
	}
	b := dst[start:]
	binary.BigEndian.PutUint32(b, batchMagic)
	binary.BigEndian.PutUint64(b[8:], first)
	binary.BigEndian.PutUint64(b[16:], durable)
	binary.BigEndian.PutUint32(b[24:], uint32(len(records)))
	binary.BigEndian.PutUint32(b[28:], uint32(len(b)-batchHeader))
	binary.BigEndian.PutUint32(b[4:], s.seed(b[8:]))
	return append(dst, make([]byte, pad(len(b))-len(b))...)
}

// parseBatch decodes the batch at the start of b.
func (s segment) parseBatch(b []byte) (batch, error) {
	if len(b) < batchHeader || binary.BigEndian.Uint32(b) != batchMagic {
		return batch{}, errBatch
	}
	count, body := binary.BigEndian.Uint32(b[24:]), uint64(binary.BigEndian.Uint32(b[28:]))
	if body > uint64(len(b)-batchHeader) || uint64(count)*recordHeader > body || count == 0 {
		return batch{}, errBatch
	}
	b = b[:batchHeader+body]
	if binary.BigEndian.Uint32(b[4:]) != s.seed(b[8:]) {
		return batch{}, errBatch
	}
	out := batch{
		first: binary.BigEndian.Uint64(b[8:]), durable: binary.BigEndian.Uint64(b[16:]),
		records: make([][]byte, 0, count), size: pad(len(b)),
	}
	for rest := b[batchHeader:]; ; {
		if len(rest) == 0 && len(out.records) == int(count) {
			return out, nil
		}
		if len(rest) < recordHeader || len(out.records) == int(count) {
			return batch{}, errBatch
		}
		n := uint64(binary.BigEndian.Uint32(rest))
		if rest = rest[recordHeader:]; n > uint64(len(rest)) {
			return batch{}, errBatch
		}
		out.records = append(out.records, rest[:n:n])
		rest = rest[n:]
	}
}

// pad rounds up to whole sectors.
func pad(n int) int { return (n + sector - 1) / sector * sector }
