package filer

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// UnlandedEnd is what can be done to an unlanded file.
type UnlandedEnd uint8

// The ends.
const (
	RetryUnlanded   UnlandedEnd = iota + 1 // land it now; what was set aside lands as a copy beside its name
	RescueUnlanded                         // copy it to a folder of this machine and drop it
	DiscardUnlanded                        // drop it
)

// Ended says how an unlanded file ended.
type Ended struct {
	Path    string // that it had
	Copy    string // where it is now: in the namespace or, rescued, on this machine; empty: under its name, or nowhere
	Missing uint64 // bytes of the copy that neither the filer nor the origin has any more: zeros
}

var errNoUnlanded = errors.New("it has landed, was ended, or never was")

// EndUnlanded deals with an unlanded file. folder is for RescueUnlanded: an absolute path on this machine. by is who
// wants it, for the log. On an error the file stays as it is, or is set aside; fault.NotFound: it is not there any more.
func (f *Filer) EndUnlanded(ctx context.Context, id string, how UnlandedEnd, folder, by string) (Ended, error) {
	w := f.wb
	if w == nil {
		return Ended{}, fault.New(fault.NotFound, "%s: %w", id, errNoUnlanded)
	}
	if how == RetryUnlanded { // many at once, when somebody flushes
		if ino := w.findDirty(id); ino != nil {
			u, _ := f.unlanded(ino)
			return Ended{Path: u.Path}, w.land(ctx, ino)
		}
	}
	w.ends.Lock() // two ends of one file would be none
	defer w.ends.Unlock()
	if how == RescueUnlanded {
		if err := checkFolder(folder); err != nil {
			return Ended{}, err
		}
	}
	a, err := w.findAside(id)
	if err != nil {
		return Ended{}, err
	}
	if a == nil {
		ino := w.findDirty(id)
		if ino == nil {
			return w.endName(ctx, id, how, by)
		}
		u, _ := f.unlanded(ino)
		if how == RetryUnlanded { // it has become dirty since
			return Ended{Path: u.Path}, w.land(ctx, ino)
		}
		if a, err = w.stopAndSetAside(ctx, ino, "ended by "+by, func(*dirty) bool { return true }); err != nil {
			return Ended{}, err
		}
		if a == nil { // there was nothing in it, or it has landed
			return Ended{Path: u.Path}, nil
		}
		w.forsake()
	}
	return w.endAside(ctx, a, how, folder, by)
}

// endName ends the making of a directory, a link, or a file in which nothing is.
func (w *writeBack) endName(ctx context.Context, id string, how UnlandedEnd, by string) (Ended, error) {
	ops := w.names.all(func(op *nameOp) bool { return idOf(op.inode) == id })
	if len(ops) == 0 {
		return Ended{}, fault.New(fault.NotFound, "%s: %w", id, errNoUnlanded)
	}
	out := Ended{Path: w.f.unlandedName(ops[0]).Path}
	switch how {
	case RetryUnlanded:
		err := w.names.bring(ctx, ops[0])
		return out, err
	case RescueUnlanded:
		return out, fault.WithHint(fault.New(fault.Invalid, "%s has no content", out.Path), "rescue what is in it if it is a folder, then discard it")
	case DiscardUnlanded:
	}
	if len(w.names.all(func(op *nameOp) bool { return op.dir == ops[0].inode })) > 0 {
		return out, fault.WithHint(fault.New(fault.Conflict, "%s is not empty", out.Path), "end what is in it first")
	}
	err := w.names.forsake(ctx, ops[0])
	w.f.log.Warn("what was made here was given up", "path", out.Path, "by", by)
	return out, err
}

// forsake changes the verifier: unstable data of a client was given up.
func (w *writeBack) forsake() {
	fresh := newVerifier()
	w.mu.Lock()
	w.verf = fresh
	w.mu.Unlock()
}

func (w *writeBack) findDirty(id string) *inode {
	inode, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[inode]
}

func (w *writeBack) findAside(id string) (*Aside, error) {
	all, err := w.f.Asides()
	for i := range all {
		if all[i].id() == id {
			return &all[i], err
		}
	}
	return nil, err
}

func checkFolder(folder string) error {
	if !filepath.IsAbs(folder) {
		return fault.New(fault.Invalid, "%q is no absolute path", folder)
	}
	if st, err := os.Stat(folder); err != nil || !st.IsDir() {
		return fault.WithHint(fault.New(fault.Invalid, "%s is no folder of the filer's machine", folder), "make it first")
	}
	return nil
}

