package agent

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/nodehelper"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/verify"
)

// perFile is added to the time limit of a verification for each file.
const perFile = 10 * time.Second

// local returns a storage path's place on this node. A path that leaves the location has none.
func (p *point) local(path string) (string, bool) {
	if path == "" || path == "." {
		return p.path, true
	}
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return "", false
	}
	return filepath.Join(p.path, path), true
}

// verify checks a task's outputs: those of the rules, and the files that its program said it saved in a storage location.
// A missing or broken output is fault.Invalid; a storage that does not answer fault.Unavailable.
func (m *mounts) verify(ctx context.Context, rules []*agentv1.OutputRule, saved []string) ([]*agentv1.Output, error) {
	paths, files, err := m.expected(rules, saved)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	limit := m.config.StorageTimeout + time.Duration(len(files))*perFile
	answer, err := m.helper.Call(ctx, limit, nodehelper.Request{Verify: &nodehelper.Verify{Files: files}})
	if err != nil {
		return nil, err
	}
	if len(answer.Verified) != len(files) {
		return nil, fault.New(fault.Internal, "%d of %d outputs were verified", len(answer.Verified), len(files))
	}
	var out []*agentv1.Output
	var problems []string
	for i, v := range answer.Verified {
		switch {
		case v.Problem != "":
			problems = append(problems, fmt.Sprintf("output %s:%s %s", paths[i].Location, paths[i].Path, v.Problem))
		case !v.Missing:
			out = append(out, &agentv1.Output{Location: paths[i].Location, Path: paths[i].Path, Size: v.Size, Sha256: v.SHA256,
				Kind: v.Kind, Width: v.Width, Height: v.Height})
		}
	}
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "%s", summary(problems))
	}
	return out, nil
}

// summary shows the first problems and says how many there are.
func summary(problems []string) string {
	const most = 3
	if len(problems) <= most {
		return strings.Join(problems, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(problems[:most], "; "), len(problems)-most)
}

// expected lists the files to check, each once, with their storage paths.
func (m *mounts) expected(rules []*agentv1.OutputRule, saved []string) (paths []*agentv1.StoragePath, files []nodehelper.File, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := make(map[string]bool)
	add := func(p *point, path string, f nodehelper.File) {
		if !seen[f.Path] {
			seen[f.Path] = true
			f.Sync = p.direct()
			paths = append(paths, &agentv1.StoragePath{Location: p.location.Name, Path: path})
			files = append(files, f)
		}
	}
	for _, r := range rules {
		p := m.points[r.Location]
		if p == nil {
			return nil, nil, fault.New(fault.Invalid, "output %s:%s is in a storage location that the node does not have", r.Location, r.Path)
		}
		local, ok := p.local(r.Path)
		if !ok {
			return nil, nil, fault.New(fault.Invalid, "output %s:%s is outside its storage location", r.Location, r.Path)
		}
		add(p, r.Path, nodehelper.File{Path: local, Check: r.Check, Width: r.Width, Height: r.Height, Refuse: r.Refuse, Optional: r.Optional})
	}
	for _, local := range saved {
		local = filepath.Clean(local)
		if p, path, ok := m.locate(local); ok {
			add(p, path, nodehelper.File{Path: local, Check: nodehelper.Auto, Refuse: defaultFlaws()})
		}
	}
	return paths, files, nil
}

// defaultFlaws are what a picture that no rule names must not have.
func defaultFlaws() []string {
	var out []string
	for _, f := range verify.DefaultFlaws() {
		out = append(out, string(f))
	}
	return out
}

// locate returns the location that a local path lies in: that with the longest directory. The caller holds mu.
func (m *mounts) locate(local string) (best *point, path string, ok bool) {
	for _, p := range m.points {
		rel, err := filepath.Rel(p.path, local)
		if err != nil || !filepath.IsLocal(rel) || rel == "." {
			continue
		}
		if best == nil || len(p.path) > len(best.path) {
			best, path = p, filepath.ToSlash(rel)
		}
	}
	return best, path, best != nil
}
