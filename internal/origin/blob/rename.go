package blob

import (
	"context"
	"errors"
	"path"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// A rename copies every object to its new key, notes the new place of the identity, and deletes the old objects. The
// journal knows, so that a crash in between is finished at the next start.

// claimTwo claims two names, each for a file and for a directory with all below it.
func (o *Origin) claimTwo(ctx context.Context, from origin.ID, fromName string, to origin.ID, toName string) (fk, tk string, release func(), err error) {
	keys := func() (string, string, error) {
		fd, err := o.keyOf(from)
		if err != nil {
			return "", "", err
		}
		td, err := o.keyOf(to)
		if err != nil {
			return "", "", err
		}
		a, err := o.childKey(fd, fromName)
		if err != nil {
			return "", "", err
		}
		b, err := o.childKey(td, toName)
		return a, b, err
	}
	for {
		if fk, tk, err = keys(); err != nil {
			return "", "", nil, err
		}
		if release, err = o.claims.take(ctx, fk, fk+"/", tk, tk+"/"); err != nil {
			return "", "", nil, err
		}
		if a, b, err := keys(); err == nil && a == fk && b == tk {
			return fk, tk, release, nil
		}
		release()
	}
}

// Rename renames, replacing what is there.
func (o *Origin) Rename(ctx context.Context, as origin.Cred, from origin.ID, fromName string, to origin.ID, toName string) (r origin.RenameResult, err error) {
	if err := o.ready(ctx); err != nil {
		return r, err
	}
	if err := errors.Join(checkName(fromName), checkName(toName)); err != nil {
		return r, err
	}
	for _, dir := range []origin.ID{from, to} {
		if !isDir(dir) {
			_, err := o.look(ctx, dir)
			return r, err
		}
	}
	fk, tk, release, err := o.claimTwo(ctx, from, fromName, to, toName)
	if err != nil {
		return r, err
	}
	defer release()
	df, err := o.lookToChange(ctx, &as, from)
	if err != nil {
		r.From = df.still()
		return r, err
	}
	dt := df
	if to != from {
		if dt, err = o.lookToChange(ctx, &as, to); err != nil {
			r.To = dt.still()
			return r, err
		}
	}
	r = origin.RenameResult{From: df.still(), To: dt.still()}
	e, err := o.find(ctx, df, fromName)
	if err != nil || fk == tk {
		return r, err
	}
	m := &moveRecord{From: fk, To: tk, OldParent: []byte(from), OldName: []byte(fromName), Parent: []byte(to), Name: []byte(toName)}
	over, err := o.toRename(ctx, &as, df, dt, &e, m)
	if err != nil {
		return r, err
	}
	chf := o.dirs.begin(df.key)
	cht := chf
	if to != from {
		cht = o.dirs.begin(dt.key)
	}
	end := func(how outcome, gone, come uint64) {
		if to == from {
			r.From = df.wcc(&df.attr, chf.end(how, come+gone))
			r.To = r.From
			return
		}
		r.From, r.To = df.wcc(&df.attr, chf.end(how, gone)), dt.wcc(&dt.attr, cht.end(how, come))
	}
	rec, err := o.journal.begin(record{Move: m})
	if err == nil {
		if err = o.move(ctx, rec, m); err != nil {
			o.interrupted(rec, err)
		}
	}
	if err != nil {
		end(ambiguous, 0, 0)
		return origin.RenameResult{}, status(err)
	}
	tag := "/"
	if !e.dir {
		s, _ := o.spotOf(origin.ID(m.ID))
		tag = s.etag
	}
	end(names, -e.sum(), entrySum(toName, tag)-over.sum)
	if over.id != "" {
		o.staged.drop(over.id)
		err = o.forget(over.id)
	}
	return r, err
}

// interrupted makes the next call finish a rename before it does anything else, unless the store has refused it: then
// nothing of it is left.
func (o *Origin) interrupted(rec string, err error) {
	if byOthers(err) {
		o.journal.forget(rec)
		return
	}
	o.journal.mu.Lock()
	defer o.journal.mu.Unlock()
	o.journal.pending = append(o.journal.pending, rec)
	o.settled.Store(false)
}

// overwritten is what a rename replaces: its identity, and its part in its directory's sum.
type overwritten struct {
	id  origin.ID
	sum uint64
}

// toRename checks whether a rename may be, fills in the record and puts staged data out of the way.
func (o *Origin) toRename(ctx context.Context, as *origin.Cred, df, dt *looked, e *entry, m *moveRecord) (over overwritten, err error) {
	node, err := o.node(ctx, e, df.id)
	if err != nil {
		return over, err
	}
	m.ID, m.Nonce = []byte(node.ID), newRevision()
	if err := permitUnlink(as, &df.attr, &node.Attr); err != nil {
		return over, err
	}
	if e.dir && strings.HasPrefix(dt.key, m.From+"/") {
		return over, nfs.ErrInval // into itself
	}
	old, err := o.find(ctx, dt, string(m.Name))
	switch {
	case errors.Is(err, nfs.ErrNoEnt):
	case err != nil:
		return over, err
	case e.dir && !old.dir:
		return over, nfs.ErrNotDir
	case !e.dir && old.dir:
		return over, nfs.ErrIsDir
	default:
		over.sum = old.sum()
		if over.id, _, err = o.toUnlink(ctx, as, dt, &old, old.dir); err != nil {
			return over, err
		}
		m.Replaces = old.obj.ETag
	}
	if e.dir {
		if err := o.fits(ctx, m.From+"/", len(m.To)-len(m.From)); err != nil {
			return over, err
		}
		m.From, m.To = m.From+"/", m.To+"/"
	}
	if err := o.unstage(ctx, m.From); err != nil {
		return over, err
	}
	if !e.dir { // what was staged may have made a new version
		if s, ok := o.spotOf(node.ID); ok && s.etag != "" {
			obj, err := o.file(ctx, node.ID)
			if err != nil {
				return over, err
			}
			e.obj = obj
		}
	}
	return over, o.keepMarker(ctx, df)
}

// fits checks that no key becomes too long.
func (o *Origin) fits(ctx context.Context, prefix string, longer int) error {
	if longer <= 0 {
		return nil
	}
	return o.each(ctx, prefix, func(obj *Object) error {
		if len(obj.Key)+longer > o.limits.Key {
			return nfs.ErrNameTooLong
		}
		return nil
	})
}

// each calls fn for every object below a prefix, in order.
func (o *Origin) each(ctx context.Context, prefix string, fn func(*Object) error) error {
	q := Query{Prefix: prefix, Deep: true}
	for {
		l, err := o.store.List(ctx, q)
		if err != nil {
			return err
		}
		for i := range l.Objects {
			if err := fn(&l.Objects[i]); err != nil {
				return err
			}
		}
		if q.Token = l.Next; q.Token == "" {
			return nil
		}
	}
}

// unstage uploads and forgets what is staged at a key or below it, which is claimed.
func (o *Origin) unstage(ctx context.Context, below string) error {
	for _, id := range o.staged.ids() {
		key, err := o.keyOf(id)
		if err != nil || !covers(below, key) {
			continue
		}
		f := o.staged.get(id)
		if f == nil {
			continue
		}
		if _, dirty := f.attrs(); dirty {
			if err := o.upload(ctx, id, key, f); err != nil {
				return err
			}
		}
		o.staged.drop(id)
	}
	return nil
}

// copied is an object that is at its new key.
type copied struct{ key, etag string }

// move does what the record says, from wherever it was left.
func (o *Origin) move(ctx context.Context, rec string, m *moveRecord) error {
	if m.Undo {
		return o.undo(ctx, rec, m)
	}
	collect := o.copyAll
	if m.Copied {
		collect = o.leftovers
	}
	done, err := collect(ctx, m)
	if byOthers(err) && strings.HasSuffix(m.From, "/") && !m.Copied {
		m.Undo = true
		if undoErr := o.journal.write(rec, record{Move: m}); undoErr != nil {
			return undoErr
		}
		if undoErr := o.undo(ctx, rec, m); undoErr != nil {
			return undoErr
		}
	}
	if err != nil {
		return err
	}
	id := origin.ID(m.ID)
	s, _ := o.spotOf(id)
	if !m.Copied {
		m.Copied = true
		if err := o.journal.write(rec, record{Move: m}); err != nil {
			return err
		}
	}
	if err := o.setSpot(id, spot{origin.ID(m.Parent), string(m.Name), s.etag}); err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(describedAtOnce)
	for _, c := range done {
		g.Go(func() error {
			o.heads.drop(c.key)
			err := o.store.Delete(gctx, c.key, c.etag)
			if errors.Is(err, ErrPrecondition) {
				o.log.Warn("an object was changed while its directory was renamed; it stays under its old name too", "key", c.key)
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	o.journal.finish(rec)
	return nil
}

// leftovers are the objects at old keys whose copies are at the new ones.
func (o *Origin) leftovers(ctx context.Context, m *moveRecord) (done []copied, err error) {
	err = o.each(ctx, m.From, func(obj *Object) error {
		if !covers(m.From, obj.Key) {
			return nil // only begins alike
		}
		is, err := o.head(ctx, m.To+strings.TrimPrefix(obj.Key, m.From))
		if err == nil && is.Props.Meta[metaFrom] == m.source(obj) {
			done = append(done, copied{obj.Key, obj.ETag})
		}
		if errors.Is(err, ErrNotFound) {
			err = nil
		}
		return err
	})
	return done, err
}

// source is what a copy made by this rename says of what it was made of.
func (m *moveRecord) source(obj *Object) string { return m.Nonce + obj.ETag }

// copyAll copies what is not copied yet and returns all that is at its new key now.
func (o *Origin) copyAll(ctx context.Context, m *moveRecord) (done []copied, err error) {
	var mu sync.Mutex
	note := func(c copied) {
		mu.Lock()
		done = append(done, c)
		mu.Unlock()
	}
	if !strings.HasSuffix(m.From, "/") {
		obj, err := o.head(ctx, m.From)
		if err != nil {
			return nil, err
		}
		err = o.copyOne(ctx, m, obj, m.To, origin.ID(m.ID), Cond{Match: m.Replaces, Absent: m.Replaces == ""}, note)
		return done, err
	}
	ids := map[string]origin.ID{m.From: origin.ID(m.ID)} // of the directories, by key
	var marker *Object                                   // the directory's own: it is copied last, so that where it is all is
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(describedAtOnce)
	err = o.each(ctx, m.From, func(seen *Object) error {
		if gctx.Err() != nil {
			return context.Cause(gctx)
		}
		obj := *seen
		if obj.Key == m.From {
			marker = &obj
			return nil
		}
		id, err := o.identifyBelow(gctx, seen, ids, m)
		if errors.Is(err, ErrNotFound) {
			return nil // gone since it was listed
		}
		if err != nil {
			return err
		}
		g.Go(func() error {
			obj, err := o.describe(gctx, &obj)
			if err == nil {
				err = o.copyOne(gctx, m, obj, m.To+strings.TrimPrefix(obj.Key, m.From), id, Cond{Absent: true}, note)
			}
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			return err
		})
		return nil
	})
	if waitErr := g.Wait(); err == nil || waitErr != nil {
		err = waitErr
	}
	cond := Cond{Match: m.Replaces, Absent: m.Replaces == ""}
	switch {
	case err != nil:
	case marker == nil:
		err = o.markAt(ctx, m, m.To, origin.ID(m.ID), cond)
	default:
		var obj Object
		if obj, err = o.describe(ctx, marker); err == nil {
			err = o.copyOne(ctx, m, obj, m.To, origin.ID(m.ID), cond, note)
		}
	}
	return done, err
}

// identifyBelow identifies an object of a directory that is being moved, and the directories on the way to it: those
// without a marker get one at their new place, or their identity would be lost with their path. An object that no name
// can say has no identity but moves along.
func (o *Origin) identifyBelow(ctx context.Context, obj *Object, ids map[string]origin.ID, m *moveRecord) (origin.ID, error) {
	rel := strings.TrimPrefix(obj.Key, m.From)
	dir := m.From
	parts := strings.SplitAfter(rel, "/")
	for i, part := range parts[:len(parts)-1] {
		key := dir + part
		if isMarker := i == len(parts)-2 && parts[len(parts)-1] == ""; isMarker {
			break
		}
		if _, ok := ids[key]; !ok {
			id, err := o.dirBelow(ctx, &Object{Key: key}, ids[dir])
			if err != nil {
				return "", err
			}
			ids[key] = id
			if err := o.markAt(ctx, m, m.To+strings.TrimPrefix(key, m.From), id, Cond{Absent: true}); err != nil {
				return "", err
			}
		}
		dir = key
	}
	described, err := o.describe(ctx, obj)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(obj.Key, "/") {
		id, err := o.dirBelow(ctx, &described, ids[dir])
		ids[obj.Key] = id
		return id, err
	}
	name, ok := decodeName(strings.TrimPrefix(obj.Key, dir), &o.limits)
	if !ok {
		return idOf(idFile, newToken()), nil
	}
	return o.identify(ctx, idFile, &described, ids[dir], name)
}

// dirBelow identifies a directory of one that is being moved.
func (o *Origin) dirBelow(ctx context.Context, obj *Object, parent origin.ID) (origin.ID, error) {
	name, ok := decodeName(path.Base(obj.Key), &o.limits)
	if !ok {
		return idOf(idDir, newToken()), nil
	}
	return o.identify(ctx, idDir, obj, parent, name)
}

// markAt makes a marker for a directory that had none. One that is there already is ours, from before a crash.
func (o *Origin) markAt(ctx context.Context, m *moveRecord, key string, id origin.ID, c Cond) error {
	a := o.attrsOf(&Object{}, true)
	t := o.now()
	a.Atime, a.Mtime, a.Ctime = t, t, t
	props := o.rewritten(&Object{}, key, tokenOf(id), &a)
	props.Meta[metaFrom] = m.source(&Object{})
	_, err := o.put(ctx, key, nil, props, c)
	if errors.Is(err, ErrPrecondition) {
		is, headErr := o.head(ctx, key)
		if tok, ok := tokenAt(&is); headErr == nil && ok && tok == tokenOf(id) {
			return nil
		}
	}
	return err
}

// copyOne copies a version to its new key, keeping attributes and identity. A copy that is there already is known by its
// source.
func (o *Origin) copyOne(ctx context.Context, m *moveRecord, obj Object, to string, id origin.ID, c Cond, note func(copied)) error {
	isDir := strings.HasSuffix(obj.Key, "/")
	var a nfs.Attr
	if isDir {
		a = o.attrsOf(&obj, true)
		a.Ctime = o.now()
	} else {
		a = o.fileAttr(id, &obj)
	}
	props := o.rewritten(&obj, to, tokenOf(id), &a)
	props.Meta[metaFrom] = m.source(&obj)
	made, err := o.store.Copy(ctx, obj, to, props, c)
	if errors.Is(err, ErrPrecondition) {
		is, headErr := o.head(ctx, to)
		if headErr != nil || is.Props.Meta[metaFrom] != m.source(&obj) {
			return err
		}
		made, err = is, nil
	}
	if err != nil {
		return err
	}
	made.Size = obj.Size
	o.heads.put(made)
	note(copied{obj.Key, obj.ETag})
	if s, ok := o.spotOf(id); ok {
		s.etag = made.ETag
		return o.setSpot(id, s)
	}
	return nil
}
