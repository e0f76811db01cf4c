package blob

import (
	"context"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// claimFile takes the claim on the key that a file is at.
func (o *Origin) claimFile(ctx context.Context, id origin.ID) (key string, release func(), err error) {
	if err := o.ready(ctx); err != nil {
		return "", nil, err
	}
	if isDir(id) {
		if _, err := o.look(ctx, id); err != nil {
			return "", nil, err
		}
		return "", nil, nfs.ErrIsDir
	}
	return o.claimID(ctx, id)
}

// claimID takes the claim on the key that id is at, wherever it was moved while others held the claim.
func (o *Origin) claimID(ctx context.Context, id origin.ID) (key string, release func(), err error) {
	for {
		if key, err = o.keyOf(id); err != nil {
			return "", nil, err
		}
		if release, err = o.claims.take(ctx, key); err != nil {
			return "", nil, err
		}
		if now, err := o.keyOf(id); err == nil && now == key {
			return key, release, nil
		}
		release()
	}
}

// Write stages the data, and uploads the whole file if it is to be stable.
func (o *Origin) Write(ctx context.Context, as origin.Cred, id origin.ID, off uint64, data []byte, how nfs.Stable) (r origin.WriteResult, err error) {
	if off > 1<<62 {
		return r, nfs.ErrFBig
	}
	key, release, err := o.claimFile(ctx, id)
	if err != nil {
		return r, err
	}
	defer release()
	f, err := o.openStaged(ctx, &as, id, func(size int64) int64 {
		if off == 0 && int64(len(data)) >= size {
			return 0
		}
		return size
	})
	if err != nil {
		return r, err
	}
	r.Verifier = o.verf.now()
	r.WCC, err = f.change(func() error {
		n, err := f.f.WriteAt(data, int64(off))
		if err != nil && o.staged.dropClean() {
			n, err = f.f.WriteAt(data, int64(off))
		}
		if err != nil && n == 0 {
			return local(err)
		}
		r.N = n
		f.attr.Size = max(f.attr.Size, off+uint64(n))
		f.attr.Mode &^= o.dropSUID(&as, &f.attr)
		return nil
	}, o.now)
	if err != nil || how == nfs.Unstable {
		return r, err
	}
	if err := o.upload(ctx, id, key, f); err != nil {
		return r, err
	}
	r.Committed = nfs.FileSync
	return r, nil
}

// dropSUID returns the bits that a write by somebody else takes away.
func (o *Origin) dropSUID(as *origin.Cred, a *nfs.Attr) uint32 {
	if as.UID == 0 || a.Mode&0o111 == 0 {
		return 0
	}
	return 0o6000
}

// change runs fn on a staged file and dates the change.
func (f *stagedFile) change(fn func() error, now func() nfs.Time) (wcc nfs.WccData, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wcc.Before = nfs.OptPreAttr{Present: true, Attr: f.attr.Pre()}
	if err = fn(); err == nil {
		t := now()
		f.attr.Mtime, f.attr.Ctime = t, t
		f.attr.Used = f.attr.Size
		f.dirty = true
	}
	wcc.After = nfs.WithAttr(f.attr)
	return wcc, err
}

// Commit uploads what is staged of the file, all of it.
func (o *Origin) Commit(ctx context.Context, _ origin.Cred, id origin.ID, _ uint64, _ uint32) (r origin.CommitResult, err error) {
	key, release, err := o.claimFile(ctx, id)
	if err != nil {
		return r, err
	}
	defer release()
	r.Verifier = o.verf.now()
	f := o.staged.get(id)
	a, dirty := nfs.Attr{}, false
	if f != nil {
		a, dirty = f.attrs()
	}
	if !dirty {
		obj, err := o.file(ctx, id)
		if err != nil {
			return r, err
		}
		a = o.fileAttr(id, &obj)
	} else if err := o.upload(ctx, id, key, f); err != nil {
		return r, err
	}
	r.WCC = unchanged(&a)
	return r, nil
}

func unchanged(a *nfs.Attr) nfs.WccData {
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: a.Pre()}, After: nfs.WithAttr(*a)}
}
