package filer

import (
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// grant is what the origin said to ACCESS for one credential.
type grant struct {
	asked, got nfs.Access
	at         time.Time // when the question was sent
	ctime      nfs.Time  // of the file then: permissions cannot change without it
}

// maxGrants bounds the credentials remembered for one file.
const maxGrants = 32

// keyBytes is how long the key of a credential of AUTH_SYS can be.
const keyBytes = 4 * (2 + 16)

// credKey appends a credential as the key of a map: uid, gid, and the other groups in order.
func credKey(b []byte, as origin.Cred) []byte {
	b = binary.BigEndian.AppendUint32(b, as.UID)
	b = binary.BigEndian.AppendUint32(b, as.GID)
	var room [16]uint32
	gids := append(room[:0], as.GIDs...)
	slices.Sort(gids)
	for _, g := range gids {
		b = binary.BigEndian.AppendUint32(b, g)
	}
	return b
}

// grantOf returns what is remembered of the credential if the origin was asked for all of want, not before the given
// time and not before the file's last change. Called with mu held.
func (ino *inode) grantOf(key []byte, want nfs.Access, notBefore time.Time) (nfs.Access, bool) {
	g, ok := ino.grants[string(key)]
	if !ok || g.asked&want != want || g.ctime != ino.permitted() || g.at.Before(notBefore) {
		return 0, false
	}
	return g.got & want, true
}

// permitted is the ctime of the state that permissions are remembered of. While our own changes of a directory's names
// are on their way, which move its ctime and no permission, it is that of the state before. Called with mu held.
func (ino *inode) permitted() nfs.Time {
	if c := &ino.chain; c.inflight > 0 && c.base && !c.permits && ino.attr.Type == nfs.TypeDirectory {
		return c.from.Ctime
	}
	return ino.originState().Ctime
}

// keepGrants takes what is remembered of permissions along with a directory's ctime, after changes of names that were all
// ours. Called with mu held.
func (ino *inode) keepGrants() {
	if ino.attr.Type != nfs.TypeDirectory || ino.chain.permits {
		return
	}
	for key, g := range ino.grants {
		if g.ctime == ino.chain.from.Ctime {
			g.ctime = ino.attr.Ctime
			ino.grants[key] = g
		}
	}
}

// granted answers ACCESS. The origin is the judge, for it may squash root, map users or have ACLs; its answers are kept
// as long as the file is unchanged and the export's verification time has not passed.
func (c call) granted(ctx context.Context, ino *inode, want nfs.Access) (nfs.Access, error) {
	t := ino.target
	if t.caps.Local {
		nfs.Wait(ctx)
		got, err := t.origin.Access(ctx, c.as, ino.oid(), want)
		return got, c.noted(t, err)
	}
	var room [keyBytes]byte
	key := credKey(room[:0], c.as)
	ino.mu.Lock()
	got, ok := ino.grantOf(key, want, t.freshEnough())
	ctime := ino.permitted()
	unborn, a := ino.making != nil, ino.attr
	ino.mu.Unlock()
	if unborn {
		if m, ok := t.makerOf(c.as, t.freshEnough()); ok {
			return judge(&a, m, c.as, want), nil
		}
		if err := c.f.born(ctx, ino); err != nil {
			return 0, err
		}
		return c.granted(ctx, ino, want)
	}
	if ok {
		return got, nil
	}
	nfs.Wait(ctx)
	sent := time.Now()
	ask := want | nfs.AccessRead | nfs.AccessLookup | nfs.AccessModify | nfs.AccessExtend | nfs.AccessDelete | nfs.AccessExecute
	got, err := t.origin.Access(ctx, c.as, ino.oid(), ask)
	if err != nil {
		return 0, c.noted(t, err)
	}
	ino.mu.Lock()
	if ino.grants == nil || len(ino.grants) >= maxGrants {
		ino.grants = map[string]grant{}
	}
	if ino.permitted() == ctime {
		ino.grants[string(key)] = grant{ask, got, sent, ctime}
	}
	ino.mu.Unlock()
	return got & want, nil
}

// allowed says whether the caller may be served from the cache: reading a file or finding names in a directory. What
// everybody may do is not asked for. Origins on this machine judge by themselves.
func (c call) allowed(ctx context.Context, ino *inode, want nfs.Access) error {
	if ino.target.caps.Local {
		return nil
	}
	a, err := c.f.trusted(ctx, c.as, ino, ino.target.freshEnough())
	if err != nil {
		return err
	}
	if want == nfs.AccessLookup && a.Type != nfs.TypeDirectory {
		return nfs.ErrNotDir
	}
	if permitted(&a, c.as, want) {
		return nil
	}
	got, err := c.granted(ctx, ino, want|nfs.AccessExecute)
	if err != nil {
		return err
	}
	if got == 0 {
		return nfs.ErrAcces
	}
	return nil
}

// permitted says whether a file's mode alone lets the caller read it, or find names in it. A file's owner is not held to
// the mode: it was checked when the file was opened, and not at each read.
func permitted(a *nfs.Attr, as origin.Cred, want nfs.Access) bool {
	if want == nfs.AccessLookup {
		return a.Mode&0o001 != 0
	}
	return a.Mode&0o004 != 0 || a.Type == nfs.TypeRegular && a.UID == as.UID && as.UID != 0
}
