package posix

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
)

// syncs lets all who wait for one file to be durable share a sync (group commit): whoever comes while one runs waits for
// the next, which the first of them runs for all. An fsync costs a commit of the file system's journal, one after the
// other, however many wait.
type syncs struct {
	mu     sync.Mutex
	newest map[origin.ID]*syncRound // guarded by mu, as are began and full of each
}

// syncRound is one sync of one file, for those who came before it began.
type syncRound struct {
	began bool
	full  bool // metadata too: fsync
	done  chan struct{}
	err   error // after done
}

// wait returns when a sync that began after the call has ended, which is run by one of those who wait. mine is false
// where somebody else ran it, on a descriptor of his.
func (s *syncs) wait(id origin.ID, full bool, run func(full bool) error) (mine bool, err error) {
	s.mu.Lock()
	before := s.newest[id]
	if before != nil && !before.began {
		before.full = before.full || full
		s.mu.Unlock()
		<-before.done
		return false, before.err
	}
	r := &syncRound{full: full, done: make(chan struct{})}
	if s.newest == nil {
		s.newest = map[origin.ID]*syncRound{}
	}
	s.newest[id] = r
	s.mu.Unlock()
	if before != nil {
		<-before.done
	}
	s.mu.Lock()
	r.began = true
	full = r.full
	s.mu.Unlock()
	r.err = run(full)
	s.mu.Lock()
	if s.newest[id] == r {
		delete(s.newest, id)
	}
	s.mu.Unlock()
	close(r.done)
	return true, r.err
}

// harden makes a file durable, with its metadata where full is set; [off, off+n) is what fd has written, all for n = 0.
// The kernel reports a page that it could not write to every descriptor that was open then, once: so who shares another's
// sync asks his own descriptor too, without writing anything (sync_file_range(2), SYNC_FILE_RANGE_WAIT_BEFORE).
func (o *Origin) harden(id origin.ID, fd int, off, n int64, full bool) error {
	mine, err := o.syncs.wait(id, full, func(full bool) error {
		if full {
			return unix.Fsync(fd)
		}
		return unix.Fdatasync(fd)
	})
	if err == nil && !mine {
		err = unix.SyncFileRange(fd, off, n, unix.SYNC_FILE_RANGE_WAIT_BEFORE)
	}
	if err != nil {
		o.verf.syncFailed()
	}
	return err
}
