package filer

import (
	"context"
	"crypto/sha256"
	"path"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// flushWorkers bounds the files flushed at once.
const flushWorkers = 16

// Flush makes the files durable at the storage and returns a receipt for each, in the order of the paths. Where the
// origin is a filer too, the receipts are that filer's, and so on to the last hop. Errors are by path.
func (f *Filer) Flush(ctx context.Context, paths []string) ([]Receipt, []PathError) {
	var mu sync.Mutex
	done := map[string]Receipt{}
	failed := map[string]error{}
	up := map[Parent]map[string]flushed{} // by parent: the path there, and what it is here
	var g errgroup.Group
	g.SetLimit(flushWorkers)
	for _, p := range paths {
		g.Go(func() error {
			fl, receipt, err := f.flushHere(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				failed[p] = err
			case fl.parent == nil:
				done[p] = receipt
			default:
				if up[fl.parent] == nil {
					up[fl.parent] = map[string]flushed{}
				}
				up[fl.parent][fl.there] = fl
			}
			return nil
		})
	}
	_ = g.Wait() // its functions return nothing: errors are by path
	for parent, files := range up {
		f.flushUp(ctx, parent, files, done, failed)
	}
	var receipts []Receipt
	var errs []PathError
	for _, p := range paths {
		if r, ok := done[p]; ok {
			receipts = append(receipts, r)
		} else {
			err := failed[p]
			if err == nil {
				err = fault.New(fault.Internal, "no receipt came back")
			}
			errs = append(errs, PathError{p, err})
		}
	}
	return receipts, errs
}

// flushed is a file that this filer has passed on and its parent is to flush.
type flushed struct {
	path   string // here
	there  string // in the parent's namespace
	parent Parent
	inode  uint64
}

// flushHere commits what the file owes to its origin. If this is the last hop, it returns the receipt.
func (f *Filer) flushHere(ctx context.Context, p string) (flushed, Receipt, error) {
	t, rest, err := f.resolve(p)
	if err != nil {
		return flushed{}, Receipt{}, err
	}
	dirs, ino, err := f.trail(ctx, t, rest)
	defer func() {
		for _, d := range dirs {
			f.table.put(d)
		}
		if ino != nil {
			f.table.put(ino)
		}
	}()
	if err != nil {
		return flushed{}, Receipt{}, err
	}
	if err := f.settle(ctx, ino); err != nil {
		return flushed{}, Receipt{}, err
	}
	if t.parent != nil {
		rel := path.Join(append([]string{"/"}, rest...)...)
		return flushed{path: p, there: t.parent.Path(rel), parent: t.parent, inode: ino.id}, Receipt{}, nil
	}
	receipt, err := f.prove(ctx, p, dirs, ino)
	return flushed{}, receipt, err
}

// trail walks to a file, asking the origin at every step, and returns its directories, root first, and itself.
func (f *Filer) trail(ctx context.Context, t *target, names []string) (dirs []*inode, ino *inode, err error) {
	if ino, err = f.rootOf(ctx, t); err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		next, err := f.lookup(ctx, origin.Cred{}, ino, name, time.Now())
		if err != nil {
			return dirs, ino, err
		}
		dirs = append(dirs, ino)
		ino = next
	}
	return dirs, ino, nil
}

// settle commits acknowledged unstable writes. It fails if the origin may have lost some of them: then the receipt would
// be for something else than what was written.
func (f *Filer) settle(ctx context.Context, ino *inode) error {
	if f.wb != nil {
		if err := f.wb.land(ctx, ino); err != nil {
			return err
		}
	}
	ino.mu.Lock()
	owed := ino.unstable
	ino.mu.Unlock()
	if owed.bytes == 0 {
		return nil
	}
	r, err := f.commitRange(ctx, origin.Cred{}, ino, 0, 0)
	if err != nil {
		return err
	}
	if owed.mixed || r.Verifier != owed.verf {
		return fault.WithHint(fault.New(fault.Conflict, "the storage restarted before it had committed all writes of this file"),
			"the client writes the lost data again when it commits; then flush again")
	}
	return nil
}

