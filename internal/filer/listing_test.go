package filer

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// smallPages is an origin whose pages are small, and whose names behind the first page can be held back.
type smallPages struct {
	origin.Origin
	entries int
	hold    chan struct{} // closed: nothing is held back any more; nil: nothing is
}

func (s *smallPages) ReadDir(ctx context.Context, as origin.Cred, dir origin.ID, at origin.Cookie, plus bool) (origin.Page, error) {
	if s.hold != nil && at.At != 0 {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return origin.Page{}, ctx.Err()
		}
	}
	p, err := s.Origin.ReadDir(ctx, as, dir, at, plus)
	if len(p.Entries) > s.entries {
		p.Entries, p.EOF = p.Entries[:s.entries], false
		p.Next.At = p.Entries[s.entries-1].Cookie
	}
	return p, err
}

// The first page does not wait for the last, and nobody else in the directory waits for either.
func TestFirstPageDoesNotWaitForTheLast(t *testing.T) {
	dir, o := folder(t)
	const n = 300
	for i := range n {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("f%03d", i)), []byte("x"))
	}
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	slow := &smallPages{Origin: remote(t, edge.addr, "/nas"), entries: 100, hold: make(chan struct{})}
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: slow}}})
	c := dial(t, f.addr, "/nas")
	seen := map[string]int{}
	at, eof := page(t, c, 0, 8<<10, seen)
	if eof || len(seen) < 20 {
		t.Fatalf("the first page has %d entries", len(seen))
	}
	// The rest is still held back.
	for name := range maps.Keys(seen) {
		if name != "." && name != ".." {
			c.wantContent(c.look(c.root, name), []byte("x"))
		}
	}
	c.make(c.root, "new")
	if _, err := c.Remove(t.Context(), nil, nfs.RemoveArgs{Dir: c.root, Name: "new"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: c.root}); err != nil {
		t.Fatal(err)
	}
	close(slow.hold)
	for !eof {
		at, eof = page(t, c, at, 8<<10, seen)
	}
	for i := range n {
		if name := fmt.Sprintf("f%03d", i); seen[name] != 1 {
			t.Errorf("%s came %d times", name, seen[name])
		}
	}
}

// reader is a client somewhere in a directory.
type reader struct {
	at   nfs.Cookie
	must map[string]bool // what has been there since it began
	seen map[string]int
}

// readers is a directory that changes while some read it.
type readers struct {
	t     *testing.T
	rnd   *rand.Rand
	dir   string // behind everything
	c     *client
	names map[string]bool
	made  int
	all   []*reader
}

func (w *readers) create(foreign bool) {
	w.made++
	name := fmt.Sprintf("%x-%d", w.rnd.Uint32N(256), w.made) // lands anywhere in the order
	if foreign {
		writeFile(w.t, filepath.Join(w.dir, name), nil)
	} else {
		w.c.make(w.c.root, name)
	}
	w.names[name] = true
}

func (w *readers) remove(foreign bool) {
	names := slices.Sorted(maps.Keys(w.names))
	name := names[w.rnd.IntN(len(names))]
	for _, r := range w.all {
		delete(r.must, name)
	}
	delete(w.names, name)
	if foreign {
		if err := os.Remove(filepath.Join(w.dir, name)); err != nil {
			w.t.Fatal(err)
		}
	} else if _, err := w.c.Remove(w.t.Context(), nil, nfs.RemoveArgs{Dir: w.c.root, Name: name}); err != nil {
		w.t.Fatal(err)
	}
}

// read lets a reader read its next page, of either kind; one that has come to the end is judged, and begins again.
func (w *readers) read(r *reader) {
	if r.at == 0 {
		r.must, r.seen = maps.Clone(w.names), map[string]int{}
	}
	var entries []nfs.DirEntry
	var eof bool
	bytes := uint32(600 + w.rnd.IntN(4000))
	if w.rnd.IntN(3) > 0 {
		p, err := w.c.Readdirplus(w.t.Context(), nil, nfs.ReaddirplusArgs{Dir: w.c.root, Cookie: r.at, DirCount: bytes, MaxCount: bytes})
		if err != nil {
			w.t.Fatal(err)
		}
		entries, eof = p.Entries, p.EOF
	} else {
		p, err := w.c.Readdir(w.t.Context(), nil, nfs.ReaddirArgs{Dir: w.c.root, Cookie: r.at, Count: bytes})
		if err != nil {
			w.t.Fatal(err)
		}
		entries, eof = p.Entries, p.EOF
	}
	for _, e := range entries {
		r.at = e.Cookie
		r.seen[e.Name]++
	}
	if !eof {
		return
	}
	for name := range r.must {
		if r.seen[name] != 1 {
			w.t.Fatalf("%s was there all the time and came %d times", name, r.seen[name])
		}
	}
	r.at = 0
}

