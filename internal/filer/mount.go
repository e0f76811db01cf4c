package filer

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// sessionPrefix starts the secret paths of mount sessions: "/.session/SECRET/export/path".
const sessionPrefix = "/.session/"

// mnt answers MOUNT's MNT. A session's secret path enters the session; a plain path is session 0.
func (f *Filer) mnt(ctx context.Context, req *nfs.Request, args *nfs.MntArgs, res *nfs.MntResult) {
	s, p, err := f.sessionOf(args.Path)
	if err == nil {
		err = s.enter()
	}
	if err != nil {
		res.Status = origin.StatusOf(err).Mount()
		return
	}
	defer s.leave()
	e, ino, err := f.enter(ctx, req, s, p)
	if err != nil {
		res.Status = origin.StatusOf(err).Mount()
		f.log.Info("mount refused", "path", p, "client", req.Client, "error", err)
		return
	}
	defer f.table.put(ino)
	res.Root = f.seal.seal(handle{e.id, ino.id, s.ID})
	f.mounts.add(nfs.MountEntry{Host: hostOf(req), Dir: path.Clean(p)})
}

// enter finds what a client mounts, if it may, to be put back.
func (f *Filer) enter(ctx context.Context, req *nfs.Request, s *session, p string) (*export, *inode, error) {
	p, err := cleanPath(p)
	if err != nil {
		return nil, nil, err
	}
	e, names := f.exportOf(p)
	r, err := f.ruleFor(s, e, req.Client.Addr())
	if err != nil {
		return nil, nil, err
	}
	if len(names) > 0 && !r.submount && !e.pseudo {
		return nil, nil, nfs.ErrAcces
	}
	as, err := r.as(f.caller(req, e.target))
	if err != nil {
		return nil, nil, err
	}
	root, err := f.rootOfExport(ctx, e)
	if err != nil {
		return nil, nil, err
	}
	ino, err := f.follow(ctx, as, root, names, e.target.freshEnough())
	return e, ino, err
}

func hostOf(req *nfs.Request) string { return plainAddr(req.Client.Addr()).String() }

// sessionOf splits a mount path into its session and the path within the namespace.
func (f *Filer) sessionOf(p string) (*session, string, error) {
	secret, rest := splitSession(p)
	if secret == "" {
		if f.cfg.NoPlain {
			return nil, "", nfs.ErrAcces
		}
		return f.sessions.plain, p, nil
	}
	s, ok := f.sessions.withSecret(secret)
	if !ok {
		return nil, "", nfs.ErrAcces
	}
	if s.record().Fenced {
		return nil, "", nfs.ErrAcces
	}
	if !within(rest, s.Export) {
		return nil, "", nfs.ErrAcces
	}
	return s, rest, nil
}

// splitSession cuts a mount path into a session's secret, if it has one, and the path within the namespace.
func splitSession(p string) (secret, rest string) {
	secretPath, ok := strings.CutPrefix(p, sessionPrefix)
	if !ok {
		return "", p
	}
	secret, rest, _ = strings.Cut(secretPath, "/")
	return secret, "/" + rest
}

// mountList is what DUMP tells: advisory, as RFC 1813 §5.2.2 says, and bounded.
type mountList struct {
	mu  sync.Mutex
	all []nfs.MountEntry
}

const maxMounts = 4096

func (m *mountList) add(e nfs.MountEntry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.all) < maxMounts && !slices.Contains(m.all, e) {
		m.all = append(m.all, e)
	}
}

// remove forgets a host's mount of dir, or all its mounts if dir is "".
func (m *mountList) remove(host, dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = slices.DeleteFunc(m.all, func(e nfs.MountEntry) bool { return e.Host == host && (dir == "" || e.Dir == dir) })
}

func (m *mountList) list() []nfs.MountEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all)
}

func (f *Filer) mountProcedures() nfs.MountProcedures {
	return nfs.MountProcedures{
		Mnt: f.mnt,
		Dump: func(_ context.Context, req *nfs.Request, res *nfs.DumpResult) {
			if f.seesAny(req.Client.Addr()) {
				res.Mounts = f.mounts.list()
			}
		},
		Umnt: func(_ context.Context, req *nfs.Request, args *nfs.UmntArgs) {
			_, p := splitSession(args.Path)
			f.mounts.remove(hostOf(req), path.Clean(p))
		},
		UmntAll: func(_ context.Context, req *nfs.Request) { f.mounts.remove(hostOf(req), "") },
		Export:  f.listExports,
	}
}

// listExports answers EXPORT: what the client may mount, and by which rule.
func (f *Filer) listExports(_ context.Context, req *nfs.Request, res *nfs.ExportResult) {
	if f.cfg.NoPlain {
		return
	}
	for _, e := range f.exports {
		r, err := f.ruleFor(f.sessions.plain, e, req.Client.Addr())
		if err != nil || e.pseudo {
			continue
		}
		entry := nfs.ExportEntry{Dir: e.path}
		if r.filter != "" {
			entry.Groups = []string{r.filter}
		}
		res.Exports = append(res.Exports, entry)
	}
}
