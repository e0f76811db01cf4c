package blob

import (
	"context"
	"errors"
	"strings"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
)

// ready finishes what the journal held when the process started, before anything else is done.
func (o *Origin) ready(ctx context.Context) error {
	if o.settled.Load() {
		return nil
	}
	if !o.settle.TryLock() {
		return fault.New(fault.Unavailable, "a rename that was interrupted is being finished")
	}
	defer o.settle.Unlock()
	if o.settled.Load() {
		return nil
	}
	for _, name := range o.journal.finished() {
		if r, err := o.journal.read(name); err == nil && r.Move != nil {
			if err := o.place(r.Move); err != nil {
				return err
			}
		}
	}
	for {
		name, ok := o.journal.next(func() { o.settled.Store(true) })
		if !ok {
			return nil
		}
		if err := o.resume(ctx, name); err != nil {
			return err
		}
		o.journal.took(name)
	}
}

func (o *Origin) resume(ctx context.Context, name string) error {
	r, err := o.journal.read(name)
	switch {
	case err != nil: // it was written whole, so this is a damaged disk; nothing can be finished from it
		o.log.Error("a record of the object store's journal cannot be read; a rename may be half done", "record", name, "error", err)
		o.journal.forget(name)
		return nil
	case r.Upload != nil:
		if err := o.store.Abort(ctx, r.Upload.Key, r.Upload.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return status(err)
		}
		o.log.Info("aborted an upload that a crash interrupted", "key", r.Upload.Key)
		o.journal.forget(name)
		return nil
	}
	m := r.Move
	from, to := strings.TrimSuffix(m.From, "/"), strings.TrimSuffix(m.To, "/")
	release, err := o.claims.take(ctx, from, from+"/", to, to+"/")
	if err != nil {
		return err
	}
	defer release()
	o.log.Info("finishing a rename that was interrupted", "from", m.From, "to", m.To, "undo", m.Undo)
	if err := o.allCopied(ctx, m); err != nil {
		return status(err)
	}
	err = o.move(ctx, name, m)
	if byOthers(err) { // it had not begun, or others were faster
		o.journal.forget(name)
		return nil
	}
	return status(err)
}

// allCopied looks whether the rename of a directory was done but for the deleting: the directory's marker is copied last.
func (o *Origin) allCopied(ctx context.Context, m *moveRecord) error {
	if m.Copied || m.Undo || !strings.HasSuffix(m.From, "/") {
		return nil
	}
	is, err := o.store.Head(ctx, m.To)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	m.Copied = err == nil && strings.HasPrefix(is.Props.Meta[metaFrom], m.Nonce)
	return err
}

// place notes a finished rename again if what was noted of it was lost.
func (o *Origin) place(m *moveRecord) error {
	id := origin.ID(m.ID)
	s, ok := o.spotOf(id)
	if !ok || s.parent != origin.ID(m.OldParent) || s.name != string(m.OldName) {
		return nil
	}
	return o.setSpot(id, spot{origin.ID(m.Parent), string(m.Name), s.etag})
}
