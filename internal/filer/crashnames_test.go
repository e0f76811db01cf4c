package filer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
)

// TestCrashesOfNames is TestCrashes for a filer that writes names back: what was made and acknowledged is there after a
// crash, under its handle and with its content, what was removed is not, and in the end the origin has exactly that.
// SPILLWAY_TEST_ALL runs a thousand seeds; SPILLWAY_CRASH_SEED=N runs one, N-M those.
func TestCrashesOfNames(t *testing.T) {
	var total nameTally
	first, last := crashSeeds(t, 6, 1000)
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &nameWorld{world: newWorld(t, uint64(seed), &tally{}), total: &total, names: map[string]*maybe{}}
			w.cfg.Exports[0].LocalDirectories = true
			w.origin.losesNames = true
			w.run()
		})
	}
	t.Logf("%+v", total)
	if last-first > 20 && (total.made == 0 || total.survived == 0 || total.removed == 0 || total.receipts == 0 || total.repeated == 0) {
		t.Errorf("this showed nothing: %+v", total)
	}
}

// nameTally counts what the runs covered.
type nameTally struct{ made, local, survived, removed, receipts, repeated int }

// nameWorld is one seed's run.
type nameWorld struct {
	*world
	total *nameTally
	names map[string]*maybe
}

// maybe is what a client knows of a name.
type maybe struct {
	there, gone bool // it may be; both after a call that was not answered
	handle      nfs.Handle
	knows       bool         // the handle
	contents    []string     // that it may have
	made        nfs.Verifier // by an exclusive CREATE that was answered; zero: by another one
}

func (w *nameWorld) run() {
	defer func() {
		if w.t.Failed() {
			w.tracing.Lock()
			defer w.tracing.Unlock()
			w.t.Log(strings.Join(w.trace, "\n"))
		}
	}()
	for i := range 8 {
		w.names[fmt.Sprintf("n%d", i)] = &maybe{gone: true}
	}
	w.up(-1)
	for range 2 + w.rng.IntN(3) {
		for range 10 + w.rng.IntN(40) {
			if w.ctx.Err() == nil {
				w.step()
			}
		}
		w.die()
	}
	w.end()
}

func (w *nameWorld) step() {
	keys := slices.Sorted(maps.Keys(w.names))
	name := keys[w.rng.IntN(len(keys))]
	n := w.names[name]
	switch w.rng.IntN(12) {
	case 0:
		w.origin.set([]float64{0, 0.05, 0.3}[w.rng.IntN(3)], w.rng.IntN(6) == 0)
	case 1:
		w.originCrash()
	case 2:
		w.check()
	case 3:
		w.flush(name, n)
	case 4, 5:
		w.remove(name, n)
	default:
		if n.gone {
			w.create(name, n)
		} else {
			w.write(name, n)
		}
	}
}

func (w *nameWorld) create(name string, n *maybe) {
	args := nfs.CreateArgs{Dir: w.c.root, Name: name, How: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o644)}}
	if w.rng.IntN(3) == 0 {
		args.How, args.Attr = nfs.Exclusive, nfs.SetAttr{}
		binary.BigEndian.PutUint64(args.Verifier[:], w.rng.Uint64())
	}
	r, err := w.c.Create(w.ctx, nil, args)
	switch {
	case errors.Is(err, nfs.ErrExist) && n.there:
		n.gone = false
	case w.refused("create "+name, err):
		if !n.there {
			n.contents, n.knows = []string{""}, false
		}
		n.there = true
	default:
		if !n.gone {
			w.t.Fatalf("create %s: it was there", name)
		}
		w.total.made++
		h, _ := parseHandle(&r.Object.Handle)
		if h.inode&bornHere != 0 {
			w.total.local++
		}
		*n = maybe{there: true, handle: r.Object.Handle, knows: true, contents: []string{""}, made: args.Verifier}
		w.repeat(name, n)
	}
}

// repeat sends an exclusive CREATE again under another xid, as a client does that has forgotten the first answer: it must
// get its file, and nobody else may.
func (w *nameWorld) repeat(name string, n *maybe) {
	if n.made == (nfs.Verifier{}) || n.gone || w.rng.IntN(2) == 0 {
		return
	}
	args := nfs.CreateArgs{Dir: w.c.root, Name: name, How: nfs.Exclusive, Verifier: n.made}
	r, err := w.c.Create(w.ctx, nil, args)
	if w.refused("create "+name+" again", err) {
		return
	}
	if n.knows && r.Object.Handle != n.handle {
		w.t.Fatalf("an exclusive create of %s, repeated, gave another file", name)
	}
	w.total.repeated++
	args.Verifier[0]++
	_, err = w.c.Create(w.ctx, nil, args)
	if !errors.Is(err, nfs.ErrExist) && !errors.Is(err, nfs.ErrJukebox) && w.ctx.Err() == nil {
		w.t.Fatalf("an exclusive create of %s by somebody else: %v", name, err)
	}
}