// Whatever happens to a directory, to the listings of it and to the filer, a reader gets each name that is there all the
// time exactly once.
func TestReadersOfAChangingDirectory(t *testing.T) {
	seeds := 2
	if os.Getenv("SPILLWAY_TEST_ALL") != "" {
		seeds = 100
	}
	for _, kind := range []string{"folder", "filer", "small pages"} {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) { changingDirectory(t, kind, seed) })
		}
	}
}

func changingDirectory(t *testing.T, kind string, seed uint64) {
	dir, o := folder(t)
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	if kind != "folder" {
		up := remote(t, f.addr, "/nas")
		if kind == "small pages" {
			up = &smallPages{Origin: up, entries: 7}
		}
		f = start(t, Config{Exports: []Export{{Path: "/nas", Origin: up, Verify: time.Nanosecond}}}) // every start lists anew
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := &readers{t: t, rnd: rnd, dir: dir, names: map[string]bool{}, all: make([]*reader, 3)}
	for range 120 {
		w.create(true)
	}
	w.c = dial(t, f.addr, "/nas")
	for i := range w.all {
		w.all[i] = &reader{}
	}
	for range 250 {
		switch d := rnd.IntN(100); {
		case d < 60:
			w.read(w.all[rnd.IntN(len(w.all))])
		case d < 78:
			w.create(d%2 == 0)
		case d < 99:
			w.remove(d%2 == 0)
		default:
			f.crash()
		}
	}
}

// Places are found in a listing whatever the order of its cookies.
func TestPlaces(t *testing.T) {
	for _, cookies := range [][]uint64{{10, 20, 30, 40}, {40, 30, 20, 10}, {10, 30, 20, 1 << 62}} {
		l := newListing(origin.Cookie{})
		var entries []listed
		for _, c := range cookies {
			entries = append(entries, listed{cookie: c})
		}
		l.append(entries[:2], origin.Cookie{})
		l.append(entries[2:], origin.Cookie{})
		for i, c := range cookies {
			if at, ok := l.place(c); !ok || at != i+1 {
				t.Errorf("%v: behind %d is entry %d, %v", cookies, c, at, ok)
			}
		}
		if at, ok := l.place(0); !ok || at != 0 {
			t.Errorf("%v: the start is entry %d, %v", cookies, at, ok)
		}
		for _, c := range []uint64{5, 25, 1 << 63} {
			if _, ok := l.place(c); ok {
				t.Errorf("%v: knows a place behind %d", cookies, c)
			}
		}
	}
}

// Descriptions are matched to names by name, in whatever pages they come.
func TestMatcher(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		var names, page []origin.DirEntry
		for i := range rnd.IntN(30) {
			e := origin.DirEntry{Name: fmt.Sprint(i), Cookie: uint64(i + 1)}
			if rnd.IntN(5) > 0 {
				names = append(names, e)
			}
			if rnd.IntN(5) > 0 {
				e.Node = &origin.Node{ID: origin.ID(e.Name)}
				page = append(page, e)
			}
		}
		if rnd.IntN(2) == 0 {
			rnd.Shuffle(len(page), func(i, j int) { page[i], page[j] = page[j], page[i] })
		}
		m := matcher{entries: names}
		described := map[string]uint64{}
		for rest := page; len(rest) > 0 && !m.done(); {
			n := 1 + rnd.IntN(len(rest))
			m.take(rest[:n])
			ids := make([]uint64, len(m.nodes))
			for i, node := range m.nodes {
				ids[i] = uint64(len(described) + 100)
				described[string(node.ID)] = ids[i]
			}
			m.settle(ids)
			rest = rest[n:]
		}
		m.done()
		listed := map[string]bool{}
		for _, e := range page {
			listed[e.Name] = true
		}
		for i, e := range m.listed() {
			if e.name != names[i].Name || e.cookie != names[i].Cookie {
				t.Fatalf("entry %d is %+v, want %+v", i, e, names[i])
			}
			if want := described[e.name]; e.inode != want || listed[e.name] != (want != 0) {
				t.Fatalf("%s is inode %d, want %d", e.name, e.inode, want)
			}
		}
	}
}
