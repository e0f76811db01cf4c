package filer

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// end brings everything to the origin and compares.
func (w *world) end() {
	w.origin.set(0, false)
	for _, m := range w.machines() {
		m.peace()
	}
	for w.ctx.Err() != nil {
		w.afterwards()
		w.up(-1)
		if w.settled() {
			w.resync()
			w.grabbed()
			w.checkCrashed()
		}
	}
	w.check(false)
	w.fences.check(w)
	for name, file := range w.files {
		if h, ok := w.handle(name); ok {
			w.commit(h, file)
		}
	}
	w.repeats.check(w)
	machines := w.machines()
	for i := len(machines) - 1; i >= 0; i-- {
		if machines[i].f.wb != nil {
			w.landAll(machines[i])
		}
	}
	w.originCrash()
	for _, m := range machines {
		w.landed(m)
	}
	w.compare()
	w.hangUp()
	for i := len(machines) - 1; i >= 0; i-- {
		if err := machines[i].f.Close(); err != nil {
			w.t.Errorf("close: %v", err)
		}
		machines[i].watch.Wait()
		<-machines[i].served
	}
	w.cancel()
}

func (w *world) landAll(m *machine) {
	var wg sync.WaitGroup
	for _, ino := range m.f.wb.all() {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			var err error
			for range 10 {
				if err = m.f.wb.land(ctx, ino); err == nil || isConflict(err) {
					return
				}
			}
			w.t.Errorf("the end of %s: %v", m.name, err)
		})
	}
	wg.Wait()
}

// landed checks that a machine owes nothing.
func (w *world) landed(m *machine) {
	status := m.f.Status().Dirty
	if status.Files != 0 || status.Bytes != 0 || status.Failure != "" {
		w.t.Errorf("%s is still dirty: %+v", m.name, status)
	}
	for _, a := range status.Asides { // a removal that was done and not answered leaves what was dirty
		if w.origin.has(w.originOf(m, a.Inode)) && !w.fences.expects(a) {
			w.t.Errorf("set aside, and the file is there: %+v", a)
		}
	}
}

// originOf returns what the origin calls an inode of a machine.
func (w *world) originOf(m *machine, inode uint64) origin.ID {
	id, err := m.f.ids.identityOf(inode)
	if err != nil {
		return ""
	}
	if m == w.core || w.core == nil {
		return id.id
	}
	h, err := nfs.NewHandle([]byte(id.id))
	if err != nil {
		return ""
	}
	there, err := w.core.f.seal.open(&h)
	if err != nil {
		return ""
	}
	return w.originOf(w.core, there.inode)
}

// compare looks at what the origin has in the end.
func (w *world) compare() {
	have := w.origin.listing()
	for name, b := range have {
		file := w.files[name]
		if file == nil {
			if strings.Contains(name, ".conflict-") {
				w.total.conflicts++
				w.t.Errorf("a conflict with nobody: %s", name)
			} else {
				w.t.Errorf("nobody made %s", name)
			}
			continue
		}
		if why := file.explain(b, false); why != "" {
			w.t.Errorf("%s at the origin: %s", name, why)
		}
		if h, ok := w.handle(name); ok {
			if got, ok := w.read(h); ok && !bytes.Equal(got, b) {
				w.t.Errorf("%s: the filer shows something else than the origin has", name)
			}
		}
	}
	for name := range w.files {
		if _, ok := have[name]; !ok {
			w.t.Errorf("%s is gone", name)
		}
	}
}