func (w *nameWorld) write(name string, n *maybe) {
	h, ok := w.find(name, n)
	if !ok {
		return
	}
	w.next++
	v := fmt.Sprintf("value %9d", w.next)
	_, err := w.c.Write(w.ctx, nil, nfs.WriteArgs{File: h, Data: []byte(v), Stable: nfs.FileSync})
	if w.refused("write "+name, err) {
		n.contents = append(n.contents, v)
		return
	}
	n.contents = []string{v}
}

func (w *nameWorld) remove(name string, n *maybe) {
	_, err := w.c.Remove(w.ctx, nil, nfs.RemoveArgs{Dir: w.c.root, Name: name})
	switch {
	case errors.Is(err, nfs.ErrNoEnt) && n.gone:
		*n = maybe{gone: true}
	case w.refused("remove "+name, err):
		n.gone = true
	default:
		if n.there {
			w.total.removed++
		} else {
			w.t.Fatalf("removed %s: it was not there", name)
		}
		*n = maybe{gone: true}
	}
}

// find looks a name up; false: it is not there, or nobody answers.
func (w *nameWorld) find(name string, n *maybe) (nfs.Handle, bool) {
	r, err := w.c.Lookup(w.ctx, nil, nfs.LookupArgs{Dir: w.c.root, Name: name})
	if errors.Is(err, nfs.ErrNoEnt) {
		if !n.gone {
			w.t.Fatalf("%s is lost", name)
		}
		*n = maybe{gone: true}
		return nfs.Handle{}, false
	}
	if w.refused("lookup "+name, err) {
		return nfs.Handle{}, false
	}
	if !n.there {
		w.t.Fatalf("%s is there again", name)
	}
	if n.knows && !n.gone && r.Object != n.handle {
		w.t.Fatalf("%s has another handle", name)
	}
	return r.Object, true
}

// check compares every name and its content with what its client knows.
func (w *nameWorld) check() {
	for _, name := range slices.Sorted(maps.Keys(w.names)) {
		n := w.names[name]
		h, ok := w.find(name, n)
		if !ok {
			continue
		}
		n.gone, n.handle, n.knows = false, h, true
		w.repeat(name, n)
		got, ok := w.read(h)
		if !ok {
			continue
		}
		if !slices.Contains(n.contents, string(got)) {
			w.t.Fatalf("%s has %q, not one of %q", name, got, n.contents)
		}
		w.total.survived++
	}
}

func (w *nameWorld) flush(name string, n *maybe) {
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	receipts, errs := w.f.Flush(ctx, []string{"/nas/" + name})
	if len(receipts) == 0 {
		if isConflict(errs[0].Err) {
			w.t.Fatalf("flush %s: %v", name, errs[0].Err)
		}
		return
	}
	w.total.receipts++
	got, ok := w.origin.listing()[name]
	if !ok || !slices.Contains(n.contents, string(got)) {
		w.t.Fatalf("a receipt for %s: the origin has %q, %v, not one of %q", name, got, ok, n.contents)
	}
}

// die ends a life and begins the next.
func (w *nameWorld) die() {
	w.stop()
	w.afterwards()
	w.origin.set(0, false)
	left := -1
	if w.rng.IntN(3) == 0 {
		left = w.rng.IntN(40)
	}
	w.up(left)
	if w.ctx.Err() == nil {
		w.check()
	}
	w.origin.set([]float64{0, 0, 0.05, 0.3}[w.rng.IntN(4)], w.rng.IntN(8) == 0)
	w.disk.mu.Lock()
	w.disk.left = -1
	if w.rng.IntN(4) > 0 {
		w.disk.left = w.rng.IntN(120)
	}
	w.disk.mu.Unlock()
}

// end brings everything to the origin and compares.
func (w *nameWorld) end() {
	w.disk.mu.Lock()
	w.disk.left = -1
	w.disk.mu.Unlock()
	w.origin.set(0, false)
	if w.ctx.Err() != nil {
		w.stop()
		w.afterwards()
		w.up(-1)
	}
	w.check()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for range 10 {
		w.f.wb.landAll(ctx, w.f.wb.all())
		if w.f.wb.names.bringAll(ctx, w.f.wb.names.all(nil)) == nil && len(w.f.wb.all()) == 0 {
			break
		}
	}
	if s := w.f.Status().Dirty; s.Files != 0 || s.Names != 0 || s.Bytes != 0 || s.Failure != "" {
		w.t.Errorf("still dirty: %+v", s)
	}
	have := w.origin.listing()
	for name, n := range w.names {
		got, ok := have[name]
		delete(have, name)
		if ok && !n.there || !ok && !n.gone || ok && !slices.Contains(n.contents, string(got)) {
			w.t.Errorf("%s at the origin: %v, %q; the client knows %+v", name, ok, got, n)
		}
	}
	for name := range have {
		w.t.Errorf("nobody made %s", name)
	}
	w.c.Close()
	if err := w.f.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	<-w.served
	w.cancel()
}
