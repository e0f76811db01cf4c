package filer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// fences ends the client's mount session now and then, with calls of it in flight. When Fence has returned, what was
// acknowledged is at the origin or set aside, and nothing of the session changes anything any more, whatever crashes.
type fences struct {
	key     int    // of the present session
	id      uint64 // likewise
	fencing uint64 // a session whose fence has not yet returned; 0: none
	old     []fencedHandles
	aside   map[uint64]bool // generations that fences set aside
}

type fencedHandles struct{ root, file nfs.Handle }

// session opens the client's session, and returns the path to mount.
func (s *fences) session(w *world) (path string, err error) {
	s.id, path, err = w.f.OpenSession("agent/n", fmt.Sprint(s.key), "/nas")
	return path, err
}

// possible says whether what a fence brings on its way is then at the origin: not if there is a second filer that writes
// back between.
func (s *fences) possible(w *world) bool {
	return w.core == nil || w.core.cfg.Exports[0].WriteBack == 0
}

// fence ends the session while it writes, and goes on in another one.
func (s *fences) fence(w *world) {
	if !s.possible(w) {
		return
	}
	var writers sync.WaitGroup
	held := fencedHandles{root: w.c.root}
	for name, file := range w.files {
		h, ok := w.handle(name)
		if !ok {
			continue
		}
		held.file = h
		from, v, before := w.rng.IntN(maxUnits), w.next, file.size()
		w.next++
		w.gap(file, before, from, false, false)
		file.change(from, []int{v}, false, false)
		file.unsure = true
		how, c, ctx := nfs.Stable(w.rng.IntN(3)), w.c, w.ctx
		writers.Go(func() {
			_, err := c.Write(ctx, nil, nfs.WriteArgs{File: h, Offset: uint64(from * unit), Data: unitsOf(v, 1), Stable: how})
			w.note("write %d at %d of %x while fenced: %v", v, from, h.Bytes()[5:13], err)
		})
	}
	s.fencing = s.id
	err := s.finish(w)
	writers.Wait()
	if err != nil {
		return
	}
	if held.file.Len() > 0 {
		s.old = append(s.old, held)
	}
	w.hangUp()
	if err := w.connect(); err != nil {
		if w.ctx.Err() == nil {
			w.t.Fatalf("mount after a fence: %v", err)
		}
		return
	}
	s.check(w)
}

// finish brings a fence to its end that was begun. An error: a machine has died.
func (s *fences) finish(w *world) error {
	for patience := 400 * time.Millisecond; s.fencing != 0; patience *= 2 {
		ctx, cancel := context.WithTimeout(w.ctx, patience)
		_, err := w.f.Fence(ctx, s.fencing, "", "test", nil)
		if err != nil {
			<-ctx.Done() // it may be that the filer is about to stop
		}
		cancel()
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		if err == nil {
			w.note("session %d is fenced", s.fencing)
			w.total.fences++
			s.fencing = 0
			s.key++
			w.repeats.answered = nil
			s.adopt(w)
		} else if patience > time.Minute {
			w.t.Fatalf("fence: %v", err)
		}
	}
	return w.ctx.Err()
}

// adopt checks what became of acknowledged data, and takes what the origin has for what is to stay.
func (s *fences) adopt(w *world) {
	w.originCrash()
	w.origin.set(0, false)
	w.resync()
	asides, err := w.f.Asides()
	if err != nil {
		w.t.Fatal(err)
	}
	if s.aside == nil {
		s.aside = map[uint64]bool{}
	}
	aside := map[origin.ID]bool{}
	for _, a := range asides {
		s.aside[a.Gen] = true
		aside[w.originOf(w.machine, a.Inode)] = true
	}
	var paths []string
	for name, b := range w.origin.listing() {
		file := w.files[name]
		if why := file.explain(b, w.lost); why != "" && !aside[file.id] { // a crash meanwhile takes what was unstable
			w.t.Fatalf("%s after a fence, not set aside: %s", name, why)
		}
		file.committed(b)
		file.hasHandle = false
		paths = append(paths, "/nas/"+name)
	}
	if _, errs := w.f.Revalidate(w.ctx, paths); len(errs) > 0 && w.ctx.Err() == nil {
		w.t.Fatalf("revalidate: %v", errs)
	}
}

// expects says whether a fence set this aside.
func (s *fences) expects(a Aside) bool { return s.aside[a.Gen] }

// check tries to change things in sessions that were fenced.
func (s *fences) check(w *world) {
	for _, old := range s.old[max(0, len(s.old)-3):] {
		_, err := w.c.Write(w.ctx, nil, nfs.WriteArgs{File: old.file, Data: unitsOf(w.next, 1), Stable: nfs.FileSync})
		w.next++
		_, err2 := w.c.Remove(w.ctx, nil, nfs.RemoveArgs{Dir: old.root, Name: fileNames[0]})
		_, err3 := w.c.Setattr(w.ctx, nil, nfs.SetattrArgs{Object: old.file, Attr: nfs.SetAttr{Size: nfs.Set64(0)}})
		for _, err := range []error{err, err2, err3} {
			if w.ctx.Err() == nil && !errors.Is(err, nfs.ErrStale) {
				w.t.Fatalf("a call in a fenced session: %v", err)
			}
		}
	}
}