// endAside copies what was set aside, if it is wanted, and then drops it.
func (w *writeBack) endAside(ctx context.Context, a *Aside, how UnlandedEnd, folder, by string) (out Ended, err error) {
	out.Path = a.Path
	src, done, err := w.asideSource(ctx, a)
	if err != nil {
		return out, err
	}
	defer done()
	switch how {
	case RetryUnlanded:
		out.Copy, out.Missing, err = w.landAside(ctx, a, src)
	case RescueUnlanded:
		out.Copy, out.Missing, err = rescue(src, a, folder)
	case DiscardUnlanded:
	default:
		err = fault.New(fault.Invalid, "no such end")
	}
	if err != nil {
		return out, err
	}
	if err := w.f.kv.Apply([]Change{{Key: a.key()}}, true); err != nil {
		return out, err
	}
	if a.Gen != 0 {
		w.f.store.discard(a.Gen)
	}
	w.f.log.Warn("what was set aside has ended", "path", a.Path, "bytes", a.Bytes, "end", how.String(), "copy", out.Copy, "by", by)
	return out, nil
}

func (e UnlandedEnd) String() string {
	return [...]string{RetryUnlanded: "retried", RescueUnlanded: "rescued", DiscardUnlanded: "discarded"}[e]
}

// asideSource returns what is to be copied, and a function that closes it. What lies at the origin is taken from there
// only if the file still is as it was.
func (w *writeBack) asideSource(ctx context.Context, a *Aside) (*copySource, func(), error) {
	src := &copySource{clean: a.Clean, size: a.Size, mtime: nfs.TimeOf(a.Mtime)}
	for _, p := range a.Here {
		src.here.add(p.From, p.To)
	}
	done := func() {}
	if a.Gen != 0 {
		file, err := w.f.store.openFile(a.Gen, false)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Internal, err, "data that was set aside")
		}
		done = file.put
		src.ours = func(s span) ([]byte, error) {
			buf := make([]byte, s.to-s.from)
			n, err := file.f.ReadAt(buf, int64(s.from))
			if errors.Is(err, io.EOF) {
				err = nil
			}
			clear(buf[n:])
			return buf, err
		}
	}
	ino, err := w.f.inode(a.Inode)
	if err != nil { // the file is gone: what is not here is nowhere
		return src, done, nil //nolint:nilerr // as the comment says
	}
	x, err := ino.target.origin.GetAttr(ctx, a.As, ino.oid())
	if err == nil && x.Pre() == a.Base {
		src.theirs = func(off uint64, buf []byte) (int, error) { return readFull(ctx, ino, a.As, off, buf) }
	}
	file := done
	return src, func() { w.f.table.put(ino); file() }, nil
}

// landAside writes a copy beside the name that the file had.
func (w *writeBack) landAside(ctx context.Context, a *Aside, src *copySource) (copied string, missing uint64, err error) {
	t := w.f.byID[a.Target]
	if t == nil {
		return "", 0, fault.WithHint(fault.New(fault.Unavailable, "%s is no export of this filer any more", a.Export), "rescue the file to a folder instead")
	}
	name := w.copyName(a.Name, a.Inode, a.First)
	id, err := w.makeCopy(ctx, t, a.As, a.Dir, name, a.Mode)
	if err == nil {
		missing, err = src.land(ctx, t.origin, a.As, id)
	}
	if err != nil {
		return "", 0, fault.Wrap(origin.KindOf(err), err, "write "+name)
	}
	return path.Join(path.Dir(a.Path), name), missing, nil
}

// rescue writes a copy into a folder of this machine, durably.
func rescue(src *copySource, a *Aside, folder string) (copied string, missing uint64, err error) {
	name := a.Name
	if name == "" {
		name = "inode-" + idOf(a.Inode)
	}
	file, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(a.Mode&0o777))
	if errors.Is(err, fs.ErrExist) {
		file, err = os.OpenFile(filepath.Join(folder, name+"."+a.id()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fs.FileMode(a.Mode&0o777))
	}
	if err != nil {
		return "", 0, fault.Wrap(fault.Unavailable, err, "rescue")
	}
	missing, err = src.pour(func(off uint64, data []byte) error {
		_, err := file.WriteAt(data, int64(off))
		return err
	})
	err = errors.Join(err, file.Truncate(int64(a.Size)), file.Sync(), file.Close())
	if err == nil {
		err = errors.Join(os.Chtimes(file.Name(), time.Time{}, a.Mtime), osDisk{}.SyncDir(folder))
	}
	if err == nil && os.Geteuid() == 0 {
		err = os.Lchown(file.Name(), int(a.As.UID), int(a.As.GID))
	}
	if err != nil {
		return "", 0, errors.Join(fault.Wrap(fault.Unavailable, err, "rescue"), os.Remove(file.Name()))
	}
	return file.Name(), missing, nil
}
