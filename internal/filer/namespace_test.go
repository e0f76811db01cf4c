package filer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/spillway/spillway/nfs"
)

// names lists a directory from the start, small page by small page, without "." and "..".
func (c *client) names(dir nfs.Handle) []string {
	c.t.Helper()
	var out []string
	args := nfs.ReaddirplusArgs{Dir: dir, DirCount: 300, MaxCount: 600}
	for {
		r, err := c.Readdirplus(c.t.Context(), nil, args)
		if err != nil {
			c.t.Fatalf("readdirplus: %v", err)
		}
		for _, e := range r.Entries {
			if e.Name != "." && e.Name != ".." {
				out = append(out, e.Name)
			}
			args.Cookie = e.Cookie
		}
		args.Verifier = r.Verifier
		if r.EOF {
			slices.Sort(out)
			return out
		}
		if len(r.Entries) == 0 {
			c.t.Fatal("a page without entries that is not the last")
		}
	}
}

func (c *client) attr(h nfs.Handle) nfs.Attr {
	c.t.Helper()
	r, err := c.Getattr(c.t.Context(), nil, nfs.GetattrArgs{Object: h})
	if err != nil {
		c.t.Fatal(err)
	}
	return r.Attr
}

// tree is a filer whose namespace joins two folders:
//
//	/nas            the first
//	/nas/deep/tex   the second: there is a folder "deep" in the first
//	/lib/shows      the first one's folder "shows"
//	/lib/plates     the second
func tree(t *testing.T) (f *running, first, second string) {
	t.Helper()
	first, o1 := folder(t)
	second, o2 := folder(t)
	writeFile(t, filepath.Join(first, "shows", "s1", "f"), []byte("one"))
	writeFile(t, filepath.Join(first, "deep", "tex", "hidden"), []byte("covered"))
	writeFile(t, filepath.Join(second, "wood.tx"), []byte("two"))
	return start(t, Config{Exports: []Export{
		{Path: "/nas", Origin: o1}, {Path: "/nas/deep/tex", Origin: o2},
		{Path: "/lib/shows", Origin: o1, Sub: "shows"}, {Path: "/lib/plates", Origin: o2},
	}}), first, second
}

func TestOneTreeOfSeveralTargets(t *testing.T) {
	f, _, _ := tree(t)
	c := dial(t, f.addr, "/")
	if got := c.names(c.root); !slices.Equal(got, []string{"lib", "nas"}) {
		t.Errorf("/ lists %v", got)
	}
	lib := c.look(c.root, "lib")
	if got := c.names(lib); !slices.Equal(got, []string{"plates", "shows"}) {
		t.Errorf("/lib lists %v", got)
	}
	shows := c.look(lib, "shows")
	if got := c.names(shows); !slices.Equal(got, []string{"s1"}) {
		t.Errorf("/lib/shows lists %v", got)
	}
	nas := c.look(c.root, "nas")
	deep := c.look(nas, "deep")
	if got := c.names(deep); !slices.Equal(got, []string{"tex"}) {
		t.Errorf("/nas/deep lists %v", got)
	}
	tex := c.look(deep, "tex")
	c.wantContent(c.look(tex, "wood.tx"), []byte("two"))
	if got := c.names(tex); !slices.Equal(got, []string{"wood.tx"}) {
		t.Errorf("/nas/deep/tex lists %v", got)
	}

	// The way up is the way down.
	for _, at := range []struct{ dir, up nfs.Handle }{{tex, deep}, {deep, nas}, {nas, c.root}, {shows, lib}, {lib, c.root}, {c.root, c.root}} {
		if got := c.look(at.dir, ".."); got != at.up {
			t.Errorf("the way up leads elsewhere: %v, want %v", got, at.up)
		}
	}

	// One file, whichever way it was reached.
	a, b := c.attr(c.look(c.look(shows, "s1"), "f")), c.attr(c.look(c.look(c.look(nas, "shows"), "s1"), "f"))
	if a.FSID != b.FSID || a.FileID != b.FileID {
		t.Errorf("one file is %d/%d and %d/%d", a.FSID, a.FileID, b.FSID, b.FileID)
	}
	if c.attr(nas).FSID == c.attr(tex).FSID || c.attr(nas).FSID == c.attr(c.root).FSID {
		t.Error("two targets share a file-system id")
	}
	if len(f.targets) != 2 {
		t.Errorf("%d targets, want 2", len(f.targets))
	}
	// MNT goes the same way.
	for p, want := range map[string]nfs.Handle{"/lib": lib, "/nas/deep/tex": tex, "/nas/deep": deep, "/lib/shows/s1": c.look(shows, "s1")} {
		if got := dial(t, f.addr, p).root; got != want {
			t.Errorf("mounted %s as something else than the way there", p)
		}
	}
}

