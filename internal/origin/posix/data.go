package posix

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// openData opens a regular file for I/O and returns it with its attributes before.
func (o *Origin) openData(as origin.Cred, id origin.ID, flags int) (*os.File, unix.Statx_t, error) {
	fd, err := o.find.open(id)
	if err != nil {
		return nil, unix.Statx_t{}, status(err)
	}
	defer unix.Close(fd)
	st, err := statFD(fd)
	if err != nil {
		return nil, st, status(err)
	}
	if typeOf(st.Mode) == nfs.TypeDirectory {
		return nil, st, nfs.ErrIsDir
	}
	f, err := o.reopen(as, fd, &st, flags)
	if errors.Is(err, unix.EACCES) && flags == os.O_RDONLY && st.Mode&0o111 != 0 {
		// Executing needs reading: RFC 1813 §4.4 lets a server accept reads of files the caller may execute.
		if o.callers.run(as, func() error { return unix.Faccessat2(fd, "", unix.X_OK, unix.AT_EMPTY_PATH|unix.AT_EACCESS) }) == nil {
			f, err = os.Open(procPath(fd))
		}
	}
	return f, st, status(err)
}

// Read reads with pread.
func (o *Origin) Read(_ context.Context, as origin.Cred, id origin.ID, off uint64, buf []byte) (r origin.ReadResult, err error) {
	f, _, err := o.openData(as, id, os.O_RDONLY)
	if err != nil {
		return r, err
	}
	defer f.Close()
	if off > 1<<62 {
		buf = buf[:0]
	}
	r.N, err = f.ReadAt(buf, int64(off&(1<<62-1)))
	if err != nil && !errors.Is(err, io.EOF) {
		return r, status(err)
	}
	st, err := statFD(int(f.Fd()))
	if err != nil {
		return r, status(err)
	}
	r.Attr = attrOf(&st)
	r.EOF = off+uint64(r.N) >= st.Size
	return r, nil
}

// Write writes with pwrite and syncs as far as asked, after the weak-cache-consistency data are taken.
func (o *Origin) Write(_ context.Context, as origin.Cred, id origin.ID, off uint64, data []byte, how nfs.Stable) (r origin.WriteResult, err error) {
	if off+uint64(len(data)) > 1<<62 || off > 1<<62 {
		return r, nfs.ErrFBig
	}
	f, st, err := o.openData(as, id, os.O_WRONLY)
	if err != nil {
		return r, err
	}
	defer f.Close()
	fd := int(f.Fd())

	unlock := o.lockWCC(id)
	before, err1 := statFD(fd)
	err = o.asWriter(as, &st, func() (err error) {
		r.N, err = f.WriteAt(data, int64(off))
		return err
	})
	after, err2 := statFD(fd)
	unlock()
	if err1 == nil && err2 == nil {
		r.WCC = wccOf(&before, &after)
	}
	if r.N > 0 { // a short write is legal, its reason shows at the next
		err = nil
	}
	if err != nil {
		return r, status(err)
	}
	if how != nfs.Unstable {
		if err := o.harden(id, fd, int64(off), int64(r.N), how == nfs.FileSync); err != nil {
			return r, status(err)
		}
	}
	r.Committed, r.Verifier = how, o.verf.now()
	return r, nil
}

// asWriter runs fn, which changes a file's bytes. A program with set-user-id or set-group-id must lose them when somebody
// else changes it: the kernel sees to that if it knows who it is. Other files are opened as the caller, and that is enough.
func (o *Origin) asWriter(as origin.Cred, st *unix.Statx_t, fn func() error) error {
	if st.Mode&(unix.S_ISUID|unix.S_ISGID) == 0 {
		return fn()
	}
	return o.callers.run(as, fn)
}

// Commit syncs the whole file; a failed sync also moves the verifier, for what it lost may be older writes.
func (o *Origin) Commit(_ context.Context, as origin.Cred, id origin.ID, _ uint64, _ uint32) (r origin.CommitResult, err error) {
	f, before, err := o.openData(as, id, os.O_RDONLY)
	if errors.Is(err, nfs.ErrAcces) {
		f, before, err = o.openData(as, id, os.O_WRONLY)
	}
	if err != nil {
		return r, err
	}
	defer f.Close()
	if err := o.harden(id, int(f.Fd()), 0, 0, true); err != nil {
		return r, status(err)
	}
	after, err := statFD(int(f.Fd()))
	if err == nil {
		r.WCC = wccOf(&before, &after)
	}
	r.Verifier = o.verf.now()
	return r, nil
}

// Sync makes a file or directory durable, as the process.
func (o *Origin) Sync(_ context.Context, id origin.ID) error {
	return o.with(id, func(fd int) error {
		f, err := os.Open(procPath(fd))
		if err != nil {
			return err
		}
		defer f.Close()
		if err := unix.Fsync(int(f.Fd())); err != nil {
			o.verf.syncFailed()
			return err
		}
		return nil
	})
}

func wccOf(before, after *unix.Statx_t) nfs.WccData {
	b := attrOf(before)
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: b.Pre()}, After: nfs.WithAttr(attrOf(after))}
}
