package filer

import (
	"context"
	"net/netip"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// maxIO is the largest READ and WRITE in bytes.
const maxIO = 1 << 20

// call is one NFS call on one file: who, through which session, on what. It counts as in flight until end.
type call struct {
	f       *Filer
	session *session
	export  *export
	ino     *inode
	client  netip.Addr
	as      origin.Cred
	ro      bool   // the client may not change anything
	suid    bool   // the client sees set-user-id bits
	reply   *reply // to this call, which is to go into the log with what it changes; nil: it is not
}

// begin opens the handle, enters its session and takes its inode. ErrBadHandle: not ours. ErrStale: the session is
// fenced, or the file is gone. ErrAcces: the export is not for this client.
func (f *Filer) begin(req *nfs.Request, h *nfs.Handle) (call, error) {
	opened, err := f.seal.open(h)
	if err != nil {
		return call{}, err
	}
	s, ok := f.sessions.get(opened.session)
	if !ok {
		return call{}, nfs.ErrStale
	}
	if err := s.enter(); err != nil {
		return call{}, err
	}
	c, err := f.admit(req, s, opened)
	if err != nil {
		s.leave()
		return call{}, err
	}
	c.ino.target.traffic.calls.Add(1)
	c.used()
	return c, nil
}

// admit applies the export's policy and takes the inode.
func (f *Filer) admit(req *nfs.Request, s *session, h handle) (call, error) {
	e := f.byExport[h.export]
	if e == nil {
		return call{}, nfs.ErrStale
	}
	client := req.Client.Addr()
	r, err := f.ruleFor(s, e, client)
	if err != nil {
		return call{}, err
	}
	as, err := r.as(f.caller(req, e.target))
	if err != nil {
		return call{}, err
	}
	ino, err := f.inode(h.inode)
	if err == nil && ino.target != e.target {
		f.table.put(ino)
		err = nfs.ErrBadHandle
	}
	return call{f: f, session: s, export: e, ino: ino, client: client, as: as, ro: r.access != accessWrite, suid: r.suid}, err
}

// beginChange is begin for calls that change something; ErrROFS if the client may only read.
func (f *Filer) beginChange(req *nfs.Request, h *nfs.Handle) (call, error) {
	c, err := f.begin(req, h)
	if err == nil && c.ro {
		c.end()
		return call{}, nfs.ErrROFS
	}
	return c, err
}

func (c call) end() {
	c.f.table.put(c.ino)
	c.session.leave()
}

// second takes the other file of a RENAME or LINK; both must be of one session and export.
func (c call) second(h *nfs.Handle) (*inode, error) {
	opened, err := c.f.seal.open(h)
	if err != nil {
		return nil, err
	}
	if opened.session != c.session.ID {
		return nil, nfs.ErrAcces
	}
	if opened.export != c.export.id {
		return nil, nfs.ErrXDev
	}
	return c.f.inode(opened.inode)
}

// handle returns the handle of an inode for this call's session and export.
func (c call) handle(inode uint64) nfs.Handle { return c.handleIn(c.export, inode) }

func (c call) handleIn(e *export, inode uint64) nfs.Handle {
	return c.f.seal.seal(handle{e.id, inode, c.session.ID})
}

// nobody is who calls without AUTH_SYS run as.
const nobody = 65534

func credOf(req *nfs.Request) origin.Cred {
	if req.Auth == nil || req.Auth.Flavor != 1 {
		return origin.Cred{UID: nobody, GID: nobody}
	}
	return origin.Cred{UID: req.Auth.UID, GID: req.Auth.GID, GIDs: req.Auth.GIDs}
}

// attrs returns attributes as fresh as the export promises.
func (c call) attrs(ctx context.Context, ino *inode) (nfs.Attr, error) {
	if ino.target.caps.Local {
		nfs.Wait(ctx)
		a, err := ino.target.origin.GetAttr(ctx, c.as, ino.oid())
		return a, c.noted(ino.target, c.f.stale(ino, err))
	}
	a, err := c.f.trusted(ctx, c.as, ino, ino.target.freshEnough())
	return a, c.noted(ino.target, err)
}

// opt returns what is known of an inode's attributes, for replies that may leave them out.
func (ino *inode) opt() nfs.OptAttr {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if !ino.known {
		return nfs.OptAttr{}
	}
	return nfs.WithAttr(ino.show(ino.attr))
}

// noted keeps for status whether the origin answers, and passes err on.
func (c call) noted(t *target, err error) error {
	t.note(err)
	return err
}

func (t *target) note(err error) {
	if err == nil && !t.ailing.Load() || isCancel(err) {
		return
	}
	msg := ""
	if _, answered := nfs.StatusOf(err); err != nil && !answered {
		msg = err.Error()
	}
	if msg == "" && t.reach.away.Load() != 0 { // an answer from the cache says nothing of the origin
		return
	}
	t.mu.Lock()
	if t.lastErr == "" {
		t.since = time.Now()
	}
	t.lastErr = msg
	t.ailing.Store(msg != "")
	t.mu.Unlock()
}

// lasting returns a context for a change: it ends with the filer, not with the client's connection, so that what was
// begun at the origin is brought to its end and counted.
func (f *Filer) lasting() context.Context { return f.ctx }

// validName refuses what is no single name, before any origin sees it.
func validName(name string) error {
	switch {
	case name == "":
		return nfs.ErrInval
	case len(name) > 255:
		return nfs.ErrNameTooLong
	}
	for i := range len(name) {
		if name[i] == '/' || name[i] == 0 {
			return nfs.ErrInval
		}
	}
	return nil
}

// newName is validName for names to be made or removed.
func newName(name string) error {
	if name == "." || name == ".." {
		return nfs.ErrInval
	}
	return validName(name)
}
