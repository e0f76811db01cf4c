package blob_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/nfs"
)

func TestObjectsOfOthersAreFiles(t *testing.T) {
	w := newWorld(t)
	w.foreign("shots/010/beauty.exr", "pixels")
	w.foreign("shots//odd", "no name says this")
	w.foreign("100%.txt", "x")
	if got := w.list(w.root); !slices.Equal(got, []string{"100%.txt", "shots"}) {
		t.Fatalf("the bucket lists %q", got)
	}
	if got := w.list(w.at("shots")); !slices.Equal(got, []string{"010"}) {
		t.Fatalf("an implied directory lists %q", got)
	}
	id := w.at("shots/010/beauty.exr")
	w.content(id, "pixels")
	a := w.attr(id)
	if a.Mode != 0o644 || a.UID != me.UID || a.Size != 6 || a.Mtime.Sec == 0 {
		t.Errorf("attributes %+v", a)
	}
	if d := w.attr(w.at("shots/010")); d.Type != nfs.TypeDirectory || d.Mode != 0o755 {
		t.Errorf("attributes of an implied directory %+v", d)
	}
	w.restart()
	if w.at("shots/010/beauty.exr") != id || w.attr(id) != a {
		t.Error("identity or attributes have changed with a restart")
	}
	// The last name in an implied directory does not take it along.
	_, err := w.o.Remove(t.Context(), me, w.at("shots/010"), "beauty.exr")
	w.must(err)
	if got := w.list(w.at("shots/010")); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
}

func TestFilesAreObjects(t *testing.T) {
	w := newWorld(t)
	d := w.mkdir(w.root, "out")
	w.write(w.create(d, "a\tb"), 0, "text", nfs.FileSync)
	_, err := w.o.Symlink(t.Context(), me, d, "link", "a\tb", nfs.SetAttr{})
	w.must(err)
	if got := w.m.Keys(); !slices.Equal(got, []string{"out/", "out/a%09b", "out/link"}) {
		t.Fatalf("keys %q", got)
	}
	if w.object("out/a%09b") != "text" || w.object("out/link") != "a\tb" {
		t.Error("the objects hold something else")
	}
}

// Attributes that s3fs or rclone wrote are understood, and what else others wrote beside an object is kept.
func TestMetadataOfOthers(t *testing.T) {
	w := newWorld(t)
	p := blob.Props{
		Meta:    map[string]string{"mode": "33256", "uid": "1000", "mtime": "1600000000.5", "shot": "010"},
		Headers: blob.Headers{ContentType: "image/x-exr"},
	}
	_, err := w.m.Put(t.Context(), "a", strings.NewReader("x"), 1, p, blob.Cond{})
	w.must(err)
	id := w.at("a")
	if a := w.attr(id); a.Mode != 0o750 || a.UID != 1000 || a.Mtime != (nfs.Time{Sec: 1_600_000_000, Nsec: 500_000_000}) {
		t.Errorf("attributes %+v", a)
	}
	root := origin.Cred{}
	_, err = w.o.SetAttr(t.Context(), root, id, nfs.SetAttr{Mode: nfs.Set32(0o600)}, nil)
	w.must(err)
	_, err = w.o.Write(t.Context(), root, id, 1, []byte("y"), nfs.FileSync)
	w.must(err)
	_, err = w.o.Rename(t.Context(), root, w.root, "a", w.root, "b")
	w.must(err)
	obj, err := w.m.Head(t.Context(), "b")
	w.must(err)
	if obj.Props.Meta["shot"] != "010" || obj.Props.Headers != p.Headers || w.object("b") != "xy" || w.at("b") != id {
		t.Errorf("what is left is %+v", obj.Props)
	}
}

// An object that somebody else put in place of a file is another file; one put over the data of a file that is being
// written is never overwritten.
func TestForeignOverwrite(t *testing.T) {
	w := newWorld(t)
	id := w.create(w.root, "a")
	w.write(id, 0, "ours", nfs.FileSync)
	before := w.attr(w.root)
	w.write(id, 0, "staged", nfs.Unstable)
	verf := w.write(id, 0, "STAGED", nfs.Unstable)
	w.foreign("a", "theirs")
	if _, err := w.commit(id); !origin.IsGone(err) {
		t.Errorf("commit over a foreign object: %v", err)
	}
	if w.object("a") != "theirs" {
		t.Error("a foreign object was overwritten")
	}
	other := w.at("a")
	if other == id {
		t.Error("another object has the identity of the file")
	}
	w.content(other, "theirs")
	if now := w.write(other, 0, "x", nfs.Unstable); now == verf {
		t.Error("the write verifier is the same although staged data were dropped")
	}
	if after := w.attr(w.root); after.Ctime == before.Ctime {
		t.Error("the directory says that nothing has changed")
	}
}

