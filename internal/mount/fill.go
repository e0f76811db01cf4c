package mount

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/mount/copies"
	"github.com/spillway/spillway/nfs"
)

// fillers is how many blocks of one file are fetched at a time, besides those that readers wait for.
const fillers = 4

var (
	errChanged = errors.New("the file changed while it was copied")
	errShorter = errors.New("the file ends before its size")
)

// fill copies one version of a file to the node's disk. It is begun by the first read. Readers that need a block fetch it
// into the copy, or wait for whoever does, so that each byte comes over once; the rest follows in the background. The copy
// counts only if the file is still the same when all is there.
type fill struct {
	cache   *cache
	n       *node
	id      copies.ID
	auth    *nfs.Auth
	version nfs.PreAttr
	settle  time.Duration
	refs    int // of readers and run; guarded by cache.mu
	next    atomic.Int64

	mu     sync.Mutex
	draft  *copies.Draft // nil until the file has settled; guarded by mu until then, as are:
	got    []bool        // blocks that are there
	flying map[int]chan struct{}
	err    error // why the fill failed
}

func newFill(c *cache, n *node, id copies.ID, auth *nfs.Auth, attr *nfs.Attr) *fill {
	return &fill{cache: c, n: n, id: id, auth: auth, version: attr.Pre(), settle: settling(attr, time.Now()), refs: 2, flying: map[int]chan struct{}{}}
}

// settling is how long to wait before a file is copied. One that changes again within the server's clock tick looks the
// same; so the copying begins when the tick of its last change has passed for certain. Ticks are a second for servers that
// count seconds, else at most 10 ms (a kernel's jiffy). Clocks are trusted to differ by less than a minute.
func settling(attr *nfs.Attr, now time.Time) time.Duration {
	switch {
	case now.Sub(attr.Ctime.Time()) > time.Minute:
		return 0
	case coarse(attr):
		return 1100 * time.Millisecond
	}
	return 20 * time.Millisecond
}

// run makes the copy.
func (f *fill) run() {
	err := f.begin()
	if err == nil && f.draft != nil {
		if err = f.finish(); err != nil {
			f.fail(err)
			f.draft.Abort()
		}
	}
	f.cache.ended(f, err)
}

// begin prepares the copy. A copy that an earlier boot left and that is whole ends it: the next open uses that.
func (f *fill) begin() error {
	settled := time.NewTimer(f.settle)
	defer settled.Stop()
	select {
	case <-settled.C:
	case <-f.n.fsys.ctx.Done():
		return f.n.fsys.ctx.Err()
	}
	if f.cache.store.Recheck(f.id, f.version) {
		return nil
	}
	draft, err := f.cache.store.Begin(f.id, f.version)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.draft, f.got = draft, make([]bool, draft.Blocks())
	return nil
}

// finish fetches all that is missing, and makes the copy count.
func (f *fill) finish() error {
	var all sync.WaitGroup
	for range min(fillers, f.draft.Blocks()) {
		all.Go(func() {
			for i := f.next.Add(1) - 1; i < int64(f.draft.Blocks()) && f.need(f.n.fsys.ctx, int(i)) == nil; i = f.next.Add(1) - 1 {
			}
		})
	}
	all.Wait()
	f.mu.Lock()
	err := f.err
	f.mu.Unlock()
	if err == nil {
		err = f.n.fsys.ctx.Err()
	}
	if err != nil {
		return err
	}
	attr, errno := f.n.fsys.attrOf(f.n.fsys.ctx, f.auth, f.n.handle, nfs.OptAttr{})
	if errno != 0 {
		return errno
	}
	if attr.Pre() != f.version {
		return errChanged
	}
	return f.draft.Commit()
}

func (f *fill) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// need returns when a block is there, which it has fetched if nobody else does.
func (f *fill) need(ctx context.Context, i int) error {
	for {
		f.mu.Lock()
		switch {
		case f.err != nil:
			f.mu.Unlock()
			return f.err
		case f.got[i]:
			f.mu.Unlock()
			return nil
		}
		arrived := f.flying[i]
		if arrived == nil {
			arrived = make(chan struct{})
			f.flying[i] = arrived
			f.cache.work.Go(func() { f.fetch(i, arrived) })
		}
		f.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fetch fetches a block into the copy. It goes on if the reader that wanted it is killed.
func (f *fill) fetch(i int, arrived chan struct{}) {
	err := f.transfer(i)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.flying, i)
	if err == nil {
		f.got[i] = true
	} else if f.err == nil {
		f.err = err
	}
	close(arrived)
}

func (f *fill) transfer(i int) error {
	block := make([]byte, f.draft.BlockLen(i))
	ctx := f.n.fsys.ctx
	for filled := 0; filled < len(block); {
		args := nfs.ReadArgs{File: f.n.handle, Offset: uint64(i)*copies.BlockSize + uint64(filled), Count: uint32(len(block) - filled)}
		res, err := patient(ctx, f.n.fsys, func() (nfs.ReadResult, error) {
			return f.n.fsys.client.Read(ctx, f.auth, args, block[filled:])
		})
		switch {
		case err != nil:
			return err
		case res.Attr.Present && res.Attr.Attr.Pre() != f.version:
			return errChanged
		case len(res.Data) == 0:
			return errShorter
		}
		filled += len(res.Data)
	}
	return f.draft.WriteBlock(i, block)
}

// read reads from the copy that is being made. It reports false if the reader must ask the server itself.
func (f *fill) read(ctx context.Context, dest []byte, off int64) (int, bool) {
	f.mu.Lock()
	begun := f.draft != nil
	f.mu.Unlock()
	if !begun {
		return 0, false
	}
	if uint64(off) >= f.version.Size {
		return 0, true
	}
	end := min(off+int64(len(dest)), int64(f.version.Size))
	for i := off / copies.BlockSize; i*copies.BlockSize < end; i++ {
		if f.need(ctx, int(i)) != nil {
			return 0, false
		}
	}
	n, err := f.draft.ReadAt(dest[:end-off], off)
	return n, err == nil
}
