package blob

import (
	"context"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// upload makes what is staged the next version of the object, unless somebody else has made one. Attributes are the same
// before and after. The caller holds the claim on key.
func (o *Origin) upload(ctx context.Context, id origin.ID, key string, f *stagedFile) error {
	f.mu.RLock()
	a, base := f.attr, f.base
	f.mu.RUnlock()
	spot, ok := o.spotOf(id)
	if !ok {
		return nfs.ErrStale
	}
	base.Props.Meta = without(base.Props.Meta, metaVerf)
	props := o.rewritten(&base, key, tokenOf(id), &a)
	dir, err := o.keyOf(spot.parent)
	if err != nil {
		return err
	}
	ch := o.dirs.begin(dir)
	obj, err := o.send(ctx, key, f, int64(a.Size), props, Cond{Match: base.ETag})
	if err != nil {
		obj, err = o.mine(ctx, key, props, err)
	}
	if err != nil {
		ch.end(ambiguous, 0)
		return o.refused(ctx, id, base.ETag, err)
	}
	ch.end(content, entrySum(spot.name, obj.ETag)-entrySum(spot.name, base.ETag))
	obj.Size = int64(a.Size)
	if err := o.wrote(id, spot, obj); err != nil {
		return err
	}
	f.mu.Lock()
	f.base, f.dirty = obj, false
	f.mu.Unlock()
	return nil
}

// wrote remembers a version that we wrote ourselves.
func (o *Origin) wrote(id origin.ID, s spot, obj Object) error {
	s.etag = obj.ETag
	o.heads.put(obj)
	return o.setSpot(id, s)
}

// refused says what it means that an upload based on a version was not taken. When the object is another version the staged
// data can never land: they are dropped, and the writer learns it here. When it is not, something else was in the way (the
// parts were removed, or another writer was about to be faster and then was not), and the next try may succeed.
func (o *Origin) refused(ctx context.Context, id origin.ID, base string, err error) error {
	if !byOthers(err) {
		return status(err)
	}
	is, fileErr := o.file(ctx, id)
	switch {
	case fileErr == nil && is.ETag == base:
		return fault.New(fault.Unavailable, "the object store did not take an upload: %w", err)
	case fileErr != nil && !origin.IsGone(fileErr):
		return fileErr
	}
	o.staged.drop(id)
	o.verf.lost()
	if fileErr != nil {
		return fileErr // ErrStale: the name has another object, or none
	}
	return fault.New(fault.Conflict, "the file was changed by somebody else while it was written")
}

// mine recognises the effect of our own call after a lost answer: then the version that is there is ours.
func (o *Origin) mine(ctx context.Context, key string, p Props, err error) (Object, error) {
	if !byOthers(err) { // an upload that was completed is not found again
		return Object{}, err
	}
	obj, headErr := o.head(ctx, key)
	if headErr == nil && obj.Props.Meta[metaRev] == p.Meta[metaRev] {
		return obj, nil
	}
	return Object{}, err
}

// send puts a file, in parts if it is large.
func (o *Origin) send(ctx context.Context, key string, f *stagedFile, size int64, p Props, c Cond) (Object, error) {
	if size <= o.partSize {
		return o.store.Put(ctx, key, io.NewSectionReader(f.f, 0, size), size, p, c)
	}
	return o.sendParts(ctx, key, f, size, p, c)
}

// partsAtOnce is how many parts of one upload are on their way at a time.
const partsAtOnce = 4

// sendParts uploads parts side by side. An upload that fails is aborted; one that this process does not live to abort is
// in the journal.
func (o *Origin) sendParts(ctx context.Context, key string, f *stagedFile, size int64, p Props, c Cond) (obj Object, err error) {
	part := o.partSize
	for size > part*int64(o.limits.Parts) {
		part *= 2
	}
	id, err := o.store.Begin(ctx, key, p)
	if err != nil {
		return obj, err
	}
	rec, err := o.journal.begin(record{Upload: &uploadRecord{Key: key, ID: id}})
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortPatience)
			defer cancel()
			if abortErr := o.store.Abort(ctx, key, id); abortErr != nil {
				o.log.Warn("parts of an upload that failed are left in the object store", "key", key, "error", abortErr)
				return
			}
		}
		o.journal.forget(rec)
	}()
	if err != nil {
		return obj, err
	}
	n := int((size + part - 1) / part)
	tags := make([]string, n)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(partsAtOnce)
	for i := range n {
		g.Go(func() error {
			off := int64(i) * part
			length := min(part, size-off)
			tag, err := o.store.Part(gctx, key, id, i+1, io.NewSectionReader(f.f, off, length), length)
			tags[i] = tag
			return err
		})
	}
	if err = g.Wait(); err != nil {
		return obj, err
	}
	obj, err = o.store.Complete(ctx, key, id, tags, p, c)
	return obj, err
}
