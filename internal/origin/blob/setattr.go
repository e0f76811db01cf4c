package blob

import (
	"bytes"
	"context"
	"maps"
	"strconv"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// SetAttr rewrites metadata; with a size, or while unstable data are staged, it uploads the file: its answer promises
// that all is durable (RFC 1813 §3.3.2).
func (o *Origin) SetAttr(ctx context.Context, as origin.Cred, id origin.ID, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	if err := o.ready(ctx); err != nil {
		return nfs.WccData{}, err
	}
	if isDir(id) {
		return o.setDirAttr(ctx, as, id, set, guard)
	}
	key, release, err := o.claimID(ctx, id)
	if err != nil {
		return nfs.WccData{}, err
	}
	defer release()
	if set.Size.Set {
		return o.truncate(ctx, as, id, key, set, guard)
	}
	if f := o.staged.get(id); f != nil {
		if _, dirty := f.attrs(); dirty {
			return o.setStaged(ctx, as, id, key, f, set, guard)
		}
	}
	return o.setFileAttr(ctx, as, id, set, guard)
}

// setFileAttr copies the object onto itself with other metadata.
func (o *Origin) setFileAttr(ctx context.Context, as origin.Cred, id origin.ID, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	obj, err := o.file(ctx, id)
	if err != nil {
		return nfs.WccData{}, err
	}
	before := o.fileAttr(id, &obj)
	wcc := unchanged(&before)
	after, err := o.apply(&as, before, set, guard)
	if err != nil {
		return wcc, err
	}
	spot, _ := o.spotOf(id)
	dir, err := o.keyOf(spot.parent)
	if err != nil {
		return wcc, err
	}
	obj.Props.Meta = without(obj.Props.Meta, metaVerf)
	props := o.rewritten(&obj, obj.Key, tokenOf(id), &after)
	ch := o.dirs.begin(dir)
	made, err := o.store.Copy(ctx, obj, obj.Key, props, Cond{Match: obj.ETag})
	if err != nil {
		made, err = o.mine(ctx, obj.Key, props, err)
	}
	if err != nil {
		ch.end(ambiguous, 0)
		return nfs.WccData{}, gone(err)
	}
	ch.end(content, entrySum(spot.name, made.ETag)-entrySum(spot.name, obj.ETag))
	wcc.After = nfs.WithAttr(after)
	return wcc, o.wrote(id, spot, made)
}

// setStaged changes attributes and uploads.
func (o *Origin) setStaged(ctx context.Context, as origin.Cred, id origin.ID, key string, f *stagedFile, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	f.mu.Lock()
	before := f.attr
	after, err := o.apply(&as, before, set, guard)
	if err == nil && set.Size.Set {
		if err = f.f.Truncate(int64(set.Size.Value)); err != nil {
			err = local(err)
		}
	}
	if err == nil {
		f.attr, f.dirty = after, true
	}
	f.mu.Unlock()
	if err != nil {
		return unchanged(&before), err
	}
	wcc := unchanged(&before)
	wcc.After = nfs.WithAttr(after)
	return wcc, o.upload(ctx, id, key, f)
}

// truncate sets the size, together with whatever else is set.
func (o *Origin) truncate(ctx context.Context, as origin.Cred, id origin.ID, key string, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	if set.Size.Value > 1<<62 {
		return nfs.WccData{}, nfs.ErrFBig
	}
	f, err := o.openStaged(ctx, &as, id, func(size int64) int64 { return min(size, int64(set.Size.Value)) })
	if err != nil {
		return nfs.WccData{}, err
	}
	return o.setStaged(ctx, as, id, key, f, set, guard)
}

// apply returns the attributes after a change, if the caller may make it.
func (o *Origin) apply(as *origin.Cred, a nfs.Attr, set nfs.SetAttr, guard *nfs.Time) (nfs.Attr, error) {
	if guard != nil && a.Ctime != *guard {
		return a, nfs.ErrNotSync
	}
	now := o.now()
	owner := as.UID == 0 || as.UID == a.UID
	if set.Mode.Set {
		if !owner {
			return a, nfs.ErrPerm
		}
		a.Mode = set.Mode.Value & modePerm
	}
	if set.UID.Set && set.UID.Value != a.UID {
		if as.UID != 0 {
			return a, nfs.ErrPerm
		}
		a.UID = set.UID.Value
	}
	if set.GID.Set && set.GID.Value != a.GID {
		if as.UID != 0 && (!owner || !inGroup(as, set.GID.Value)) {
			return a, nfs.ErrPerm
		}
		a.GID = set.GID.Value
	}
	for _, t := range []struct {
		set nfs.SetTime
		to  *nfs.Time
	}{{set.Atime, &a.Atime}, {set.Mtime, &a.Mtime}} {
		switch t.set.How {
		case nfs.SetToClientTime:
			if !owner {
				return a, nfs.ErrPerm
			}
			*t.to = t.set.Time
		case nfs.SetToServerTime:
			if err := permit(as, &a, mayWrite); !owner && err != nil {
				return a, err
			}
			*t.to = now
		}
	}
	if set.Size.Set {
		a.Size, a.Used = set.Size.Value, set.Size.Value
		if set.Mtime.How == nfs.DontChange {
			a.Mtime = now
		}
	}
	a.Ctime = now
	return a, nil
}

// setDirAttr writes the directory's marker.
func (o *Origin) setDirAttr(ctx context.Context, as origin.Cred, id origin.ID, set nfs.SetAttr, guard *nfs.Time) (wcc nfs.WccData, err error) {
	key, release, err := o.claimMarker(ctx, id)
	if err != nil {
		return wcc, err
	}
	defer release()
	d, err := o.lookFar(ctx, id, provenPages)
	if err != nil {
		return wcc, err
	}
	if set.Size.Set {
		return wcc, nfs.ErrIsDir
	}
	if key == "" {
		return wcc, nfs.ErrNotSupp // the root of a whole bucket has no key to keep attributes at
	}
	after, err := o.apply(&as, d.attr, set, guard)
	if err != nil {
		return unchanged(&d.attr), err
	}
	mtimeSet := set.Mtime.How != nfs.DontChange
	sum, attr := d.sum-d.markerSum(), d.attr
	t, err := o.putMarker(ctx, d, &after, names, func(m map[string]string) {
		if mtimeSet {
			m[metaNames] = formatSum(sum)
		}
	})
	if err != nil {
		return wcc, err
	}
	if wcc = d.wcc(&attr, t); wcc.After.Present && mtimeSet {
		wcc.After.Attr.Mtime = after.Mtime
	}
	if wcc.After.Present {
		a := &wcc.After.Attr
		a.Mode, a.UID, a.GID = after.Mode, after.UID, after.GID
	}
	return wcc, nil
}

// claimMarker claims a directory's marker, not what lies below.
func (o *Origin) claimMarker(ctx context.Context, id origin.ID) (key string, release func(), err error) {
	for {
		if key, err = o.keyOf(id); err != nil {
			return "", nil, err
		}
		if release, err = o.claims.take(ctx, key+markerClaim); err != nil {
			return "", nil, err
		}
		if now, err := o.keyOf(id); err == nil && now == key {
			return key, release, nil
		}
		release()
	}
}

// markerClaim follows a directory's key in claims on its marker alone. No name has a NUL.
const markerClaim = "\x00"

// putMarker writes the marker of a directory that was looked at, replacing the one that was seen.
func (o *Origin) putMarker(ctx context.Context, d *looked, a *nfs.Attr, how outcome, edit func(map[string]string)) (times, error) {
	props := o.rewritten(d.object(), d.key, tokenOf(d.id), a)
	edit(props.Meta)
	ch := o.dirs.begin(d.key)
	obj, err := o.put(ctx, d.key, nil, props, Cond{Match: d.object().ETag, Absent: d.marker == nil})
	if err != nil {
		ch.end(ambiguous, 0)
		return times{}, status(err)
	}
	t := ch.end(how, entrySum("", obj.ETag)-d.markerSum())
	d.marker = &obj
	return t, nil
}

// keepMarker gives an implied directory a marker, so that it outlives what is taken out of it.
func (o *Origin) keepMarker(ctx context.Context, d *looked) error {
	if d.marker != nil || d.id == o.rootID {
		return nil
	}
	_, err := o.putMarker(ctx, d, &d.attr, content, func(map[string]string) {})
	return err
}

// put puts a small object and remembers it.
func (o *Origin) put(ctx context.Context, key string, body []byte, p Props, c Cond) (Object, error) {
	obj, err := o.store.Put(ctx, key, bytes.NewReader(body), int64(len(body)), p, c)
	if err != nil {
		if obj, err = o.mine(ctx, key, p, err); err != nil {
			return obj, err
		}
	}
	o.heads.put(obj)
	return obj, nil
}

// wcc is weak-cache-consistency data of a change of names, as far as the directory's state is proven.
func (d *looked) wcc(before *nfs.Attr, t times) (wcc nfs.WccData) {
	if !d.whole || !t.known {
		return wcc
	}
	pre, after := before.Pre(), *before
	if pre.Mtime == pre.Ctime {
		pre.Mtime = t.before
	}
	pre.Ctime = t.before
	after.Mtime, after.Atime, after.Ctime = t.after, t.after, t.after
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: pre}, After: nfs.WithAttr(after)}
}

func (d *looked) markerSum() uint64 {
	if d.marker == nil {
		return 0
	}
	return entrySum("", d.marker.ETag)
}

func formatSum(sum uint64) string { return strconv.FormatUint(sum, 16) }

// without returns a copy of the map that lacks a name.
func without(m map[string]string, name string) map[string]string {
	m = maps.Clone(m)
	delete(m, name)
	return m
}
