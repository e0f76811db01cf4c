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

func credKey(as origin.Cred) string {
	b := binary.BigEndian.AppendUint32(nil, as.UID)
	b = binary.BigEndian.AppendUint32(b, as.GID)
	gids := slices.Sorted(slices.Values(as.GIDs))
	for _, g := range gids {
		b = binary.BigEndian.AppendUint32(b, g)
	}
	return string(b)
}

// granted answers ACCESS. The origin is the judge, for it may squash root, map users or have ACLs; its answers are kept
// as long as the file is unchanged and the export's verification time has not passed.
func (c call) granted(ctx context.Context, ino *inode, want nfs.Access) (nfs.Access, error) {
	t := ino.target
	if t.caps.Local {
		got, err := t.origin.Access(ctx, c.as, ino.oid, want)
		return got, c.noted(t, err)
	}
	key := credKey(c.as)
	ino.mu.Lock()
	g, ok := ino.grants[key]
	ctime := ino.attr.Ctime
	ino.mu.Unlock()
	if ok && g.asked&want == want && g.ctime == ctime && !g.at.Before(t.freshEnough()) {
		return g.got & want, nil
	}
	sent := time.Now()
	ask := want | nfs.AccessRead | nfs.AccessLookup | nfs.AccessModify | nfs.AccessExtend | nfs.AccessDelete | nfs.AccessExecute
	got, err := t.origin.Access(ctx, c.as, ino.oid, ask)
	if err != nil {
		return 0, c.noted(t, err)
	}
	ino.mu.Lock()
	if ino.grants == nil || len(ino.grants) >= maxGrants {
		ino.grants = map[string]grant{}
	}
	if ino.attr.Ctime == ctime {
		ino.grants[key] = grant{ask, got, sent, ctime}
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
	a, err := c.f.fresh(ctx, c.as, ino, ino.target.freshEnough())
	if err != nil {
		return err
	}
	everybody := uint32(0o004)
	if want == nfs.AccessLookup {
		if a.Type != nfs.TypeDirectory {
			return nfs.ErrNotDir
		}
		everybody = 0o001
	}
	owner := a.Type == nfs.TypeRegular && a.UID == c.as.UID && c.as.UID != 0 // checked at open, not at each read
	if a.Mode&everybody != 0 || owner {
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
