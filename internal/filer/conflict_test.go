package filer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
)

// backFiler is a filer that writes back in an hour, over an origin in memory.
func backFiler(t *testing.T) (*wobbly, *running, *client) {
	t.Helper()
	o := newWobbly(rand.New(rand.NewPCG(1, 1)))
	f := start(t, backConfig(Export{Path: "/nas", Origin: o, Verify: time.Hour, WriteBack: time.Hour}))
	return o, f, dial(t, f.addr, "/nas")
}

func TestSomebodyElsesChangeKeepsTheName(t *testing.T) {
	o, f, c := backFiler(t)
	h := c.make(c.root, "a")
	c.put(h, 0, []byte("first"), nfs.FileSync)
	if receipts, errs := f.Flush(t.Context(), []string{"/nas/a"}); len(receipts) != 1 {
		t.Fatal(errs)
	}
	c.put(h, 0, []byte("ours"), nfs.Unstable)
	if got := string(o.listing()["a"]); got != "first" {
		t.Fatalf("the origin has %q: nothing was written back later", got)
	}
	o.foreign("a", 0, []byte("theirs"))
	if receipts, errs := f.Flush(t.Context(), []string{"/nas/a"}); len(receipts) != 0 || !isConflict(errs[0].Err) {
		t.Fatalf("flush of a file that somebody else changed: %v, %v", receipts, errs)
	}
	var copied string
	for name, b := range o.listing() {
		switch {
		case name == "a" && string(b) != "theirs":
			t.Errorf("the name has %q", b)
		case strings.HasPrefix(name, "a.conflict-cloud-"):
			copied = string(b)
		}
	}
	if copied != "ourst" {
		t.Errorf("the conflict copy has %q", copied)
	}
	c.wantContent(h, []byte("theirs"))
	if s := f.Status().Dirty; s.Files != 0 || s.Bytes != 0 || s.Conflicts != 1 {
		t.Errorf("afterwards: %+v", s)
	}
}

// A fence that the origin does not answer sets the session's data aside: nothing of it lands later.
func TestFenceSetsAside(t *testing.T) {
	o, f, plain := backFiler(t)
	id, path, err := f.OpenSession("agent/n", "k", "/nas")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, f.addr, path)
	h := c.make(c.root, "a")
	c.put(h, 0, []byte("dirty"), nfs.FileSync)
	o.set(0, true)
	if _, err := f.Fence(t.Context(), id, "", "lost", nil); err != nil {
		t.Fatal(err)
	}
	o.set(0, false)
	asides, err := f.Asides()
	if err != nil || len(asides) != 1 || asides[0].Name != "a" || asides[0].Bytes != 5 {
		t.Fatalf("set aside: %+v, %v", asides, err)
	}
	f.crash()
	if s := f.Status().Dirty; s.Files != 0 || len(s.Asides) != 1 {
		t.Errorf("after a crash: %+v", s)
	}
	if got := o.listing()["a"]; len(got) != 0 {
		t.Errorf("the origin got %q after the fence", got)
	}
	plain.wantContent(plain.look(plain.root, "a"), nil)
}
