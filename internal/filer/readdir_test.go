package filer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/spillway/spillway/nfs"
)

// page reads one page and notes its names.
func page(t *testing.T, c *client, at nfs.Cookie, bytes uint32, seen map[string]int) (next nfs.Cookie, eof bool) {
	t.Helper()
	r, err := c.Readdirplus(t.Context(), nil, nfs.ReaddirplusArgs{Dir: c.root, Cookie: at, DirCount: bytes, MaxCount: bytes})
	if err != nil {
		t.Fatalf("readdirplus at %d: %v", at, err)
	}
	if len(r.Entries) == 0 && !r.EOF {
		t.Fatal("an empty page that is not the end")
	}
	next = at
	for _, e := range r.Entries {
		seen[e.Name]++
		next = e.Cookie
	}
	return next, r.EOF
}

// A reader in the middle of a directory meets insertions, deletions, and a restart of the filer: every name that was
// there all the time comes exactly once.
func TestCookiesSurviveChanges(t *testing.T) {
	for _, kind := range []string{"folder", "filer"} {
		t.Run(kind, func(t *testing.T) {
			f := newFarm(t)
			at := f.edge
			if kind == "filer" {
				at = f.cloud
			}
			const n = 400
			for i := range n {
				writeFile(t, filepath.Join(f.dir, fmt.Sprintf("stay%04d", i)), nil)
				writeFile(t, filepath.Join(f.dir, fmt.Sprintf("go%04d", i)), nil)
			}
			c := dial(t, at.addr, "/nas")
			seen := map[string]int{}
			var cookie nfs.Cookie
			for i, eof := 0, false; !eof; i++ {
				cookie, eof = page(t, c, cookie, 8<<10, seen)
				gone, err := c.Remove(t.Context(), nil, nfs.RemoveArgs{Dir: c.root, Name: fmt.Sprintf("go%04d", i)})
				if err != nil {
					t.Fatal(gone, err)
				}
				c.make(c.root, fmt.Sprintf("new%04d", i))
				if i == 3 {
					at.crash()
				}
			}
			for i := range n {
				if name := fmt.Sprintf("stay%04d", i); seen[name] != 1 {
					t.Errorf("%s came %d times", name, seen[name])
				}
			}
			for name, times := range seen {
				if times != 1 {
					t.Errorf("%s came %d times", name, times)
				}
			}
		})
	}
}

// READDIRPLUS from the start always checks the directory at the origin.
func TestListingSeesForeignFiles(t *testing.T) {
	f := newFarm(t)
	c := dial(t, f.cloud.addr, "/nas")
	seen := map[string]int{}
	page(t, c, 0, 8<<10, seen)
	writeFile(t, filepath.Join(f.dir, "late"), nil)
	page(t, c, 0, 8<<10, seen)
	if seen["late"] != 1 {
		t.Errorf("saw %v", seen)
	}
	if err := os.Remove(filepath.Join(f.dir, "late")); err != nil {
		t.Fatal(err)
	}
	page(t, c, 0, 8<<10, seen)
	if seen["late"] != 1 {
		t.Error("a removed file is still listed")
	}
	if _, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: c.root, Name: "late"}); !errors.Is(err, nfs.ErrNoEnt) {
		t.Errorf("lookup after the listing: %v", err)
	}
}

// A listed directory answers lookups, of names that exist and of those that do not, without the origin.
func TestListingServesLookups(t *testing.T) {
	f := newFarm(t)
	for i := range 50 {
		writeFile(t, filepath.Join(f.dir, fmt.Sprintf("f%d", i)), []byte("x"))
	}
	c := dial(t, f.cloud.addr, "/nas")
	page(t, c, 0, 64<<10, map[string]int{})
	before := f.edge.targets[0].traffic.calls.Load()
	for i := range 50 {
		c.look(c.root, fmt.Sprintf("f%d", i))
	}
	if _, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: c.root, Name: "none"}); !errors.Is(err, nfs.ErrNoEnt) {
		t.Error(err)
	}
	if n := f.edge.targets[0].traffic.calls.Load() - before; n != 0 {
		t.Errorf("%d calls to the origin for names that were just listed", n)
	}
}