// prove is the last hop's word: the file and its names are durable, and this is what a reader of the storage finds.
func (f *Filer) prove(ctx context.Context, p string, dirs []*inode, ino *inode) (Receipt, error) {
	o, t := ino.target.origin, ino.target
	if t.caps.Syncs {
		if err := o.Sync(ctx, ino.oid()); err != nil {
			return Receipt{}, err
		}
		for i := len(dirs) - 1; i >= 0; i-- {
			if err := o.Sync(ctx, dirs[i].oid()); err != nil {
				return Receipt{}, err
			}
		}
	} else if _, err := o.Commit(ctx, origin.Cred{}, ino.oid(), 0, 0); err != nil {
		return Receipt{}, err
	}
	for range readTries {
		attr, sum, same, err := f.digest(ctx, ino)
		if err != nil {
			return Receipt{}, err
		}
		if !same {
			continue
		}
		r := Receipt{
			Path: p, Size: attr.Size, SHA256: sum, Mtime: attr.Mtime.Time(), Filer: f.cfg.Name,
			Issued: time.Now().UTC().Truncate(time.Microsecond),
		}
		return r, f.receipts.issue(ino.id, &attr, &r, true)
	}
	return Receipt{}, fault.New(fault.Conflict, "the file is still being written")
}

// digest reads the file from its origin, past every cache, and hashes it. same says whether it stood still meanwhile.
func (f *Filer) digest(ctx context.Context, ino *inode) (attr nfs.Attr, sum [32]byte, same bool, err error) {
	o := ino.target.origin
	if attr, err = o.GetAttr(ctx, origin.Cred{}, ino.oid()); err != nil {
		return attr, sum, false, err
	}
	if attr.Type != nfs.TypeRegular {
		return attr, sum, false, fault.New(fault.Invalid, "not a regular file")
	}
	h := sha256.New()
	buf := make([]byte, maxIO)
	var off uint64
	last := attr
	for off < attr.Size {
		r, err := o.Read(ctx, origin.Cred{}, ino.oid(), off, buf)
		if err != nil {
			return attr, sum, false, err
		}
		if r.N == 0 {
			break
		}
		h.Write(buf[:r.N])
		off += uint64(r.N)
		last = r.Attr
	}
	if last.Pre() == attr.Pre() && off == attr.Size {
		if last, err = o.GetAttr(ctx, origin.Cred{}, ino.oid()); err != nil {
			return attr, sum, false, err
		}
	}
	copy(sum[:], h.Sum(nil))
	return attr, sum, off == attr.Size && last.Pre() == attr.Pre(), nil
}

// flushUp asks the parent for receipts and keeps them under the files' names here.
func (f *Filer) flushUp(ctx context.Context, parent Parent, files map[string]flushed, done map[string]Receipt, failed map[string]error) {
	there := make([]string, 0, len(files))
	for p := range files {
		there = append(there, p)
	}
	receipts, errs, err := parent.Flush(ctx, there)
	if err != nil {
		for _, fl := range files {
			failed[fl.path] = err
		}
		return
	}
	for _, e := range errs {
		if fl, ok := files[e.Path]; ok {
			failed[fl.path] = e.Err
		}
	}
	for _, r := range receipts {
		fl, ok := files[r.Path]
		if !ok {
			continue
		}
		r.Path = fl.path
		if err := f.keepReceipt(ctx, fl.inode, &r); err != nil {
			failed[fl.path] = err
			continue
		}
		done[fl.path] = r
	}
}

// keepReceipt remembers a parent's receipt with the state of the file it speaks of.
func (f *Filer) keepReceipt(ctx context.Context, inode uint64, r *Receipt) error {
	ino, err := f.inode(inode)
	if err != nil {
		return err
	}
	defer f.table.put(ino)
	a, err := f.fresh(ctx, origin.Cred{}, ino, time.Now())
	if err != nil {
		return err
	}
	if a.Size != r.Size || nfs.TimeOf(r.Mtime) != a.Mtime {
		return fault.New(fault.Conflict, "the file was written again while it was flushed")
	}
	return f.receipts.issue(inode, &a, r, false)
}
