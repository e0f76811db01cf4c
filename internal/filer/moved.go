package filer

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// stale is called with what an origin said of an inode. If that is that the file is gone, the origin may have changed its
// handles, as one does whose disks were moved to another server: a file that is found again at its name, with the same
// number and in the same state, keeps its inode, and clients are told to ask again. The state matters because numbers are
// used again: a file that took another one's place is not that one. Else the file is forgotten. If the export's root is refused
// as well and cannot be mounted again, it is not the file that is gone but our access: then nothing is forgotten.
func (f *Filer) stale(ino *inode, err error) error {
	if !origin.IsGone(err) {
		return err
	}
	if ino.oid() == "" { // it was asked too early
		return nfs.ErrJukebox
	}
	t := ino.target
	ctx, cancel := context.WithTimeout(f.ctx, 10*time.Second)
	defer cancel()
	select {
	case t.moving <- struct{}{}:
		defer func() { <-t.moving }()
	case <-ctx.Done():
		return nfs.ErrJukebox
	}
	if key, failed := f.ids.identityOf(ino.id); failed == nil && key.id != ino.oid() {
		return nfs.ErrJukebox // somebody else has found it
	}
	root, failed := t.origin.Root(ctx)
	if origin.IsGone(failed) {
		f.lostAccess(t)
		root, failed = t.origin.Root(ctx)
	}
	switch {
	case origin.IsGone(failed):
		return err
	case failed != nil:
		return nfs.ErrJukebox
	}
	switch f.seek(ctx, t, ino.id, root.ID, 0) {
	case found:
		return nfs.ErrJukebox
	case lost:
		f.gone(ino)
	}
	return err
}

// sought is the outcome of seek.
type sought uint8

const (
	unsure sought = iota // the origin did not say
	found                // under another identity, which the inode has now
	lost
)

// seek looks for an inode's file by its way from the root, and gives the inode the identity that it has there. Folders
// on the way are brought up to date too. Called in turn.
func (f *Filer) seek(ctx context.Context, t *target, id uint64, root origin.ID, depth int) sought {
	key, err := f.ids.identityOf(id)
	if err != nil {
		return unsure
	}
	t.mu.Lock()
	isRoot := t.root == id
	t.mu.Unlock()
	if isRoot {
		if key.id == root {
			return unsure
		}
		t.reborn.Store(time.Now().UnixNano())
		return f.rebind(t, id, key.id, root)
	}
	ino := f.table.peek(id)
	if ino == nil || depth > maxClimb {
		return lost
	}
	ino.mu.Lock()
	at, attr, known, verified := ino.place, ino.attr, ino.known, ino.verified
	ino.mu.Unlock()
	if at.name == "" || !known {
		return lost
	}
	node, err := f.lookAgain(ctx, t, at, root, depth)
	switch {
	case errors.Is(err, nfs.ErrNoEnt), origin.IsGone(err):
		return lost
	case err != nil:
		return unsure
	case node.ID == key.id || node.Attr.FileID != attr.FileID || node.Attr.Type != attr.Type:
		return lost
	case node.Attr.Pre() != attr.Pre() && (attr.Type != nfs.TypeDirectory || !verified.Before(time.Unix(0, t.reborn.Load()))):
		return lost
	}
	return f.rebind(t, id, key.id, node.ID)
}

// lookAgain looks a name up in a folder that may itself have another identity now.
func (f *Filer) lookAgain(ctx context.Context, t *target, at place, root origin.ID, depth int) (origin.Node, error) {
	for again := true; ; again = false {
		dir, err := f.ids.identityOf(at.dir)
		if err != nil {
			return origin.Node{}, nfs.ErrStale
		}
		node, _, err := t.origin.Lookup(ctx, origin.Cred{}, dir.id, at.name)
		if !origin.IsGone(err) || !again || f.seek(ctx, t, at.dir, root, depth+1) != found {
			return node, err
		}
	}
}

// rebind gives an inode another identity, durably. What is cached of it is dropped; so one with changes that the origin has
// not keeps the old one, and its changes wait, until somebody rescues them.
func (f *Filer) rebind(t *target, id uint64, before, after origin.ID) sought {
	if v, err := f.kv.Get(identityKey('o', t.id, after)); err != nil || v != nil {
		return lost // it has another inode already
	}
	old := f.table.known(id)
	if old != nil {
		defer f.table.put(old)
		if old.isDirty() {
			return unsure
		}
	}
	err := f.kv.Apply([]Change{
		{Key: identityKey('o', t.id, before)},
		{Key: inodeKey('d', id)},
		{identityKey('o', t.id, after), binary.BigEndian.AppendUint64(nil, id)},
		{inodeKey('i', id), append(binary.BigEndian.AppendUint32(nil, t.id), after...)},
	}, true)
	if err != nil {
		f.log.Error("a file's new identity", "inode", id, "error", err)
		return unsure
	}
	if old == nil {
		return found
	}
	old.mu.Lock()
	at := old.place
	old.mu.Unlock()
	f.drop(old)
	now := f.table.add(id, t, after)
	now.inherit(old)
	now.mu.Lock()
	now.place = at
	now.mu.Unlock()
	f.table.put(now)
	return found
}
