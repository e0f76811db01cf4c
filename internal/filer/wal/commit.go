package wal

import "fmt"

// commit writes batches until the log is closed or poisoned. It is the only writer.
func (l *Log) commit() {
	defer close(l.stopped)
	var buf []byte
	for {
		l.mu.Lock()
		for l.err == nil && !l.closing && (len(l.pending) == 0 || !l.room()) {
			l.work.Wait()
		}
		if l.err == nil && len(l.pending) > 0 && !l.room() {
			l.fail(ErrFull) // closing, and nobody will release any more
		}
		if l.err != nil || len(l.pending) == 0 {
			l.mu.Unlock()
			return
		}
		p := l.plan(buf[:0])
		l.mu.Unlock()

		buf = p.bytes
		_, err := p.file.WriteAt(p.bytes, p.off)
		if err == nil {
			err = p.file.Sync()
		}

		l.mu.Lock()
		if err != nil {
			if l.err == nil {
				l.fail(fmt.Errorf("write the log: %w", err))
			}
			l.mu.Unlock()
			return
		}
		l.durable = p.end
		l.syncs++
		close(l.moved)
		l.moved = make(chan struct{})
		l.mu.Unlock()
	}
}

// planned is one write.
type planned struct {
	file  File
	off   int64
	bytes []byte
	end   uint64 // sequence number after its last record
}

// batchSize is how many of the pending records go into one batch, and its size on disk. Called with mu held.
func (l *Log) batchSize() (count int, size int64) {
	n := batchHeader
	for _, r := range l.pending {
		if grown := n + recordHeader + len(r); count == 0 || int64(grown) <= l.opt.SegmentSize/4 {
			n = grown
			count++
			continue
		}
		break
	}
	return count, int64(pad(n))
}

// room says whether the next batch has a place. Called with mu held.
func (l *Log) room() bool {
	_, size := l.batchSize()
	return l.open && l.at+size <= l.opt.SegmentSize || len(l.live) < len(l.files)
}

// plan takes records off the queue and encodes them, opening the next segment where the present one is full. The new
// segment's header goes out in the same write as its first batch. Called with mu held.
func (l *Log) plan(buf []byte) planned {
	count, size := l.batchSize()
	first := l.next - uint64(len(l.pending))
	off := l.at
	if !l.open || l.at+size > l.opt.SegmentSize {
		l.ordinal++
		seg := segment{l.id, l.ordinal, first}
		l.live = append(l.live, placed{seg, l.freeFile()})
		l.open = true
		buf = append(buf, seg.encode()...)
		off, l.at = 0, sector
	}
	now := l.live[len(l.live)-1]
	buf = now.appendBatch(buf, first, l.durable, l.pending[:count])
	l.at += size
	for _, r := range l.pending[:count] {
		l.bytes -= int64(len(r)) + recordHeader
	}
	rest := copy(l.pending, l.pending[count:])
	clear(l.pending[rest:])
	l.pending = l.pending[:rest]
	return planned{l.files[now.file], off, buf, first + uint64(count)}
}

// freeFile returns a file that holds no live segment. Called with mu held, and only when there is one.
func (l *Log) freeFile() int {
	used := make([]bool, len(l.files))
	for _, p := range l.live {
		used[p.file] = true
	}
	for i, u := range used {
		if !u {
			return i
		}
	}
	return 0
}
