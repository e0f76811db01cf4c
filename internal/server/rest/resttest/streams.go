package resttest

import (
	"bytes"
	"context"
	"io"
	"path"
	"slices"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// Events implements rest.Streams.
func (f *Farm) Events(ctx context.Context, at rest.Cursor) (rest.Follow, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return rest.Follow{}, err
	}
	defer unlock()
	next := uint64(len(f.events))
	gap := false
	switch {
	case at.Resume && (at.After < f.forgotten || at.After > next):
		gap = true
	case at.Resume:
		next = at.After
	default:
		next = max(f.forgotten, next-min(next, uint64(at.Last)))
	}
	out := make(chan restv1.Event, 64)
	go f.feed(ctx, out, next, f.cut)
	return rest.Follow{Events: out, Gap: gap}, nil
}

func (f *Farm) feed(ctx context.Context, out chan<- restv1.Event, next uint64, cut <-chan struct{}) {
	defer close(out)
	for {
		f.mu.Lock()
		batch, changed := slices.Clone(f.events[next:]), f.changed
		f.mu.Unlock()
		for _, e := range batch {
			select {
			case out <- e:
				next = e.Seq
			case <-ctx.Done():
				return
			case <-cut:
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-cut:
			return
		}
	}
}

// Log implements rest.Streams.
func (f *Farm) Log(ctx context.Context, id string, offset int64, follow bool) (rest.Log, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return rest.Log{}, err
	}
	defer unlock()
	a, err := f.attempt(id)
	if err != nil {
		return rest.Log{}, err
	}
	size := int64(len(a.log))
	if offset < 0 {
		offset = max(0, size+offset)
	}
	offset = min(offset, size)
	return rest.Log{ReadCloser: &logReader{farm: f, ctx: ctx, a: a, at: offset, follow: follow}, Offset: offset}, nil
}

type logReader struct {
	farm   *Farm
	ctx    context.Context
	a      *attempt
	at     int64
	follow bool
}

func (r *logReader) Read(p []byte) (int, error) {
	for {
		r.farm.mu.Lock()
		n := copy(p, r.a.log[r.at:])
		over := r.a.State != "running" || !r.follow
		changed := r.farm.changed
		r.farm.mu.Unlock()
		if n > 0 {
			r.at += int64(n)
			return n, nil
		}
		if over {
			return 0, io.EOF
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

func (r *logReader) Close() error { return nil }

// Pictures implements rest.Streams.
func (f *Farm) Pictures(ctx context.Context, id string, limit int) ([]restv1.Picture, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if id != "" {
		if _, err := f.find(id); err != nil {
			return nil, err
		}
	}
	var list []restv1.Picture
	for _, a := range f.attempts {
		if id != "" && a.Job != id || a.State != "succeeded" {
			continue
		}
		for i, o := range a.Outputs {
			if o.Receipt == nil {
				continue
			}
			list = append(list, restv1.Picture{
				Attempt: a.ID, Index: i, Job: a.Job, Step: a.Step, Unit: a.Unit, Site: a.Site, Node: a.Node,
				Name: path.Base(o.Path), Path: o.Path, Width: o.Width, Height: o.Height, Landed: a.Landed,
			})
		}
	}
	slices.SortFunc(list, func(a, b restv1.Picture) int { return b.Landed.Compare(a.Landed) })
	return list[:min(limit, len(list))], nil
}

// Picture implements rest.Streams.
func (f *Farm) Picture(ctx context.Context, id string, n int) (rest.File, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return rest.File{}, err
	}
	defer unlock()
	a, err := f.attempt(id)
	if err != nil {
		return rest.File{}, err
	}
	if n >= len(a.Outputs) {
		return rest.File{}, fault.New(fault.NotFound, "attempt %s has no output %d", id, n)
	}
	o := a.Outputs[n]
	if o.Receipt == nil {
		return rest.File{}, fault.New(fault.Conflict, "%s has not landed yet", o.Path)
	}
	return rest.File{ReadSeekCloser: content{bytes.NewReader(a.pictures[n])}, Name: path.Base(o.Path), Modified: a.Landed, SHA256: o.SHA256}, nil
}

type content struct{ *bytes.Reader }

func (content) Close() error { return nil }