// Somebody with our metadata in hand (a copy of the object onto itself, or another filer) changes the same file.
func TestForeignChangeOfTheSameFile(t *testing.T) {
	w := newWorld(t)
	id := w.create(w.root, "a")
	w.write(id, 0, "one", nfs.FileSync)
	before := w.attr(id)
	obj, err := w.m.Head(t.Context(), "a")
	w.must(err)
	w.write(id, 0, "two", nfs.Unstable)
	_, err = w.m.Put(t.Context(), "a", strings.NewReader("new"), 3, obj.Props, blob.Cond{})
	w.must(err)
	if _, err := w.commit(id); origin.KindOf(err) != fault.Conflict {
		t.Errorf("commit over a foreign change: %v", err)
	}
	if w.at("a") != id {
		t.Error("the file has another identity")
	}
	w.content(id, "new")
	if after := w.attr(id); after.Pre() == before.Pre() {
		t.Errorf("the change does not show: %+v", after)
	}
}

// A copy of an object with all its metadata is another file.
func TestForeignCopy(t *testing.T) {
	w := newWorld(t)
	id := w.create(w.root, "a")
	obj, err := w.m.Head(t.Context(), "a")
	w.must(err)
	_, err = w.m.Put(t.Context(), "b", strings.NewReader(""), 0, obj.Props, blob.Cond{})
	w.must(err)
	if w.at("b") == id || w.at("a") != id {
		t.Error("a copy has the identity of its source")
	}
}

// What was derived for an object that has moved or gone is not derived again for its successor.
func TestDerivedIdentitiesAreNotReused(t *testing.T) {
	w := newWorld(t)
	w.m.ContentTags = true
	seen := map[origin.ID]string{}
	note := func(what string, id origin.ID) {
		if was, ok := seen[id]; ok {
			t.Errorf("%s has the identity of %s", what, was)
		}
		seen[id] = what
	}
	w.foreign("a", "same")
	w.foreign("d/x", "")
	note("first", w.at("a"))
	note("first directory", w.at("d"))
	_, err := w.o.Rename(t.Context(), me, w.root, "a", w.root, "b")
	w.must(err)
	_, err = w.o.Rename(t.Context(), me, w.root, "d", w.root, "e")
	w.must(err)
	w.foreign("a", "same")
	w.foreign("d/x", "")
	note("second", w.at("a"))
	note("second directory", w.at("d"))
	_, err = w.o.Remove(t.Context(), me, w.root, "a")
	w.must(err)
	w.restart()
	w.foreign("a", "same")
	note("third", w.at("a"))
	if seen[w.at("b")] != "first" || seen[w.at("e")] != "first directory" {
		t.Error("a rename has changed an identity")
	}
}

func TestForeignNamesShowInTheDirectory(t *testing.T) {
	w := newWorld(t)
	d := w.mkdir(w.root, "d")
	at := w.attr(d)
	step := func(what string, changed bool) {
		t.Helper()
		now := w.attr(d)
		if (now.Ctime != at.Ctime) != changed {
			t.Errorf("%s: from %v to %v", what, at.Ctime, now.Ctime)
		}
		if now.Ctime.Before(at.Ctime) {
			t.Errorf("%s: time goes backward", what)
		}
		at = now
	}
	step("nothing", false)
	w.foreign("d/a", "1")
	step("a new name", true)
	w.foreign("d/a", "2")
	step("another object of that name", true)
	id := w.create(d, "b")
	step("a name of our own", true)
	w.write(id, 0, "x", nfs.FileSync)
	step("content of our own", false)
	_, err := w.o.SetAttr(t.Context(), me, id, nfs.SetAttr{Mode: nfs.Set32(0o600)}, nil)
	w.must(err)
	step("attributes of our own", false)
	w.must(w.m.Delete(t.Context(), "d/a", ""))
	step("a name is gone", true)
}

// A reader sees one version or another, never a mixture.
func TestReadsAreNotTorn(t *testing.T) {
	w := newWorld(t)
	w.foreign("a", strings.Repeat("1", 1000))
	id := w.at("a")
	store := &breaking{Store: w.m, limit: 300, onBreak: func() { w.foreign("a", strings.Repeat("2", 1000)) }}
	o := open(t, store, func(c *blob.Config) { c.Dir, c.Places = t.TempDir(), w.places })
	buf := make([]byte, 1000)
	r, err := o.Read(t.Context(), me, id, 0, buf)
	if origin.KindOf(err) != fault.Unavailable || r.N != 300 {
		t.Errorf("a read over a replaced object: %d bytes, %v", r.N, err)
	}
	store.onBreak, store.broken = nil, false
	id, err = func() (origin.ID, error) {
		n, _, err := o.Lookup(t.Context(), me, w.root, "a")
		return n.ID, err
	}()
	w.must(err)
	r, err = o.Read(t.Context(), me, id, 0, buf)
	if err != nil || r.N != 1000 || string(buf) != strings.Repeat("2", 1000) {
		t.Errorf("a read over a broken line: %d bytes, %v", r.N, err)
	}
}

