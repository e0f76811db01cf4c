package blob

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// stage holds the local copies of files that are being written. They are unstable data: a restart drops them, and the
// write verifier says so.
type stage struct {
	dir string

	mu    sync.Mutex
	files map[origin.ID]*stagedFile // mu guards it
}

// stagedFile is a file as its next version will be. Changes of it are made under a claim on its key; mu is for readers.
type stagedFile struct {
	mu     sync.RWMutex
	f      *os.File // has no name any more
	attr   nfs.Attr
	base   Object // the version it is based on
	dirty  bool   // it differs from base
	closed bool
}

// maxClean is how many files are kept after their upload, for the next write to them.
const maxClean = 64

func newStage(dir string) (*stage, error) {
	if err := stateDir(dir); err != nil {
		return nil, err
	}
	return &stage{dir: dir, files: map[origin.ID]*stagedFile{}}, nil
}

func (s *stage) get(id origin.ID) *stagedFile {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files[id]
}

// add takes a new staging file in, and drops a clean one where there are many.
func (s *stage) add(id origin.ID, f *stagedFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.files) >= maxClean {
		s.dropCleanLocked(1)
	}
	s.files[id] = f
}

// dropClean makes room; false when there is nothing to drop.
func (s *stage) dropClean() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropCleanLocked(maxClean)
}

func (s *stage) dropCleanLocked(n int) (dropped bool) {
	for id, f := range s.files {
		if n == 0 {
			break
		}
		if f.mu.TryLock() {
			if !f.dirty {
				f.closeLocked()
				delete(s.files, id)
				n, dropped = n-1, true
			}
			f.mu.Unlock()
		}
	}
	return dropped
}

// drop forgets a file with all that was written to it.
func (s *stage) drop(id origin.ID) {
	s.mu.Lock()
	f := s.files[id]
	delete(s.files, id)
	s.mu.Unlock()
	if f != nil {
		f.mu.Lock()
		f.closeLocked()
		f.mu.Unlock()
	}
}

// ids returns the files that are staged.
func (s *stage) ids() (out []origin.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.files {
		out = append(out, id)
	}
	return out
}

func (s *stage) close() {
	for _, id := range s.ids() {
		s.drop(id)
	}
}

// create makes an empty staging file. It has no name, so that nothing of it is left behind.
func (s *stage) create() (*os.File, error) {
	f, err := os.CreateTemp(s.dir, "file-")
	if err != nil {
		return nil, local(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, local(err)
	}
	return f, nil
}

// local says what a failure of the staging disk means: it is not the object store that is full.
func local(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fault.Wrap(fault.Unavailable, err, "the disk for files on their way to the object store is full")
	}
	return fault.Wrap(fault.Internal, err, "files on their way to the object store")
}

func (f *stagedFile) closeLocked() {
	if !f.closed {
		f.closed = true
		f.f.Close()
	}
}

// attrs returns the attributes of a file that is dirty: a clean one may have been changed in the store.
func (f *stagedFile) attrs() (nfs.Attr, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.attr, f.dirty && !f.closed
}

// read reads a dirty file.
func (f *stagedFile) read(as *origin.Cred, off uint64, buf []byte) (r origin.ReadResult, ok bool, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if !f.dirty || f.closed {
		return r, false, nil
	}
	r.Attr = f.attr
	if err := permitData(as, &f.attr, mayRead); err != nil {
		return r, true, err
	}
	if off < f.attr.Size {
		n, err := f.f.ReadAt(buf[:min(uint64(len(buf)), f.attr.Size-off)], int64(off))
		if err != nil && !errors.Is(err, io.EOF) {
			return r, true, local(err)
		}
		r.N = n
	}
	r.EOF = off+uint64(r.N) >= f.attr.Size
	return r, true, nil
}

// open returns the staging file of id, made from the version that is in the store now. keep is how much of its content
// is still needed. The caller holds a claim on its key.
func (o *Origin) openStaged(ctx context.Context, as *origin.Cred, id origin.ID, keep func(size int64) int64) (*stagedFile, error) {
	if f := o.staged.get(id); f != nil {
		if a, ok := f.attrs(); ok {
			return f, permitData(as, &a, mayWrite)
		}
	}
	obj, err := o.file(ctx, id)
	if err != nil {
		return nil, err
	}
	a := o.fileAttr(id, &obj)
	if err := permitData(as, &a, mayWrite); err != nil {
		return nil, err
	}
	if f := o.staged.get(id); f != nil {
		f.mu.Lock()
		same := !f.closed && f.base.ETag == obj.ETag
		if same {
			f.attr, f.base = a, obj
		}
		f.mu.Unlock()
		if same {
			return f, nil
		}
		o.staged.drop(id)
	}
	tmp, err := o.staged.create()
	if err != nil {
		return nil, err
	}
	if err := o.download(ctx, &obj, keep(obj.Size), tmp); err != nil {
		tmp.Close()
		return nil, err
	}
	f := &stagedFile{f: tmp, attr: a, base: obj}
	o.staged.add(id, f)
	return f, nil
}

// download copies the first n bytes of a version into a file.
func (o *Origin) download(ctx context.Context, obj *Object, n int64, to *os.File) error {
	at := int64(0)
	for tries := 0; at < n; {
		_, body, err := o.store.Get(ctx, obj.Key, at, n-at, obj.ETag)
		if errors.Is(err, ErrPrecondition) {
			return fault.Wrap(fault.Unavailable, err, "the object was replaced while it was read")
		}
		if err != nil {
			return gone(err)
		}
		got, err := io.Copy(&placedWriter{to, at}, body)
		body.Close()
		at += got
		if tries++; got > 0 {
			tries = 0
		}
		if local := new(localError); errors.As(err, &local) {
			return local.error
		}
		if at < n && (tries == readTries || ctx.Err() != nil) {
			return bodyFailed(err)
		}
	}
	return nil
}

// placedWriter writes on from an offset.
type placedWriter struct {
	f  *os.File
	at int64
}

// localError is a failure of the staging disk.
type localError struct{ error }

func (w *placedWriter) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.at)
	w.at += int64(n)
	if err != nil {
		err = &localError{local(err)}
	}
	return n, err
}
