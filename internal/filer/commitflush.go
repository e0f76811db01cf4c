package filer

import (
	"context"
	"sync"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// A client may flush one file by a COMMIT that no file system sends: this offset, and a count that says what to do. The
// numbers are those of Azure HPC Cache (its flush utility, custom-flush-script).
const (
	flushOffset = 0x1234ABCDDEADDEAD
	flushNow    = 0xABADBEEF // answers when the file is at the storage; ErrNotSync if a flush is running
	flushStart  = 0xADEADBE6 // ErrNotSync: started, or running already; OK: there was nothing to do
	flushStatus = 0xADEADBE5 // OK: clean; ErrNotSync: running; ErrNotEmpty: dirty, and none is running
)

// fileFlushes knows the flushes that clients have started, by inode.
type fileFlushes struct {
	mu      sync.Mutex
	running map[uint64]struct{}
}

// begin reserves the file; false if a flush of it is running.
func (r *fileFlushes) begin(inode uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, busy := r.running[inode]; busy {
		return false
	}
	if r.running == nil {
		r.running = map[uint64]struct{}{}
	}
	r.running[inode] = struct{}{}
	return true
}

func (r *fileFlushes) end(inode uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, inode)
}

func (r *fileFlushes) isRunning(inode uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, busy := r.running[inode]
	return busy
}

// commitFlush answers a COMMIT with the flush offset.
func (c call) commitFlush(ctx context.Context, what uint32, res *nfs.CommitResult) {
	f, ino := c.f, c.ino
	var err error
	switch what {
	case flushNow:
		if !f.flushes.begin(ino.id) {
			err = nfs.ErrNotSync
			break
		}
		err = f.flushFile(ctx, ino)
		f.flushes.end(ino.id)
	case flushStart:
		err = f.startFlush(ino)
	case flushStatus:
		switch {
		case f.flushes.isRunning(ino.id):
			err = nfs.ErrNotSync
		case ino.owesAnything():
			err = nfs.ErrNotEmpty
		}
	default:
		err = nfs.ErrInval
	}
	res.Status = origin.StatusOf(c.noted(ino.target, err))
	// The tool that Azure gave to its users prints the mtime: after a status of NOTEMPTY it tells a failed flush from a
	// file that was written again.
	if _, attrErr := c.attrs(ctx, ino); attrErr == nil {
		res.Wcc.After = ino.opt()
	}
	ino.target.mu.Lock()
	res.Verifier = ino.target.verf
	ino.target.mu.Unlock()
}

// startFlush flushes a file in the background.
func (f *Filer) startFlush(ino *inode) error {
	if !ino.owesAnything() {
		return nil
	}
	if !f.flushes.begin(ino.id) {
		return nfs.ErrNotSync
	}
	again, err := f.inode(ino.id) // a reference of its own
	if err != nil {
		f.flushes.end(ino.id)
		return err
	}
	if !f.spawn(func(ctx context.Context) {
		defer f.table.put(again)
		defer f.flushes.end(ino.id)
		if err := f.flushFile(ctx, again); err != nil {
			f.log.Warn("a flush that a client started has failed", "export", again.target.path, "inode", again.id, "error", err)
		}
	}) {
		f.flushes.end(ino.id)
		f.table.put(again)
		return nfs.ErrJukebox
	}
	return nfs.ErrNotSync
}

// flushFile brings a file to its storage and has that make it durable.
func (f *Filer) flushFile(ctx context.Context, ino *inode) error {
	if err := f.settle(ctx, ino); err != nil {
		return err
	}
	_, err := f.commitRange(ctx, origin.Cred{}, ino, 0, 0)
	return err
}

// owesAnything says whether the storage still lacks something of the file that clients were told is written.
func (ino *inode) owesAnything() bool {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	return ino.dirty != nil || ino.unstable.bytes > 0
}
