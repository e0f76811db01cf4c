package blob

import (
	"context"
	"errors"
	"io"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// readTries is how often the rest of a body that broke off is asked for.
const readTries = 4

// Read reads what is staged, or asks for one range. Data, attributes and identity come with the same answer, and so
// from the same version; if the answer breaks off, the rest is asked of that version only.
func (o *Origin) Read(ctx context.Context, as origin.Cred, id origin.ID, off uint64, buf []byte) (r origin.ReadResult, err error) {
	if err := o.ready(ctx); err != nil {
		return r, err
	}
	if isDir(id) {
		if _, err := o.look(ctx, id); err != nil {
			return r, err
		}
		return r, nfs.ErrIsDir
	}
	if f := o.staged.get(id); f != nil {
		if r, ok, err := f.read(&as, off, buf); ok {
			return r, err
		}
	}
	key, err := o.keyOf(id)
	if err != nil {
		return r, err
	}
	if off > 1<<62 || len(buf) == 0 {
		return o.readNothing(ctx, as, id, off)
	}
	obj, body, err := o.store.Get(ctx, key, int64(off), int64(len(buf)), "")
	if errors.Is(err, ErrRange) {
		return o.readNothing(ctx, as, id, off)
	}
	if err != nil {
		return r, gone(err)
	}
	defer func() { body.Close() }()
	if err := o.check(ctx, id, &obj); err != nil {
		return r, err
	}
	r.Attr = o.fileAttr(id, &obj)
	if err := permitData(&as, &r.Attr, mayRead); err != nil {
		return r, err
	}
	want := int(min(int64(len(buf)), obj.Size-int64(off)))
	for try := 1; ; try++ {
		n, err := io.ReadFull(body, buf[r.N:want])
		if r.N += n; err == nil {
			break
		}
		if try == readTries || ctx.Err() != nil {
			return r, bodyFailed(err)
		}
		body.Close()
		_, body, err = o.store.Get(ctx, key, int64(off)+int64(r.N), int64(want-r.N), obj.ETag)
		if err != nil {
			body = io.NopCloser(nil)
			if errors.Is(err, ErrPrecondition) { // replaced meanwhile: the reader starts again with the new version
				return r, fault.Wrap(fault.Unavailable, err, "the object was replaced while it was read")
			}
			return r, gone(err)
		}
	}
	r.EOF = off+uint64(r.N) >= uint64(obj.Size)
	return r, nil
}

// readNothing answers a read at or beyond the end.
func (o *Origin) readNothing(ctx context.Context, as origin.Cred, id origin.ID, off uint64) (r origin.ReadResult, err error) {
	obj, err := o.file(ctx, id)
	if err != nil {
		return r, err
	}
	r.Attr = o.fileAttr(id, &obj)
	r.EOF = off >= r.Attr.Size
	return r, permitData(&as, &r.Attr, mayRead)
}

func bodyFailed(err error) error {
	return fault.Wrap(fault.Unavailable, err, "the object store broke off its answer")
}
