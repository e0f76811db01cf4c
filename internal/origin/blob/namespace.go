package blob

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// claimChild claims a name in a directory, for a file and for a directory with all below it. release is never nil.
func (o *Origin) claimChild(ctx context.Context, dir origin.ID, name string) (key string, release func(), err error) {
	nothing := func() {}
	if err := o.ready(ctx); err != nil {
		return "", nothing, err
	}
	if err := checkName(name); err != nil {
		return "", nothing, err
	}
	if !isDir(dir) {
		_, err := o.look(ctx, dir)
		return "", nothing, err
	}
	for {
		at, err := o.keyOf(dir)
		if err != nil {
			return "", nothing, err
		}
		if key, err = o.childKey(at, name); err != nil {
			return "", nothing, err
		}
		if release, err = o.claims.take(ctx, key, key+"/"); err != nil {
			return "", nothing, err
		}
		if now, err := o.keyOf(dir); err == nil && now == at {
			return key, release, nil
		}
		release()
	}
}

// lookToChange looks at a directory whose names the caller wants to change.
func (o *Origin) lookToChange(ctx context.Context, as *origin.Cred, dir origin.ID) (*looked, error) {
	d, err := o.look(ctx, dir)
	if err != nil {
		return nil, err
	}
	return d, permit(as, &d.attr, mayWrite|mayExec)
}

// still is the WCC data of a directory that was not changed.
func (d *looked) still() nfs.WccData {
	if d == nil || !d.whole {
		return nfs.WccData{}
	}
	return unchanged(&d.attr)
}

// newAttr are the attributes of a new object.
func (o *Origin) newAttr(as *origin.Cred, d *looked, kind nfs.FileType, set nfs.SetAttr, mode uint32) nfs.Attr {
	now := o.now()
	a := nfs.Attr{Type: kind, Mode: mode, Nlink: 1, UID: as.UID, GID: as.GID, FSID: o.fsid, Atime: now, Mtime: now, Ctime: now}
	if d.attr.Mode&0o2000 != 0 {
		a.GID = d.attr.GID
	}
	if set.Mode.Set {
		a.Mode = set.Mode.Value & modePerm
	}
	if set.UID.Set && as.UID == 0 {
		a.UID = set.UID.Value
	}
	if set.GID.Set && (as.UID == 0 || inGroup(as, set.GID.Value)) {
		a.GID = set.GID.Value
	}
	if set.Atime.How == nfs.SetToClientTime {
		a.Atime = set.Atime.Time
	}
	if set.Mtime.How == nfs.SetToClientTime {
		a.Mtime = set.Mtime.Time
	}
	return a
}

// makeObject makes name in a directory that was looked at, whose name is claimed. The parent of a directory that is
// itself only implied stays so: it is there while this is.
func (o *Origin) makeObject(ctx context.Context, d *looked, key, name string, a nfs.Attr, body []byte, edit func(map[string]string)) (made origin.Made, err error) {
	made.Dir = d.still()
	t, kind := newToken(), byte(idFile)
	if a.Type == nfs.TypeDirectory {
		key, kind, a.Size = key+"/", idDir, dirSize
	} else {
		a.Size = uint64(len(body))
	}
	id := idOf(kind, t)
	a.Used, a.FileID = a.Size, fileID(id)
	props := o.rewritten(&Object{}, key, t, &a)
	edit(props.Meta)
	ch := o.dirs.begin(d.key)
	obj, err := o.put(ctx, key, body, props, Cond{Absent: true})
	if err != nil {
		how := ambiguous
		if definite(err) {
			how = nothing
		}
		ch.end(how, 0)
		if errors.Is(err, ErrPrecondition) {
			err = nfs.ErrExist
		}
		return made, status(err)
	}
	tag := obj.ETag
	if kind == idDir {
		o.dirs.born(key, entrySum("", obj.ETag), a.Ctime)
		a.Mtime = a.Ctime
		tag = "/"
	}
	made.Dir = d.wcc(&d.attr, ch.end(names, entrySum(name, tag)))
	made.Node = origin.Node{ID: id, Attr: a}
	return made, o.setSpot(id, spot{d.id, name, obj.ETag})
}