type ctx = context.Context

// breaking cuts the first body off.
type breaking struct {
	blob.Store
	limit   int64
	onBreak func()
	broken  bool
}

func (b *breaking) Get(ctx ctx, key string, off, n int64, match string) (blob.Object, io.ReadCloser, error) {
	obj, body, err := b.Store.Get(ctx, key, off, n, match)
	if err != nil || b.broken {
		return obj, body, err
	}
	b.broken = true
	return obj, io.NopCloser(io.MultiReader(io.LimitReader(body, b.limit), &breakingReader{b})), nil
}

type breakingReader struct{ b *breaking }

func (r *breakingReader) Read([]byte) (int, error) {
	if r.b.onBreak != nil {
		r.b.onBreak()
	}
	return 0, errors.New("connection reset")
}

// A file and a directory of one name, which only others can make: the file has it.
func TestFileAndDirectoryOfOneName(t *testing.T) {
	w := newWorld(t)
	w.m.PageSize = 2
	for _, key := range []string{"a", "a b", "a-", "a.x", "a.y/z", "a/below", "b"} {
		w.foreign(key, key)
	}
	if got := w.list(w.root); !slices.Equal(got, []string{"a", "a b", "a-", "a.x", "a.y", "b"}) {
		t.Errorf("the listing is %q", got)
	}
	w.content(w.at("a"), "a")
}

func TestThousandsOfNames(t *testing.T) {
	w := newWorld(t)
	want := map[string]bool{}
	for i := range 4321 {
		name := fmt.Sprintf("frame.%05d.exr", i*7)
		w.foreign("big/"+name, "x")
		want[name] = true
	}
	dir := w.at("big")
	page, err := w.o.ReadDir(t.Context(), me, dir, origin.Cookie{}, true)
	w.must(err)
	if page.EOF || len(page.Entries) != 1000 {
		t.Fatalf("the first page has %d entries", len(page.Entries))
	}
	heads := w.m.Calls("head")
	w.restart() // the cookie is good all the same
	got := map[string]bool{}
	for _, e := range page.Entries {
		got[e.Name] = true
	}
	for !page.EOF {
		page, err = w.o.ReadDir(t.Context(), me, dir, page.Next, true)
		w.must(err)
		for _, e := range page.Entries {
			if got[e.Name] {
				t.Fatalf("%s is listed twice", e.Name)
			}
			got[e.Name] = true
		}
	}
	if !maps.Equal(got, want) {
		t.Fatalf("%d names", len(got))
	}
	if !page.Dir.Present || page.Dir.Attr.Pre() != pre(w.attr(dir)) {
		t.Errorf("the last page says %+v", page.Dir)
	}
	before := w.m.Calls("head") - heads
	w.list(dir)
	if again := w.m.Calls("head") - heads - before; again > 1100 { // the page that the process before the restart had asked for
		t.Errorf("%d objects were asked for again", again)
	}
	if _, err := w.o.ReadDir(t.Context(), me, dir, origin.Cookie{At: 17}, false); !errors.Is(err, nfs.ErrBadCookie) {
		t.Errorf("a cookie of no page: %v", err)
	}
}

func pre(a nfs.Attr) nfs.PreAttr { return a.Pre() }

func TestLongKeys(t *testing.T) {
	w := newWorld(t)
	dir := w.root
	for range 4 {
		dir = w.mkdir(dir, strings.Repeat("d", 250))
	}
	_, err := w.o.Create(t.Context(), me, dir, strings.Repeat("f", 30), origin.CreateHow{})
	w.want(err, nfs.ErrNameTooLong)
	w.create(dir, "short")
	_, err = w.o.Rename(t.Context(), me, w.root, strings.Repeat("d", 250), w.root, strings.Repeat("e", 255))
	w.must(err)
	w.create(w.root, "x")
	_, err = w.o.Create(t.Context(), me, w.root, strings.Repeat("\xff", 255), origin.CreateHow{})
	w.must(err)
	top := strings.Repeat("e", 255)
	up := w.mkdir(w.root, "up")
	_, err = w.o.Rename(t.Context(), me, w.root, top, up, strings.Repeat("g", 255))
	w.must(err)
	_, err = w.o.Rename(t.Context(), me, up, strings.Repeat("g", 255), up, strings.Repeat("\n", 200))
	w.want(err, nfs.ErrNameTooLong)
	w.at("up/" + strings.Repeat("g", 255) + "/" + strings.Repeat("d", 250))
}
