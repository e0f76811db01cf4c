package origin_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// counted is a directory whose cookies count names: they are void when it changes.
type counted struct {
	names   []string
	changes uint32
	page    int
}

func (c *counted) read(_ context.Context, _ origin.Cred, _ origin.ID, at origin.Cookie, _ bool) (origin.Page, error) {
	if at.At > uint64(len(c.names)) {
		return origin.Page{}, nfs.ErrBadCookie
	}
	p := origin.Page{Dir: nfs.WithAttr(nfs.Attr{Size: uint64(c.changes)}), Next: at}
	for _, name := range c.names[at.At:min(int(at.At)+c.page, len(c.names))] {
		p.Next.At++
		p.Entries = append(p.Entries, origin.DirEntry{Name: name, Cookie: p.Next.At})
	}
	p.EOF = int(p.Next.At) == len(c.names)
	return p, nil
}

// Places that a Sorted gives last: who reads on behind any of them, whatever has come and gone meanwhile and in whichever
// Sorted, gets each name once that was there all the time.
func TestSortedPlacesLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &counted{page: rapid.IntRange(1, 7).Draw(t, "page")}
		for i := range rapid.IntRange(0, 40).Draw(t, "names") {
			c.names = append(c.names, fmt.Sprint("n", i))
		}
		s := origin.NewSorted(c.read)
		must := map[string]bool{}
		for _, name := range c.names {
			must[name] = true
		}
		seen := map[string]int{}
		var at origin.Cookie
		for eof := false; !eof; {
			p, err := s.ReadDir(t.Context(), origin.Cred{}, "d", at, false)
			if err != nil {
				t.Fatal(err)
			}
			// The client takes a part of the page, and goes on behind that.
			n := len(p.Entries)
			if n > 0 {
				n = rapid.IntRange(1, n).Draw(t, "taken")
			}
			for _, e := range p.Entries[:n] {
				seen[e.Name]++
				if e.Cookie == 0 || e.Cookie>>62 != 0 {
					t.Fatalf("cookie %#x", e.Cookie)
				}
				at = origin.Cookie{At: e.Cookie}
			}
			eof = p.EOF && n == len(p.Entries)
			if len(c.names) > 0 && rapid.Bool().Draw(t, "remove") {
				i := rapid.IntRange(0, len(c.names)-1).Draw(t, "which")
				delete(must, c.names[i])
				c.names = append(c.names[:i], c.names[i+1:]...)
				c.changes++
			}
			if rapid.Bool().Draw(t, "create") {
				c.changes++
				c.names = append([]string{fmt.Sprint("new", c.changes)}, c.names...)
			}
			if rapid.Bool().Draw(t, "restart") {
				s = origin.NewSorted(c.read)
			}
		}
		for name := range maps.Keys(must) {
			if seen[name] != 1 {
				t.Fatalf("%s came %d times", name, seen[name])
			}
		}
	})
}
