package blob_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/internal/origin/blob/blobtest"
	"github.com/spillway/spillway/nfs"
)

// world is a bucket and what a filer keeps beside it, over restarts of the origin.
type world struct {
	t      *testing.T
	m      *blobtest.Memory
	dir    string
	places *places
	o      *blob.Origin
	root   origin.ID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, m: blobtest.NewMemory(), dir: t.TempDir(), places: &places{at: map[origin.ID][2]string{}}}
	w.restart()
	return w
}

// restart opens the origin anew, as after kill -9: nothing of the old one is used again.
func (w *world) restart() {
	w.t.Helper()
	w.o = open(w.t, w.m, func(c *blob.Config) { c.Dir, c.Places = w.dir, w.places })
	root, err := w.o.Root(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.root = root.ID
}

// places is what a filer's index keeps.
type places struct {
	mu sync.Mutex
	at map[origin.ID][2]string // mu guards it
}

func (p *places) Place(id origin.ID) (origin.ID, string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, ok := p.at[id]
	return origin.ID(v[0]), v[1], ok
}

func (p *places) SetPlace(id, parent origin.ID, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[id] = [2]string{string(parent), name}
	return nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) want(err error, status nfs.Status) {
	w.t.Helper()
	if !errors.Is(err, status) {
		w.t.Fatalf("got %v, want %v", err, status)
	}
}

// foreign puts an object as another tool would.
func (w *world) foreign(key, content string) {
	w.t.Helper()
	_, err := w.m.Put(w.t.Context(), key, strings.NewReader(content), int64(len(content)), blob.Props{}, blob.Cond{})
	w.must(err)
}

// object returns the content of a key.
func (w *world) object(key string) string {
	w.t.Helper()
	obj, err := w.m.Head(w.t.Context(), key)
	w.must(err)
	if obj.Size == 0 {
		return ""
	}
	_, body, err := w.m.Get(w.t.Context(), key, 0, 4<<20, "")
	w.must(err)
	defer body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(body)
	w.must(err)
	return b.String()
}

// walk finds a path.
func (w *world) walk(path string) (origin.Node, error) {
	w.t.Helper()
	at := origin.Node{ID: w.root}
	for name := range strings.SplitSeq(path, "/") {
		n, _, err := w.o.Lookup(w.t.Context(), me, at.ID, name)
		if err != nil {
			return n, err
		}
		at = n
	}
	return at, nil
}

func (w *world) at(path string) origin.ID {
	w.t.Helper()
	n, err := w.walk(path)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	return n.ID
}

func (w *world) create(dir origin.ID, name string) origin.ID {
	w.t.Helper()
	made, err := w.o.Create(w.t.Context(), me, dir, name, origin.CreateHow{Mode: nfs.Guarded})
	w.must(err)
	return made.Node.ID
}

func (w *world) mkdir(dir origin.ID, name string) origin.ID {
	w.t.Helper()
	made, err := w.o.MkDir(w.t.Context(), me, dir, name, nfs.SetAttr{})
	w.must(err)
	return made.Node.ID
}

func (w *world) write(id origin.ID, off uint64, data string, how nfs.Stable) nfs.Verifier {
	w.t.Helper()
	r, err := w.o.Write(w.t.Context(), me, id, off, []byte(data), how)
	w.must(err)
	return r.Verifier
}

func (w *world) commit(id origin.ID) (nfs.Verifier, error) {
	r, err := w.o.Commit(w.t.Context(), me, id, 0, 0)
	return r.Verifier, err
}

func (w *world) read(id origin.ID) (string, error) {
	buf := make([]byte, 4<<20)
	r, err := w.o.Read(w.t.Context(), me, id, 0, buf)
	return string(buf[:r.N]), err
}

func (w *world) content(id origin.ID, want string) {
	w.t.Helper()
	if got, err := w.read(id); err != nil || got != want {
		w.t.Fatalf("read %.40q, %v; want %.40q", got, err, want)
	}
}

func (w *world) attr(id origin.ID) nfs.Attr {
	w.t.Helper()
	a, err := w.o.GetAttr(w.t.Context(), me, id)
	w.must(err)
	return a
}

func (w *world) list(dir origin.ID) (names []string) {
	w.t.Helper()
	var at origin.Cookie
	for {
		p, err := w.o.ReadDir(w.t.Context(), me, dir, at, true)
		w.must(err)
		for _, e := range p.Entries {
			names = append(names, e.Name)
		}
		if p.EOF {
			return names
		}
		at = p.Next
	}
}

// crash is what a store answers to a process that is about to die.
var crash = fault.New(fault.Unavailable, "the line is cut")

// cutAt makes the store unreachable from the nth call of a kind on ("": of any that changes something); whether that
// call still takes effect is said by late.
func (w *world) cutAt(n int, late bool) {
	var mu sync.Mutex
	count := 0
	changes := map[string]bool{"put": true, "copy": true, "delete": true, "complete": true, "part": true, "begin": true, "abort": true}
	hit := func(name string, mine bool) error {
		mu.Lock()
		defer mu.Unlock()
		if count > n || mine && count == n {
			return crash
		}
		return nil
	}
	w.m.Before = func(name, _ string) error {
		mu.Lock()
		if changes[name] {
			count++
		}
		mu.Unlock()
		return hit(name, !late && changes[name])
	}
	w.m.After = func(name, _ string) error { return hit(name, changes[name]) }
}

func (w *world) mend() { w.m.Before, w.m.After = nil, nil }
