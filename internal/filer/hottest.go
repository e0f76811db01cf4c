package filer

import (
	"path"
	"strings"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// hottest is how many files and clients the status names.
const hottest = 10

// status returns the procedures that were called.
func (m *meters) status() (out []ProcedureStatus) {
	for p := range m.calls {
		l := m.calls[p].Latency()
		if l.Calls == 0 {
			continue
		}
		out = append(out, ProcedureStatus{Name: nfs.Proc(p).String(), Latency: l, Refused: m.refusedBy(nfs.Proc(p))})
	}
	return out
}

// refusedBy returns a procedure's calls by status, without OK.
func (m *meters) refusedBy(p nfs.Proc) map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string]uint64{}
	for r, n := range m.refused {
		if r.procedure == p {
			out[r.status.Name()] = n
		}
	}
	return out
}

// status returns the operations that were asked.
func (m *originMeters) status() (out []OperationStatus) {
	for op := range m.calls {
		if l := m.calls[op].Latency(); l.Calls > 0 {
			out = append(out, OperationStatus{origin.Operation(op).String(), l})
		}
	}
	return out
}

// hotFiles returns the files used most at present. Those of the tree between the exports are left out.
func (f *Filer) hotFiles(n int) (out []HotFile) {
	for _, u := range f.meters.files.Top(2 * n) {
		h := HotFile{Inode: u.Key, Calls: u.Calls, Bytes: u.Bytes}
		t, where := f.pathOf(u.Key)
		if t == nil || len(out) == n {
			continue
		}
		if _, between := origin.As[*pseudo](t.origin); between {
			continue
		}
		h.Export, h.Path = f.shownAs(t, where)
		out = append(out, h)
	}
	return out
}

// shownAs returns the export in which clients see a path of a target, and the path they see.
func (f *Filer) shownAs(t *target, where string) (export, shown string) {
	for _, e := range f.exports {
		if e.target != t {
			continue
		}
		sub := path.Join("/", path.Join(e.sub...))
		if rest, ok := strings.CutPrefix(slashed(where), slashed(sub)); ok {
			return e.path, path.Join(e.path, rest)
		}
	}
	return t.path, ""
}

// slashed returns a path with one slash at its end; nothing stays nothing.
func slashed(p string) string {
	if p == "" {
		return ""
	}
	return strings.TrimSuffix(p, "/") + "/"
}

// hotClients returns the clients that do most at present.
func (f *Filer) hotClients(n int) (out []HotClient) {
	for _, u := range f.meters.clients.Top(n) {
		h := HotClient{Address: u.Key.addr.Unmap().String(), Calls: u.Calls, Bytes: u.Bytes}
		if s, ok := f.sessions.get(u.Key.session); ok && u.Key.session != 0 {
			h.Node = s.record().Owner
		}
		out = append(out, h)
	}
	return out
}
