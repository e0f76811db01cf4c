package blob

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/origin"
)

// undo takes back what a directory's rename has copied before somebody else came in between. The directory's own marker is
// copied last, so what was at the new name before is still there. The record goes with the last copy.
func (o *Origin) undo(ctx context.Context, rec string, m *moveRecord) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(describedAtOnce)
	err := o.each(ctx, m.To, func(seen *Object) error {
		key := seen.Key
		g.Go(func() error { return o.undoOne(gctx, m, key) })
		return nil
	})
	if waitErr := g.Wait(); err == nil {
		err = waitErr
	}
	if err != nil {
		return status(err)
	}
	o.journal.forget(rec)
	return nil
}

// undoOne removes what is at a key if the rename has put it there.
func (o *Origin) undoOne(ctx context.Context, m *moveRecord, key string) error {
	is, err := o.store.Head(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	source, ours := strings.CutPrefix(is.Props.Meta[metaFrom], m.Nonce)
	if err != nil || !ours {
		return err
	}
	o.heads.drop(key)
	err = o.store.Delete(ctx, key, is.ETag)
	if errors.Is(err, ErrPrecondition) {
		o.log.Warn("an object was changed while a rename was taken back; it stays under both names", "key", key)
		return nil
	}
	t, ok := tokenAt(&is)
	if err != nil || !ok {
		return err
	}
	kind := byte(idFile)
	if strings.HasSuffix(key, "/") {
		kind = idDir
	}
	id := origin.ID(kind) + origin.ID(t[:])
	s, ok := o.spotOf(id)
	if !ok || s.etag != is.ETag {
		return nil
	}
	s.etag = source // what the copy was made of
	return o.setSpot(id, s)
}
