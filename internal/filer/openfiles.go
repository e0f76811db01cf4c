package filer

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// openShare is the part of the process's descriptors that data files may have open: one in so many. The rest is for
// connections, the index and files that replies still send from.
const openShare = 2

// maxOpenFiles returns how many data files may be open at once: a filer knows far more files than a process may open.
func maxOpenFiles() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 256 / openShare // what POSIX promises at least, and then some
	}
	return int64(min(limit.Cur, 1<<20)) / openShare
}

// crowded says that too many data files are open.
func (s *store) crowded() bool { return s.opened.Load() > s.maxOpen }

// closeIdle closes data files that nobody uses until three quarters of those that may be open are left, if too many are.
// Which ones is chance: opening one again costs microseconds.
func (f *Filer) closeIdle() {
	if !f.store.crowded() {
		return
	}
	for i := range f.table.shards {
		f.table.each(i, func(ino *inode) bool {
			if f.store.opened.Load() <= f.store.maxOpen*3/4 {
				return false
			}
			if ino.mu.TryLock() {
				ino.closeIdle()
				ino.mu.Unlock()
			}
			return true
		})
	}
}

// closeIdle closes the data file if nothing is under way with it. Whoever sends from it has it open still. Called with mu
// held.
func (ino *inode) closeIdle() {
	c := ino.content
	if c == nil || c.file == nil || ino.dirty != nil || ino.chain.inflight > 0 || c.busy() {
		return
	}
	c.file.put()
	c.file, c.lenders = nil, nil
}

// reopen opens the data file again, if it was closed. Called with mu held.
func (c *content) reopen() error {
	if c.file != nil || c.gen == 0 {
		return nil
	}
	file, err := c.f.store.openFile(c.gen, false)
	if errors.Is(err, fs.ErrNotExist) { // somebody deleted it: it holds nothing
		c.reset()
	}
	if err == nil {
		c.file = file
	}
	return err
}
