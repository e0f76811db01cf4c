package joblog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// Reader reads one log from an offset on.
type Reader struct {
	ctx     context.Context
	store   *Store
	attempt farm.AttemptID
	path    string
	follow  *state // nil: ends where the file ends
	file    *os.File
	offset  int64
	notice  []byte // told in place of an omitted middle
}

// Read opens a log. With follow, reading waits for more until the log is complete, Finish is called or ctx ends; a log that
// does not exist yet is waited for. Without, it ends where the log ends now, and a missing log is empty.
func (s *Store) Read(ctx context.Context, job farm.JobID, attempt farm.AttemptID, offset uint64, follow bool) (*Reader, error) {
	path, err := s.path(job, attempt)
	if err != nil {
		return nil, err
	}
	r := &Reader{ctx: ctx, store: s, attempt: attempt, path: path, offset: int64(offset)}
	if follow {
		r.follow = s.use(attempt)
	}
	return r, nil
}

// Close ends the reading.
func (r *Reader) Close() error {
	if r.follow != nil {
		r.store.release(r.attempt, r.follow)
		r.follow = nil
	}
	if r.file != nil {
		return r.file.Close()
	}
	return nil
}

// Read returns what is there; io.EOF at the log's end.
func (r *Reader) Read(p []byte) (int, error) {
	for {
		// The signal is taken before looking, so that nothing said in between is missed.
		changed, over := r.signal()
		n, err := r.available(p)
		if n > 0 || err != nil {
			return n, err
		}
		if over || r.follow == nil {
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

func (r *Reader) signal() (<-chan struct{}, bool) {
	if r.follow == nil {
		return nil, true
	}
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	return r.follow.changed, r.follow.over
}

// available reads without waiting; 0 bytes and no error: nothing there yet.
func (r *Reader) available(p []byte) (int, error) {
	if len(r.notice) > 0 {
		n := copy(p, r.notice)
		r.notice = r.notice[n:]
		return n, nil
	}
	if r.file == nil {
		f, err := os.Open(r.path)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, nil
		}
		if err != nil {
			return 0, fault.Wrap(fault.Unavailable, err, "open a log")
		}
		r.file = f
	}
	if r.skipHole() {
		return r.available(p)
	}
	if head := r.store.head(); r.offset < head {
		p = p[:min(int64(len(p)), head-r.offset)]
	}
	n, err := r.file.ReadAt(p, r.offset)
	r.offset += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fault.Wrap(fault.Unavailable, err, "read a log")
	}
	return n, nil
}

// skipHole moves over the omitted middle and leaves a notice for it.
func (r *Reader) skipHole() bool {
	if r.offset < r.store.head() {
		return false
	}
	data, err := unix.Seek(int(r.file.Fd()), r.offset, unix.SEEK_DATA)
	if err != nil || data <= r.offset {
		return false
	}
	r.notice = fmt.Appendf(nil, "\n[spillway: %d bytes of output left out here]\n", data-r.offset)
	r.offset = data
	return true
}