// makeNew makes name unless it is there.
func (o *Origin) makeNew(ctx context.Context, as *origin.Cred, dir origin.ID, name string, kind nfs.FileType, set nfs.SetAttr, mode uint32, body []byte, edit func(map[string]string)) (made origin.Made, err error) {
	key, release, err := o.claimChild(ctx, dir, name)
	defer release()
	if err != nil {
		return made, err
	}
	d, err := o.lookToChange(ctx, as, dir)
	if err != nil {
		return origin.Made{Dir: d.still()}, err
	}
	if _, err := o.find(ctx, d, name); !errors.Is(err, nfs.ErrNoEnt) {
		if err == nil {
			err = nfs.ErrExist
		}
		return origin.Made{Dir: d.still()}, err
	}
	return o.makeObject(ctx, d, key, name, o.newAttr(as, d, kind, set, mode), body, edit)
}

func asIs(map[string]string) {}

// Create makes an empty object, on condition that there is none. An exclusive create keeps its verifier in the metadata
// until the file is written, so that a repeat succeeds even after a restart.
func (o *Origin) Create(ctx context.Context, as origin.Cred, dir origin.ID, name string, how origin.CreateHow) (made origin.Made, err error) {
	key, release, err := o.claimChild(ctx, dir, name)
	defer release()
	if err != nil {
		return made, err
	}
	d, err := o.lookToChange(ctx, &as, dir)
	if err != nil {
		return origin.Made{Dir: d.still()}, err
	}
	e, err := o.find(ctx, d, name)
	if errors.Is(err, nfs.ErrNoEnt) {
		a := o.newAttr(&as, d, nfs.TypeRegular, how.Attr, 0o644)
		made, err = o.makeObject(ctx, d, key, name, a, nil, func(m map[string]string) {
			if how.Mode == nfs.Exclusive {
				m[metaVerf] = hex.EncodeToString(how.Verifier[:])
			}
		})
		if !errors.Is(err, nfs.ErrExist) {
			return made, err
		}
		var headErr error
		if e.obj, headErr = o.head(ctx, key); headErr != nil { // somebody else was faster, and has removed it again
			return made, err
		}
		e.name, e.dir = name, false
	}
	made.Dir = d.still()
	if err != nil && !errors.Is(err, nfs.ErrExist) {
		return made, err
	}
	made.Node, err = o.existing(ctx, &as, d, key, &e, how)
	return made, err
}

// existing answers a create of a name that is there.
func (o *Origin) existing(ctx context.Context, as *origin.Cred, d *looked, key string, e *entry, how origin.CreateHow) (origin.Node, error) {
	if e.dir || how.Mode == nfs.Guarded {
		return origin.Node{}, nfs.ErrExist
	}
	node, err := o.fileNode(ctx, &e.obj, d.id, e.name)
	if err != nil {
		return node, err
	}
	switch {
	case node.Attr.Type != nfs.TypeRegular:
		return node, nfs.ErrExist
	case how.Mode == nfs.Exclusive:
		if e.obj.Props.Meta[metaVerf] != hex.EncodeToString(how.Verifier[:]) {
			return node, nfs.ErrExist
		}
	case how.Attr.Size.Set: // of an existing file only the size is applied, as open(O_CREAT|O_TRUNC) does
		wcc, err := o.truncate(ctx, *as, node.ID, key, nfs.SetAttr{Size: how.Attr.Size}, nil)
		if err != nil {
			return node, err
		}
		node.Attr = wcc.After.Attr
	}
	return node, nil
}

// MkDir makes a marker.
func (o *Origin) MkDir(ctx context.Context, as origin.Cred, dir origin.ID, name string, set nfs.SetAttr) (origin.Made, error) {
	return o.makeNew(ctx, &as, dir, name, nfs.TypeDirectory, set, 0o755, nil, asIs)
}

// Symlink makes an object whose content is the target.
func (o *Origin) Symlink(ctx context.Context, as origin.Cred, dir origin.ID, name, target string, set nfs.SetAttr) (origin.Made, error) {
	switch {
	case target == "":
		return origin.Made{}, nfs.ErrInval
	case len(target) > maxTarget:
		return origin.Made{}, nfs.ErrNameTooLong
	}
	set.Mode = nfs.Set32(0o777)
	return o.makeNew(ctx, &as, dir, name, nfs.TypeSymlink, set, 0o777, []byte(target), asIs)
}

