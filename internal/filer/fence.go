package filer

import (
	"context"
	"errors"
	"path"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Fenced is what a fence did.
type Fenced struct {
	Sessions  []uint64
	Drained   uint32 // calls that were in flight and were waited for
	Discarded []Discarded
}

// Discarded is a file that was removed after a fence.
type Discarded struct {
	Path string
	Size uint64 // it had then
}

// Fence ends a mount session, or every session of an owner. When it returns without error, calls of the sessions have
// ended, what they wrote and was acknowledged is at the storage, nothing of them changes the namespace any more, also
// after a restart, and the files in discard that have no receipt are gone. It can be repeated.
func (f *Filer) Fence(ctx context.Context, id uint64, owner, reason string, discard []string) (Fenced, error) {
	var all []*session
	if id != 0 {
		s, ok := f.sessions.get(id)
		if !ok {
			return Fenced{}, fault.New(fault.NotFound, "no mount session %d", id)
		}
		all = append(all, s)
	}
	if owner != "" {
		all = append(all, f.sessions.owned(owner)...)
	}
	if len(all) == 0 {
		return Fenced{}, fault.New(fault.NotFound, "no mount session of %q", owner)
	}
	var out Fenced
	for _, s := range all {
		n, err := f.sessions.fence(s, reason)
		if err != nil {
			return out, err
		}
		out.Drained += uint32(n)
		out.Sessions = append(out.Sessions, s.ID)
		f.log.Info("mount session fenced", "session", s.ID, "owner", s.Owner, "reason", reason, "inFlight", n)
	}
	for _, s := range all {
		if err := s.drain(ctx); err != nil {
			return out, err
		}
		f.landUnstable(ctx, s)
		f.locks.dropSession(s.ID)
		if f.wb != nil {
			if err := f.wb.fence(ctx, s.ID, reason); err != nil {
				return out, err
			}
		}
	}
	for _, p := range discard {
		d, err := f.discard(ctx, p)
		if err != nil {
			return out, fault.Wrap(origin.KindOf(err), err, "remove "+p)
		}
		if d != nil {
			out.Discarded = append(out.Discarded, *d)
			f.log.Info("removed what a dead attempt left", "path", d.Path, "size", d.Size)
		}
	}
	return out, nil
}

// landUnstable commits what the session was told is written. A failure loses nothing that was promised: unstable data is
// promised only by a COMMIT.
func (f *Filer) landUnstable(ctx context.Context, s *session) {
	for _, id := range s.takeUnstable() {
		ino, err := f.inode(id)
		if err == nil {
			err = f.settle(ctx, ino)
			f.table.put(ino)
		}
		if err != nil && !origin.IsGone(err) {
			f.log.Warn("uncommitted writes of a fenced session", "session", s.ID, "inode", id, "error", err)
		}
		s.noteUnstable(id, true)
	}
}

// discard removes a file unless it has a receipt or is not there; nil then.
func (f *Filer) discard(ctx context.Context, p string) (*Discarded, error) {
	p, err := cleanPath(p)
	if err != nil {
		return nil, err
	}
	_, names := f.exportOf(p)
	if len(names) == 0 {
		return nil, fault.New(fault.Invalid, "%s is an export", p)
	}
	dir, err := f.walk(ctx, origin.Cred{}, path.Dir(p), time.Now())
	if errors.Is(err, nfs.ErrNoEnt) || errors.Is(err, nfs.ErrNotDir) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.table.put(dir)
	name := names[len(names)-1]
	ino, err := f.lookup(ctx, origin.Cred{}, dir, name, time.Now())
	if errors.Is(err, nfs.ErrNoEnt) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.table.put(ino)
	a, err := f.fresh(ctx, origin.Cred{}, ino, time.Now())
	if origin.IsGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if a.Type == nfs.TypeDirectory {
		return nil, fault.New(fault.Invalid, "%s is a directory", p)
	}
	if f.wb != nil { // somebody else's, of another session
		if err := f.wb.land(ctx, ino); err != nil && !isConflict(err) {
			return nil, err
		}
	}
	if landed, err := f.receipts.valid(ino.id, &a); err != nil || landed {
		return nil, err
	}
	_, err = f.removeName(f.lasting(), origin.Cred{}, dir, name, false)
	if errors.Is(err, nfs.ErrNoEnt) {
		return nil, nil
	}
	return &Discarded{Path: p, Size: a.Size}, err
}
