package filer

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// sessionPrefix starts the secret paths of mount sessions: "/.session/SECRET/export/path".
const sessionPrefix = "/.session/"

// resolve finds the export with the longest path that is a prefix of p, component by component, and the rest of p.
func (f *Filer) resolve(p string) (t *target, rest []string, err error) {
	if !strings.HasPrefix(p, "/") || slices.Contains(strings.Split(p, "/"), "..") || strings.ContainsRune(p, 0) {
		return nil, nil, nfs.ErrAcces
	}
	p = path.Clean(p)
	for _, c := range f.targets {
		if (p == c.path || strings.HasPrefix(p, strings.TrimSuffix(c.path, "/")+"/")) && (t == nil || len(c.path) > len(t.path)) {
			t = c
		}
	}
	if t == nil {
		return nil, nil, nfs.ErrNoEnt
	}
	for name := range strings.SplitSeq(strings.TrimPrefix(p, t.path), "/") {
		if name != "" {
			rest = append(rest, name)
		}
	}
	return t, rest, nil
}

// walk follows a namespace path to its inode, to be put back.
func (f *Filer) walk(ctx context.Context, as origin.Cred, p string, notBefore time.Time) (*inode, error) {
	t, names, err := f.resolve(p)
	if err != nil {
		return nil, err
	}
	ino, err := f.rootOf(ctx, t)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		next, err := f.lookup(ctx, as, ino, name, notBefore)
		f.table.put(ino)
		if err != nil {
			return nil, err
		}
		ino = next
	}
	return ino, nil
}

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
	t, _, err := f.resolve(p)
	if err != nil {
		res.Status = origin.StatusOf(err).Mount()
		return
	}
	ino, err := f.walk(ctx, credOf(req), p, t.freshEnough())
	if err != nil {
		res.Status = origin.StatusOf(err).Mount()
		f.log.Debug("mount refused", "path", p, "client", req.Client, "error", err)
		return
	}
	defer f.table.put(ino)
	res.Root = f.seal.seal(handle{ino.target.id, ino.id, s.ID})
	host, dir := req.Client.Addr().Unmap().String(), p
	f.mounts.add(nfs.MountEntry{Host: host, Dir: dir})
}

// sessionOf splits a mount path into its session and the path within the namespace.
func (f *Filer) sessionOf(p string) (*session, string, error) {
	secretPath, ok := strings.CutPrefix(p, sessionPrefix)
	if !ok {
		if f.cfg.NoPlain {
			return nil, "", nfs.ErrAcces
		}
		return f.sessions.plain, p, nil
	}
	secret, rest, _ := strings.Cut(secretPath, "/")
	rest = "/" + rest
	s, ok := f.sessions.withSecret(secret)
	if !ok {
		return nil, "", nfs.ErrAcces
	}
	if s.record().Fenced {
		return nil, "", nfs.ErrAcces
	}
	if rest != s.Export && !strings.HasPrefix(rest, strings.TrimSuffix(s.Export, "/")+"/") {
		return nil, "", nfs.ErrAcces
	}
	return s, rest, nil
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
	host := func(req *nfs.Request) string { return req.Client.Addr().Unmap().String() }
	return nfs.MountProcedures{
		Mnt:  f.mnt,
		Dump: func(_ context.Context, _ *nfs.Request, res *nfs.DumpResult) { res.Mounts = f.mounts.list() },
		Umnt: func(_ context.Context, req *nfs.Request, args *nfs.UmntArgs) {
			if _, p, err := f.sessionOf(args.Path); err == nil {
				f.mounts.remove(host(req), p)
			}
		},
		UmntAll: func(_ context.Context, req *nfs.Request) { f.mounts.remove(host(req), "") },
		Export: func(_ context.Context, _ *nfs.Request, res *nfs.ExportResult) {
			if f.cfg.NoPlain {
				return
			}
			for _, t := range f.targets {
				res.Exports = append(res.Exports, nfs.ExportEntry{Dir: t.path})
			}
		},
	}
}
