package filer

import (
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// makers knows as whom an origin takes callers: it may squash root, or everybody. It is learnt from the owners of what it
// makes for them, and asked again as often as attributes are.
type makers struct {
	mu    sync.Mutex
	known map[string]maker // guarded by mu; by credential
}

// maker is an owner.
type maker struct {
	uid, gid uint32
	at       time.Time
}

// maxMakers bounds the credentials remembered for one target.
const maxMakers = 1 << 12

// makerOf returns who owns what the caller makes, if that was seen not before the given time.
func (t *target) makerOf(as origin.Cred, notBefore time.Time) (maker, bool) {
	var room [keyBytes]byte
	key := credKey(room[:0], as)
	t.makers.mu.Lock()
	defer t.makers.mu.Unlock()
	m, ok := t.makers.known[string(key)]
	return m, ok && !m.at.Before(notBefore)
}

// noteMaker learns from an object that the origin has made for the caller. In folders with set-group-id the group says
// nothing.
func (t *target) noteMaker(as origin.Cred, dir, made *nfs.Attr, sent time.Time) {
	if !t.ownNames || dir.Mode&modeSetGID != 0 {
		return
	}
	var room [keyBytes]byte
	key := string(credKey(room[:0], as))
	t.makers.mu.Lock()
	defer t.makers.mu.Unlock()
	if t.makers.known == nil || len(t.makers.known) >= maxMakers {
		t.makers.known = map[string]maker{}
	}
	t.makers.known[key] = maker{made.UID, made.GID, sent}
}

// modeSetGID is set-group-id: what is made in such a folder has the folder's group.
const modeSetGID = 0o2000

// owns says whether the origin takes the caller for the owner of a file.
func (c call) owns(a *nfs.Attr) bool {
	if m, ok := c.ino.target.makerOf(c.as, c.ino.target.freshEnough()); ok {
		return m.uid == a.UID
	}
	return c.as.UID == a.UID
}

// judge answers ACCESS of an unborn object for somebody whom its origin takes for m.
func judge(a *nfs.Attr, m maker, as origin.Cred, want nfs.Access) nfs.Access {
	if m.uid == 0 {
		return want
	}
	bits := a.Mode & 7
	switch {
	case m.uid == a.UID:
		bits = a.Mode >> 6 & 7
	case m.gid == a.GID || slices.Contains(as.GIDs, a.GID):
		bits = a.Mode >> 3 & 7
	}
	var got nfs.Access
	if bits&4 != 0 {
		got |= nfs.AccessRead
	}
	if bits&2 != 0 {
		got |= nfs.AccessModify | nfs.AccessExtend
	}
	if bits&1 != 0 {
		got |= nfs.AccessLookup | nfs.AccessExecute
	}
	if a.Type == nfs.TypeDirectory {
		got &^= nfs.AccessExecute
		if bits&3 == 3 {
			got |= nfs.AccessDelete
		} else {
			got &^= nfs.AccessModify | nfs.AccessExtend
		}
	} else {
		got &^= nfs.AccessLookup
	}
	return got & want
}
