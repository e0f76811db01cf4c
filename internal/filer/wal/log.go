package wal

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Errors of the log.
var (
	// ErrFull says that the segments are used up until Release: apply what is in the log, and try again.
	ErrFull = errors.New("the log is full")
	// ErrTooLarge says that a record is larger than MaxRecord.
	ErrTooLarge = errors.New("the record is too large for the log")
	// ErrClosed says that the log has been closed.
	ErrClosed = errors.New("the log is closed")
	// ErrDamaged says that records which had been confirmed cannot be read. It is returned by Open.
	ErrDamaged = errors.New("the log is damaged")
)

// Options shape a log. All but ID must stay the same over its life.
type Options struct {
	// ID is what Log.ID returned when the log was made; 0 makes a new one. A log of another id is ErrDamaged.
	ID uint64
	// SegmentSize in bytes, a multiple of 4096, and how many. 0: 16 MiB, 8.
	SegmentSize int64
	Segments    int
}

func (o Options) filled() (Options, error) {
	if o.SegmentSize == 0 {
		o.SegmentSize = 16 << 20
	}
	if o.Segments == 0 {
		o.Segments = 8
	}
	if o.SegmentSize%4096 != 0 || o.SegmentSize < 8192 || o.SegmentSize > 1<<30 || o.Segments < 5 || o.Segments > 1<<12 {
		return o, fmt.Errorf("%d segments of %d bytes make no log", o.Segments, o.SegmentSize)
	}
	return o, nil
}

// reserved is how many free segments Append leaves alone.
const reserved = 3

// Log is an open log. Its methods may be called concurrently.
type Log struct {
	opt     Options
	id      uint64
	files   []File
	stopped chan struct{} // closed when the committer has ended

	mu      sync.Mutex // guards everything below
	work    *sync.Cond // something is pending, free, or closing
	pending [][]byte
	bytes   int64 // of pending, as they will stand in batches
	next    uint64
	durable uint64        // records below it are on the disk
	moved   chan struct{} // closed when durable or err changes, then replaced
	err     error
	closing bool
	live    []placed // in the order of their ordinals; the last one is being written, if open is set
	open    bool
	at      int64 // where the next batch goes in the open segment
	ordinal uint64
	syncs   uint64
}

// placed is a segment in use.
type placed struct {
	segment
	file int
}

// ID returns what ties the segments together, to be kept with the position.
func (l *Log) ID() uint64 { return l.id }

// MaxRecord is the largest record in bytes.
func (l *Log) MaxRecord() int { return int(l.opt.SegmentSize/4) - batchHeader - recordHeader }

// Next returns the sequence number that the next record will get.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Used returns how much of the ring holds records that were not released, in bytes, and how much there is.
func (l *Log) Used() (used, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.live)) * l.opt.SegmentSize, int64(len(l.files)) * l.opt.SegmentSize
}

// Syncs returns how many commits there have been.
func (l *Log) Syncs() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.syncs
}

// Append puts records into the log, in order, and returns the sequence number of the last one. They are durable when Wait
// says so. The records belong to the log until then.
func (l *Log) Append(records ...[]byte) (uint64, error) { return l.append(reserved, records) }

// AppendReserved is Append for records that free the log or settle what is promised; they may use the reserve.
func (l *Log) AppendReserved(records ...[]byte) (uint64, error) { return l.append(1, records) }

func (l *Log) append(leave int, records [][]byte) (uint64, error) {
	var n int64
	for _, r := range records {
		if len(r) > l.MaxRecord() {
			return 0, ErrTooLarge
		}
		n += int64(len(r)) + recordHeader
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
		return 0, l.err
	case l.closing:
		return 0, ErrClosed
	case len(l.files)-len(l.live) < leave || leave == reserved && l.bytes+n > l.opt.SegmentSize:
		return 0, ErrFull
	}
	l.pending = append(l.pending, records...)
	l.bytes += n
	l.next += uint64(len(records))
	l.work.Signal()
	return l.next - 1, nil
}

// Wait returns when the record is durable, when the log can no longer make it so, or when ctx ends; then it may or may
// not be.
func (l *Log) Wait(ctx context.Context, seq uint64) error {
	for {
		l.mu.Lock()
		durable, err, moved := l.durable, l.err, l.moved
		l.mu.Unlock()
		if seq < durable {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Err returns why the log is poisoned, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Release says that records below seq are no longer needed: what they say is durable elsewhere.
func (l *Log) Release(seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.live) > 1 && l.live[1].first <= seq {
		l.live = l.live[1:]
	}
	if len(l.live) == 1 && !l.open && seq >= l.next {
		l.live = nil
	}
	l.work.Signal()
}

// Close makes durable what is pending and closes the files.
func (l *Log) Close() error { return l.end(false) }

// Abandon closes the files as a crash would: nothing more is written.
func (l *Log) Abandon() { _ = l.end(true) } // it is a crash: nobody is told

func (l *Log) end(crash bool) error {
	l.mu.Lock()
	if crash && l.err == nil {
		l.fail(ErrClosed)
	}
	l.closing = true
	l.work.Signal()
	l.mu.Unlock()
	<-l.stopped
	err := l.Err()
	if crash {
		err = nil
	}
	for _, f := range l.files {
		err = errors.Join(err, f.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.fail(ErrClosed)
	}
	l.files = nil
	return err
}

// fail poisons the log. Called with mu held.
func (l *Log) fail(err error) {
	l.err, l.pending = err, nil
	close(l.moved)
	l.moved = make(chan struct{})
}
