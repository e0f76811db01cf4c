package server

import (
	"context"
	"path"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

const (
	refreshWithin = time.Minute
	refreshFiles  = 1000 // files named one by one; of more, only their folders are
	refreshUnits  = 100_000
)

// refresher has filers look up anew what the dependencies of a task left: once per step and site where all its tasks wait for
// whole steps and jobs, so that there is nothing newer to see; else once per task.
type refresher struct {
	server *Server

	// mu guards calls.
	mu    sync.Mutex
	calls map[refreshKey]*refreshCall
}

type refreshKey struct {
	farm.UnitRef // Unit -1: any of the step
	site         farm.SiteID
}

type refreshCall struct {
	done  chan struct{}
	paths []farm.StoragePath
	err   error
}

// refreshKept bounds how many finished calls are remembered.
const refreshKept = 4096

func (r *refresher) refresh(ctx context.Context, site farm.SiteID, unit farm.UnitRef) ([]farm.StoragePath, error) {
	var needs []farm.Needed
	if err := r.server.loop.View(ctx, func(f *farm.Farm) { needs = f.Needs(unit) }); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(needs, func(n farm.Needed) bool { return n.Unit >= 0 }) {
		unit.Unit = -1
	}
	key := refreshKey{unit, site}
	r.mu.Lock()
	call := r.calls[key]
	if call == nil {
		if len(r.calls) >= refreshKept {
			clear(r.calls)
		}
		call = &refreshCall{done: make(chan struct{})}
		r.calls[key] = call
		r.mu.Unlock()
		call.paths, call.err = r.server.revalidate(ctx, key, needs)
		if call.err != nil {
			r.mu.Lock()
			if r.calls[key] == call {
				delete(r.calls, key)
			}
			r.mu.Unlock()
		}
		close(call.done)
		return call.paths, call.err
	}
	r.mu.Unlock()
	select {
	case <-call.done:
		return call.paths, call.err
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "waiting for a filer")
	}
}

// forget drops what is remembered of a job whose tasks run again.
func (r *refresher) forget(job farm.JobID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.calls {
		if key.Job == job {
			delete(r.calls, key)
		}
	}
}

// revalidate asks the filers of a site to look at the storage itself, and returns what a node must forget.
func (s *Server) revalidate(ctx context.Context, key refreshKey, needs []farm.Needed) ([]farm.StoragePath, error) {
	paths, err := s.dependencies(ctx, key.StepRef, needs)
	if err != nil {
		return nil, err
	}
	byFiler := map[*Filer][]string{}
	for _, p := range paths {
		if filer := s.config.filerAt(key.site, p.Location); filer != nil {
			byFiler[filer] = append(byFiler[filer], filer.filerPath(p))
		}
	}
	for filer, names := range byFiler {
		client, _, err := s.filers.get(farm.FilerID(filer.Name))
		if err != nil {
			return nil, err
		}
		call, cancel := context.WithTimeout(ctx, refreshWithin)
		res, err := client.Revalidate(call, connect.NewRequest(&filerv1.RevalidateRequest{Paths: names}))
		cancel()
		if err != nil {
			return nil, filerFault(farm.FilerID(filer.Name), err)
		}
		for _, p := range res.Msg.GetErrors() {
			if kind := fault.ParseKind(p.GetKind()); kind == fault.Unavailable || kind == fault.Internal {
				return nil, fault.New(fault.Unavailable, "filer %s can't look at %s: %s", filer.Name, p.GetPath(), p.GetMessage())
			}
		}
	}
	return paths, nil
}

// dependencies lists what the steps before a step left by rule, folders first: all steps of its job that it rests on,
// directly or not, and what else its unit needs.
func (s *Server) dependencies(ctx context.Context, ref farm.StepRef, needs []farm.Needed) ([]farm.StoragePath, error) {
	entry, err := s.entry(ctx, ref.Job)
	if err != nil {
		return nil, err
	}
	steps := map[int]bool{}
	todo := append([]int(nil), entry.Job.Steps[ref.Step].DependsOn...)
	for len(todo) > 0 {
		step := todo[0]
		todo = todo[1:]
		if steps[step] {
			continue
		}
		steps[step] = true
		todo = append(todo, entry.Job.Steps[step].DependsOn...)
		needs = append(needs, farm.Needed{StepRef: farm.StepRef{Job: ref.Job, Step: step}, Unit: -1})
	}
	var folders, files []farm.StoragePath
	seen := map[farm.StoragePath]bool{}
	for _, need := range needs {
		if entry, err = s.entry(ctx, need.Job); err != nil {
			return nil, err
		}
		if !entry.HasOutputs(need.Step) {
			continue
		}
		first, last := need.Unit, need.Unit
		if need.Unit < 0 {
			first, last = 0, min(entry.Job.Steps[need.Step].Tasks.Len(), refreshUnits)-1
		}
		for unit := first; unit <= last; unit++ {
			outputs, err := entry.Outputs(need.Step, unit)
			if err != nil {
				return nil, err
			}
			for _, o := range outputs {
				files = append(files, o.StoragePath)
				folder := farm.StoragePath{Location: o.Location, Path: parent(o.Path)}
				if !seen[folder] {
					seen[folder] = true
					folders = append(folders, folder)
				}
			}
		}
	}
	if len(files) > refreshFiles {
		return folders, nil
	}
	return append(folders, files...), nil
}

// parent returns the folder of a storage path; "" is the location itself.
func parent(p string) string {
	if dir := path.Dir(p); dir != "." {
		return dir
	}
	return ""
}