// MkNod makes an empty object that says what it is.
func (o *Origin) MkNod(ctx context.Context, as origin.Cred, dir origin.ID, name string, kind origin.Special, set nfs.SetAttr) (origin.Made, error) {
	var device nfs.Device
	switch kind.Type {
	case nfs.TypeChar, nfs.TypeBlock:
		if as.UID != 0 {
			return origin.Made{}, nfs.ErrPerm
		}
		device = kind.Device
	case nfs.TypeFIFO, nfs.TypeSocket:
	default:
		return origin.Made{}, nfs.ErrBadType
	}
	made, err := o.makeNew(ctx, &as, dir, name, kind.Type, set, 0o644, nil, func(m map[string]string) {
		if kind.Type == nfs.TypeChar || kind.Type == nfs.TypeBlock {
			m[metaRdev] = formatDevice(device)
		}
	})
	made.Node.Attr.Rdev = device
	return made, err
}

// Link is what no object can do.
func (o *Origin) Link(ctx context.Context, as origin.Cred, id, _ origin.ID, _ string) (r origin.LinkResult, err error) {
	a, err := o.GetAttr(ctx, as, id)
	if err != nil {
		return r, err
	}
	r.File = nfs.WithAttr(a)
	return r, nfs.ErrNotSupp
}

// Remove deletes the object of a name that is no directory.
func (o *Origin) Remove(ctx context.Context, as origin.Cred, dir origin.ID, name string) (nfs.WccData, error) {
	return o.unlink(ctx, &as, dir, name, false)
}

// RmDir deletes the marker of an empty directory.
func (o *Origin) RmDir(ctx context.Context, as origin.Cred, dir origin.ID, name string) (nfs.WccData, error) {
	return o.unlink(ctx, &as, dir, name, true)
}

func (o *Origin) unlink(ctx context.Context, as *origin.Cred, dir origin.ID, name string, isDir bool) (wcc nfs.WccData, err error) {
	_, release, err := o.claimChild(ctx, dir, name)
	defer release()
	if err != nil {
		return wcc, err
	}
	d, err := o.lookToChange(ctx, as, dir)
	if err != nil {
		return d.still(), err
	}
	e, err := o.find(ctx, d, name)
	if err != nil {
		return d.still(), err
	}
	id, tag, err := o.toUnlink(ctx, as, d, &e, isDir)
	if err != nil {
		return d.still(), err
	}
	if err := o.keepMarker(ctx, d); err != nil {
		return d.still(), err
	}
	ch := o.dirs.begin(d.key)
	if e.obj.ETag != "" { // an implied directory has nothing to delete
		err = o.store.Delete(ctx, e.obj.Key, e.obj.ETag)
	}
	o.heads.drop(e.obj.Key)
	if err != nil {
		ch.end(ambiguous, 0)
		return wcc, status(err)
	}
	o.staged.drop(id)
	wcc = d.wcc(&d.attr, ch.end(names, -entrySum(name, tag)))
	return wcc, o.forget(id)
}

// toUnlink checks that e may be removed. Its object is the one to delete then; tag is what the directory's sum holds.
func (o *Origin) toUnlink(ctx context.Context, as *origin.Cred, d *looked, e *entry, isDir bool) (id origin.ID, tag string, err error) {
	if !e.dir {
		node, err := o.fileNode(ctx, &e.obj, d.id, e.name)
		if err == nil && isDir {
			err = nfs.ErrNotDir
		}
		if err == nil {
			err = permitUnlink(as, &d.attr, &node.Attr)
		}
		return node.ID, e.obj.ETag, err
	}
	if !isDir {
		return "", "", nfs.ErrIsDir
	}
	child, err := o.lookChild(ctx, e, d.id)
	if err != nil {
		return "", "", err
	}
	if child.keys > 0 || !child.whole {
		return child.id, "", nfs.ErrNotEmpty
	}
	e.obj = *child.object()
	return child.id, "/", permitUnlink(as, &d.attr, &child.attr)
}
