package server

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

var _ rest.Streams = (*Server)(nil)

// Events opens the farm's history at a cursor.
func (s *Server) Events(ctx context.Context, at rest.Cursor) (rest.Follow, error) {
	follow := s.feed.follow(ctx, at)
	sees := s.sees(ctx)
	if sees == nil {
		return follow, nil
	}
	all, seen := follow.Events, make(chan restv1.Event)
	go func() {
		defer close(seen)
		for e := range all { // closed when ctx ends
			if e.Job != "" && !sees(farm.JobID(e.Job)) {
				continue
			}
			select {
			case seen <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	follow.Events = seen
	return follow, nil
}

// Log opens an attempt's output.
func (s *Server) Log(ctx context.Context, id string, offset int64, follow bool) (rest.Log, error) {
	a, err := s.attempt(ctx, id)
	if err != nil {
		return rest.Log{}, err
	}
	size, err := s.logs.Size(a.Unit.Job, a.ID)
	if err != nil {
		return rest.Log{}, err
	}
	if offset < 0 {
		offset = max(0, int64(size)+offset)
	}
	// The log of an attempt that has left its node is complete when it is as long as the node said; that of a lost node gets
	// no longer.
	if !a.State.OnNode() && (size >= a.LogSize || a.State == farm.AttemptLost || a.Cause == farm.CauseNodeLost) {
		follow = false
	}
	r, err := s.logs.Read(ctx, a.Unit.Job, a.ID, uint64(offset), follow)
	if err != nil {
		return rest.Log{}, err
	}
	return rest.Log{ReadCloser: r, Offset: offset}, nil
}

// Pictures lists landed pictures, newest first.
func (s *Server) Pictures(ctx context.Context, job string, limit int) ([]restv1.Picture, error) {
	var out []restv1.Picture
	known := true
	sees := s.sees(ctx)
	err := s.loop.View(ctx, func(f *farm.Farm) {
		if job != "" {
			_, known = f.Spec(farm.JobID(job))
			out = picturesOf(f.Attempts(farm.JobID(job)))
			return
		}
		for _, j := range f.Jobs() {
			if sees != nil && !sees(j.ID) {
				continue
			}
			if out = append(out, picturesOf(f.Attempts(j.ID))...); len(out) >= limit {
				break // jobs come newest first
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, noJob(job)
	}
	slices.SortStableFunc(out, func(a, b restv1.Picture) int { return cmp.Or(b.Landed.Compare(a.Landed), cmp.Compare(b.Unit, a.Unit)) })
	return out[:min(len(out), limit)], nil
}

// pictureTypes are what browsers show.
var pictureTypes = []string{".png", ".jpg", ".jpeg", ".webp"}

func picturesOf(attempts []farm.Attempt) []restv1.Picture {
	var out []restv1.Picture
	for i := range attempts {
		a := &attempts[i]
		if a.State != farm.AttemptSucceeded {
			continue
		}
		for n, o := range a.Outputs {
			if !slices.Contains(pictureTypes, strings.ToLower(path.Ext(o.Path))) {
				continue
			}
			landed := a.Landed
			if landed.IsZero() {
				landed = a.Ended
			}
			out = append(out, restv1.Picture{
				Attempt: string(a.ID), Index: n, Job: string(a.Unit.Job), Step: a.Unit.Step, Unit: a.Unit.Unit, Site: string(a.Site),
				Node: string(a.Node), Name: path.Base(o.Path), Path: o.Path, Width: o.Width, Height: o.Height, Landed: landed,
			})
		}
	}
	return out
}

// Picture opens an output of an attempt, as this server sees the storage.
func (s *Server) Picture(ctx context.Context, id string, n int) (rest.File, error) {
	a, err := s.attempt(ctx, id)
	if err != nil {
		return rest.File{}, err
	}
	if n < 0 || n >= len(a.Outputs) {
		return rest.File{}, fault.New(fault.NotFound, "attempt %s has no output %d", id, n)
	}
	o := &a.Outputs[n]
	if a.State != farm.AttemptSucceeded {
		return rest.File{}, fault.New(fault.Conflict, "%s has not landed yet", path.Base(o.Path))
	}
	root := s.config.localPath(o.Location)
	if root == "" {
		err := fault.New(fault.NotFound, "this server does not see the storage location %s", o.Location)
		return rest.File{}, fault.WithHint(err, "give the location a path in the server's configuration")
	}
	f, err := openBelow(root, o.Path)
	if err != nil {
		return rest.File{}, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return rest.File{}, errors.Join(fault.New(fault.NotFound, "%s is no file", o.Path), f.Close())
	}
	return rest.File{ReadSeekCloser: f, Name: path.Base(o.Path), Modified: info.ModTime(), SHA256: o.SHA256}, nil
}

// openBelow opens a file without leaving the root, also through symbolic links.
func openBelow(root, name string) (interface {
	io.ReadSeekCloser
	Stat() (fs.FileInfo, error)
}, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the storage")
	}
	defer r.Close()
	f, err := r.Open(filepath.FromSlash(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "the storage")
	}
	return f, fault.Wrap(fault.Unavailable, err, "the storage")
}