func TestJunctionsCannotBeChanged(t *testing.T) {
	f, first, _ := tree(t)
	c := dial(t, f.addr, "/")
	ctx := t.Context()
	nas, lib := c.look(c.root, "nas"), c.look(c.root, "lib")
	deep := c.look(nas, "deep")
	for name, change := range map[string]func() error{
		"remove": func() error { _, err := c.Rmdir(ctx, nil, nfs.RemoveArgs{Dir: deep, Name: "tex"}); return err },
		"rename": func() error {
			_, err := c.Rename(ctx, nil, nfs.RenameArgs{FromDir: deep, FromName: "tex", ToDir: nas, ToName: "x"})
			return err
		},
		"rename onto": func() error {
			_, err := c.Rename(ctx, nil, nfs.RenameArgs{FromDir: nas, FromName: "shows", ToDir: deep, ToName: "tex"})
			return err
		},
		"make": func() error { _, err := c.Mkdir(ctx, nil, nfs.MkdirArgs{Dir: deep, Name: "tex"}); return err },
	} {
		if err := change(); !errors.Is(err, nfs.ErrAcces) {
			t.Errorf("%s a junction: %v", name, err)
		}
	}
	if _, err := c.Mkdir(ctx, nil, nfs.MkdirArgs{Dir: lib, Name: "more"}); !errors.Is(err, nfs.ErrROFS) {
		t.Errorf("made a folder between exports: %v", err)
	}
	_, err := c.Rename(ctx, nil, nfs.RenameArgs{FromDir: nas, FromName: "shows", ToDir: c.look(lib, "plates"), ToName: "x"})
	if !errors.Is(err, nfs.ErrXDev) {
		t.Errorf("renamed from one target to another: %v", err)
	}
	if string(readFile(t, filepath.Join(first, "deep", "tex", "hidden"))) != "covered" {
		t.Error("what a junction covers was changed")
	}
}

// A folder that leaves the part of the target that an export shows takes nobody along.
func TestNoWayUpOutOfAnExport(t *testing.T) {
	f, first, _ := tree(t)
	c := dial(t, f.addr, "/lib/shows")
	s1 := c.look(c.root, "s1")
	if up := c.look(s1, ".."); up != c.root {
		t.Error(".. within the export leads elsewhere")
	}
	if err := os.Rename(filepath.Join(first, "shows", "s1"), filepath.Join(first, "s1")); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: s1, Name: ".."}); !errors.Is(err, nfs.ErrAcces) {
		t.Errorf("left the export by ..: %v, %v", r.Object, err)
	}
}

func TestHandlesOutliveTheOrderOfExports(t *testing.T) {
	first, o1 := folder(t)
	second, o2 := folder(t)
	writeFile(t, filepath.Join(first, "shows", "f"), []byte("one"))
	writeFile(t, filepath.Join(second, "g"), []byte("two"))
	all := []Export{{Path: "/a", Origin: o1}, {Path: "/b", Origin: o2}, {Path: "/c", Origin: o1, Sub: "/shows"}}
	f := start(t, Config{Exports: all})
	c := dial(t, f.addr, "/")
	before := map[string]nfs.Handle{}
	fetch := func(p, name string) nfs.Handle { return c.look(c.look(c.root, p), name) }
	before["/a"], before["/b"], before["/c"] = c.look(fetch("a", "shows"), "f"), fetch("b", "g"), fetch("c", "f")

	f.down((*Filer).Close)
	f.cfg.Exports = []Export{all[2], all[1], all[0], {Path: "/0", Origin: o2}}
	f.up(f.addr)
	c = dial(t, f.addr, "/")
	c.wantContent(before["/a"], []byte("one"))
	c.wantContent(before["/b"], []byte("two"))
	c.wantContent(before["/c"], []byte("one"))
	after := map[string]nfs.Handle{"/a": c.look(fetch("a", "shows"), "f"), "/b": fetch("b", "g"), "/c": fetch("c", "f")}
	for p, h := range before {
		if after[p] != h {
			t.Errorf("%s has another handle than before", p)
		}
	}
}

// What one junction has fetched is there for the others, through a filer that caches.
func TestJunctionsShareTheCache(t *testing.T) {
	edge, _, _ := tree(t)
	up := remote(t, edge.addr, "/nas")
	cloud := start(t, Config{Exports: []Export{{Path: "/all", Origin: up}, {Path: "/shows", Origin: up, Sub: "/shows"}}})
	a, b := dial(t, cloud.addr, "/all"), dial(t, cloud.addr, "/shows")
	a.wantContent(a.look(a.look(a.look(a.root, "shows"), "s1"), "f"), []byte("one"))
	fetched := cloud.targets[0].traffic.demand.Load()
	b.wantContent(b.look(b.look(b.root, "s1"), "f"), []byte("one"))
	if now := cloud.targets[0].traffic.demand.Load(); fetched != 3 || now != fetched {
		t.Errorf("fetched %d bytes, then %d, of a file of 3", fetched, now)
	}
}
