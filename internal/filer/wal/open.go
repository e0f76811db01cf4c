package wal

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// Open opens the log in disk and calls replay for every record from sequence number from on, in order. It makes a new
// log if opt.ID is 0. The payload is void after replay has returned; an error of replay ends Open. Numbers below from
// are never given again.
func Open(disk Disk, opt Options, from uint64, replay func(seq uint64, record []byte) error) (*Log, error) {
	opt, err := opt.filled()
	if err != nil {
		return nil, err
	}
	l := &Log{opt: opt, id: opt.ID, stopped: make(chan struct{}), moved: make(chan struct{})}
	l.work = sync.NewCond(&l.mu)
	err = l.openFiles(disk)
	switch {
	case err != nil:
	case l.id == 0:
		err = l.create(disk)
	default:
		err = l.recover(from, replay)
	}
	if err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	l.next = max(l.next, from, 1)
	l.durable = l.next
	go l.commit()
	return l, nil
}

func (l *Log) openFiles(disk Disk) error {
	for i := range l.opt.Segments {
		f, err := disk.Open(fmt.Sprintf("%04d.wal", i))
		if err != nil {
			return err
		}
		l.files = append(l.files, f)
	}
	return nil
}

func (l *Log) closeFiles() (err error) {
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// create writes every byte of every segment once, so that later commits find their blocks allocated and written. The
// first header carries the new id.
func (l *Log) create(disk Disk) error {
	var id [8]byte
	rand.Read(id[:])
	l.id = binary.BigEndian.Uint64(id[:]) | 1
	zeros := make([]byte, min(l.opt.SegmentSize, 1<<20))
	for i, f := range l.files {
		for off := int64(0); off < l.opt.SegmentSize; off += int64(len(zeros)) {
			if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), l.opt.SegmentSize-off)], off); err != nil {
				return fmt.Errorf("preallocate the log: %w", err)
			}
		}
		if i == 0 {
			l.ordinal = 1
			if _, err := f.WriteAt(segment{l.id, 1, 1}.encode(), 0); err != nil {
				return err
			}
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return disk.Sync()
}

// recover finds the segments in use and replays them.
func (l *Log) recover(from uint64, replay func(seq uint64, record []byte) error) error {
	var found []placed
	header := make([]byte, sector)
	for i, f := range l.files {
		size, err := f.Size()
		if err != nil {
			return err
		}
		if size != l.opt.SegmentSize {
			return fmt.Errorf("%w: segment %d has %d bytes, not %d", ErrDamaged, i, size, l.opt.SegmentSize)
		}
		if _, err := f.ReadAt(header, 0); err != nil {
			return err
		}
		if s, ok := parseSegment(header); ok && s.id == l.id {
			found = append(found, placed{s, i})
		}
	}
	if len(found) == 0 {
		return fmt.Errorf("%w: no segment of log %016x", ErrDamaged, l.id)
	}
	slices.SortFunc(found, func(a, b placed) int { return cmp.Compare(a.ordinal, b.ordinal) })
	l.ordinal = found[len(found)-1].ordinal
	start := 0
	for i, s := range found {
		if s.first <= from || i == 0 {
			start = i
		}
	}
	// The latest of several with the same first record: the earlier ones ended empty.
	l.live = found[start:]
	if l.live[0].first > max(from, 1) {
		return fmt.Errorf("%w: it begins at record %d, and %d is needed", ErrDamaged, l.live[0].first, from)
	}
	return l.replay(from, replay)
}

// replay reads the live segments. A torn end is where a batch is missing and nothing after it was ever confirmed.
func (l *Log) replay(from uint64, fn func(seq uint64, record []byte) error) error {
	expect := l.live[0].first
	buf := make([]byte, l.opt.SegmentSize)
	for i, s := range l.live {
		switch {
		case i > 0 && s.ordinal != l.live[i-1].ordinal+1:
			return fmt.Errorf("%w: segment %d is missing", ErrDamaged, l.live[i-1].ordinal+1)
		case s.first != expect:
			return fmt.Errorf("%w: segment %d begins at record %d, not %d", ErrDamaged, s.ordinal, s.first, expect)
		}
		if _, err := l.files[s.file].ReadAt(buf, 0); err != nil {
			return err
		}
		off := sector
		for off < len(buf) {
			b, err := s.parseBatch(buf[off:])
			if err != nil || b.first != expect {
				break
			}
			for j, r := range b.records {
				if seq := b.first + uint64(j); seq >= from {
					if err := fn(seq, r); err != nil {
						return err
					}
				}
			}
			expect += uint64(len(b.records))
			off += b.size
		}
		if lost, ok := s.lostAfter(buf[min(off, len(buf)):], expect, from); ok {
			return fmt.Errorf("%w: record %d of segment %d cannot be read, and was confirmed", ErrDamaged, lost, s.ordinal)
		}
	}
	l.next = expect
	return nil
}

// lostAfter looks behind the end of what can be read for batches that say that a record from expect on was confirmed, and
// returns the first such record. Those below from are not missed: a segment whose records were all released may be half
// overwritten by the next one.
func (s segment) lostAfter(b []byte, expect, from uint64) (seq uint64, ok bool) {
	need := max(expect, from)
	for ; len(b) > batchHeader; b = b[sector:] {
		found, err := s.parseBatch(b)
		if err != nil || found.first <= expect {
			continue
		}
		wanted := expect < from && found.first+uint64(len(found.records)) > from
		if found.durable > need || wanted {
			return need, true
		}
	}
	return 0, false
}
