// Package origintest is what every origin must do. Each implementation runs the suite over itself.
package origintest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Run runs the suite. open returns an empty origin for one test and cleans up after it.
func Run(t *testing.T, open func(t *testing.T) origin.Origin) {
	for _, c := range []struct {
		name string
		fn   func(*testing.T, suite)
	}{
		{"create and read", testCreateRead}, {"create modes", testCreateModes}, {"write at the end", testSparse},
		{"setattr", testSetAttr}, {"guard", testGuard}, {"directories", testDirectories}, {"listing", testListing}, {"places", testPlaces},
		{"rename", testRename}, {"hard links", testLinks}, {"symlinks", testSymlinks}, {"special files", testSpecial}, {"remove", testRemove},
		{"identity", testIdentity}, {"wcc chains", testWCC}, {"bad names", testBadNames}, {"bad identities", testBadIDs},
		{"access and limits", testLimits}, {"many at once", testConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := open(t)
			root, err := o.Root(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if root.Attr.Type != nfs.TypeDirectory {
				t.Fatalf("the root is a %v", root.Attr.Type)
			}
			c.fn(t, suite{t, o, root.ID, me()})
		})
	}
}

type suite struct {
	t    *testing.T
	o    origin.Origin
	root origin.ID
	as   origin.Cred
}

// me is the process itself, so that the suite runs without root too.
func me() origin.Cred { return origin.Cred{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())} }

func (s suite) ctx() context.Context { return s.t.Context() }

func (s suite) create(dir origin.ID, name string) origin.ID {
	s.t.Helper()
	made, err := s.o.Create(s.ctx(), s.as, dir, name, origin.CreateHow{Mode: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o640)}})
	if err != nil {
		s.t.Fatalf("create %s: %v", name, err)
	}
	if a := made.Node.Attr; a.Type != nfs.TypeRegular || a.Mode != 0o640 || a.Size != 0 {
		s.t.Fatalf("created %s as %+v", name, a)
	}
	return made.Node.ID
}

func (s suite) mkdir(dir origin.ID) origin.ID {
	s.t.Helper()
	made, err := s.o.MkDir(s.ctx(), s.as, dir, "d", nfs.SetAttr{Mode: nfs.Set32(0o755)})
	if err != nil {
		s.t.Fatalf("mkdir: %v", err)
	}
	return made.Node.ID
}

func (s suite) write(id origin.ID, off uint64, data []byte, how nfs.Stable) origin.WriteResult {
	s.t.Helper()
	r, err := s.o.Write(s.ctx(), s.as, id, off, data, how)
	if err != nil || r.N != len(data) || r.Committed < how {
		s.t.Fatalf("write: %d of %d bytes, committed %v, %v", r.N, len(data), r.Committed, err)
	}
	return r
}

func (s suite) attr(id origin.ID) nfs.Attr {
	s.t.Helper()
	a, err := s.o.GetAttr(s.ctx(), s.as, id)
	if err != nil {
		s.t.Fatalf("getattr: %v", err)
	}
	return a
}

func (s suite) state(id origin.ID) nfs.PreAttr {
	s.t.Helper()
	a := s.attr(id)
	return a.Pre()
}

func (s suite) lookup(dir origin.ID, name string) origin.ID {
	s.t.Helper()
	n, _, err := s.o.Lookup(s.ctx(), s.as, dir, name)
	if err != nil {
		s.t.Fatalf("lookup %s: %v", name, err)
	}
	return n.ID
}

func (s suite) want(err error, status nfs.Status) {
	s.t.Helper()
	if !errors.Is(err, status) {
		s.t.Errorf("got %v, want %v", err, status)
	}
}

func (s suite) content(id origin.ID, want []byte) {
	s.t.Helper()
	buf := make([]byte, len(want)+10)
	r, err := s.o.Read(s.ctx(), s.as, id, 0, buf)
	if err != nil || !bytes.Equal(buf[:r.N], want) || !r.EOF {
		s.t.Fatalf("read %d bytes, end %v, %v; want %d bytes", r.N, r.EOF, err, len(want))
	}
	if r.Attr.Size != uint64(len(want)) {
		s.t.Errorf("the read's attributes say %d bytes", r.Attr.Size)
	}
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func testCreateRead(t *testing.T, s suite) {
	id := s.create(s.root, "a")
	data := pattern(3<<20 - 5)
	s.write(id, 0, data[:1<<20], nfs.Unstable)
	s.write(id, 1<<20, data[1<<20:2<<20], nfs.DataSync)
	w := s.write(id, 2<<20, data[2<<20:], nfs.FileSync)
	c, err := s.o.Commit(s.ctx(), s.as, id, 0, 0)
	if err != nil || c.Verifier != w.Verifier {
		t.Fatalf("commit: verifier %x, writes had %x, %v", c.Verifier, w.Verifier, err)
	}
	s.content(id, data)
	buf := make([]byte, 100)
	r, err := s.o.Read(s.ctx(), s.as, id, 1000, buf)
	if err != nil || r.N != 100 || r.EOF || !bytes.Equal(buf, data[1000:1100]) {
		t.Errorf("a read in the middle: %d bytes, end %v, %v", r.N, r.EOF, err)
	}
	r, err = s.o.Read(s.ctx(), s.as, id, uint64(len(data))+7, buf)
	if err != nil || r.N != 0 || !r.EOF {
		t.Errorf("a read beyond the end: %d bytes, end %v, %v", r.N, r.EOF, err)
	}
	if got := s.lookup(s.root, "a"); got != id {
		t.Error("lookup and create give different identities")
	}
}

func testCreateModes(t *testing.T, s suite) {
	id := s.create(s.root, "a")
	s.write(id, 0, []byte("content"), nfs.FileSync)
	_, err := s.o.Create(s.ctx(), s.as, s.root, "a", origin.CreateHow{Mode: nfs.Guarded})
	s.want(err, nfs.ErrExist)
	made, err := s.o.Create(s.ctx(), s.as, s.root, "a", origin.CreateHow{Mode: nfs.Unchecked})
	if err != nil || made.Node.ID != id || made.Node.Attr.Size != 7 {
		t.Errorf("unchecked create of an existing file: %+v, %v", made, err)
	}
	made, err = s.o.Create(s.ctx(), s.as, s.root, "a", origin.CreateHow{Mode: nfs.Unchecked, Attr: nfs.SetAttr{Size: nfs.Set64(0)}})
	if err != nil || made.Node.ID != id || made.Node.Attr.Size != 0 {
		t.Errorf("unchecked create that truncates: %+v, %v", made, err)
	}
	s.mkdir(s.root)
	_, err = s.o.Create(s.ctx(), s.as, s.root, "d", origin.CreateHow{Mode: nfs.Unchecked})
	s.want(err, nfs.ErrExist)

	how := origin.CreateHow{Mode: nfs.Exclusive, Verifier: nfs.Verifier{1, 2, 3, 4, 5, 6, 7, 8}}
	first, err := s.o.Create(s.ctx(), s.as, s.root, "x", how)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.o.Create(s.ctx(), s.as, s.root, "x", how)
	if err != nil || again.Node.ID != first.Node.ID {
		t.Errorf("a repeated exclusive create: %v", err)
	}
	how.Verifier[0]++
	_, err = s.o.Create(s.ctx(), s.as, s.root, "x", how)
	s.want(err, nfs.ErrExist)
}

func testSparse(t *testing.T, s suite) {
	id := s.create(s.root, "a")
	s.write(id, 10, []byte("end"), nfs.FileSync)
	s.content(id, append(make([]byte, 10), "end"...))
}

func testSetAttr(t *testing.T, s suite) {
	id := s.create(s.root, "a")
	s.write(id, 0, pattern(100), nfs.FileSync)
	mtime := nfs.Time{Sec: 1_600_000_000}
	wcc, err := s.o.SetAttr(s.ctx(), s.as, id, nfs.SetAttr{Mode: nfs.Set32(0o600), Mtime: nfs.SetTimeTo(mtime), Size: nfs.Set64(40)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := s.attr(id)
	if a.Mode != 0o600 || a.Mtime != mtime || a.Size != 40 {
		t.Errorf("attributes %+v", a)
	}
	if !wcc.After.Present || wcc.After.Attr.Pre() != a.Pre() {
		t.Errorf("attributes after: %+v", wcc.After)
	}
	if _, err := s.o.SetAttr(s.ctx(), s.as, id, nfs.SetAttr{Size: nfs.Set64(60)}, nil); err != nil {
		t.Fatal(err)
	}
	s.content(id, append(pattern(40), make([]byte, 20)...))
}

func testGuard(t *testing.T, s suite) {
	id := s.create(s.root, "a")
	ctime := s.attr(id).Ctime
	if _, err := s.o.SetAttr(s.ctx(), s.as, id, nfs.SetAttr{Mode: nfs.Set32(0o600)}, &ctime); err != nil {
		t.Errorf("with the right guard: %v", err)
	}
	wrong := nfs.Time{Sec: 1}
	_, err := s.o.SetAttr(s.ctx(), s.as, id, nfs.SetAttr{Mode: nfs.Set32(0o644)}, &wrong)
	s.want(err, nfs.ErrNotSync)
	if s.attr(id).Mode != 0o600 {
		t.Error("a guarded change was made all the same")
	}
}

func testDirectories(t *testing.T, s suite) {
	d := s.mkdir(s.root)
	_, err := s.o.MkDir(s.ctx(), s.as, s.root, "d", nfs.SetAttr{})
	s.want(err, nfs.ErrExist)
	f := s.create(d, "f")
	_, err = s.o.RmDir(s.ctx(), s.as, s.root, "d")
	s.want(err, nfs.ErrNotEmpty)
	_, _, err = s.o.Lookup(s.ctx(), s.as, f, "x")
	s.want(err, nfs.ErrNotDir)
	_, after, err := s.o.Lookup(s.ctx(), s.as, d, "none")
	s.want(err, nfs.ErrNoEnt)
	if !after.Present {
		t.Error("a failed lookup says nothing of the directory")
	}
	up, _, err := s.o.Lookup(s.ctx(), s.as, d, "..")
	if err != nil || up.ID != s.root {
		t.Errorf("the directory above: %v", err)
	}
	_, err = s.o.Read(s.ctx(), s.as, d, 0, make([]byte, 10))
	s.want(err, nfs.ErrIsDir)
}

func (s suite) list(dir origin.ID, plus bool) map[string]origin.DirEntry {
	s.t.Helper()
	out := map[string]origin.DirEntry{}
	var at origin.Cookie
	for range 10_000 {
		p, err := s.o.ReadDir(s.ctx(), s.as, dir, at, plus)
		if err != nil {
			s.t.Fatalf("readdir: %v", err)
		}
		for _, e := range p.Entries {
			if _, twice := out[e.Name]; twice {
				s.t.Fatalf("%s is listed twice", e.Name)
			}
			out[e.Name] = e
		}
		if p.EOF {
			return out
		}
		at = p.Next
	}
	s.t.Fatal("the listing does not end")
	return nil
}

func testListing(t *testing.T, s suite) {
	if got := s.list(s.root, true); len(got) != 0 {
		t.Errorf("an empty folder lists %v", got)
	}
	n := 300
	if s.o.Caps().WholeObjects { // each name costs a listing there
		n = 100
	}
	want := map[string]origin.ID{}
	for i := range n {
		name := fmt.Sprintf("file-with-a-longer-name-%04d", i)
		want[name] = s.create(s.root, name)
	}
	for _, plus := range []bool{false, true} {
		got := s.list(s.root, plus)
		if len(got) != n {
			t.Fatalf("%d entries, want %d", len(got), n)
		}
		for name, id := range want {
			e, ok := got[name]
			if !ok {
				t.Fatalf("%s is not listed", name)
			}
			if plus && (e.Node == nil || e.Node.ID != id || e.Node.Attr.FileID != e.FileID) {
				t.Fatalf("%s is listed as %+v", name, e)
			}
		}
	}
}

// testPlaces reads on behind every entry, after another has gone, and after the entry itself has.
func testPlaces(t *testing.T, s suite) {
	if !s.o.Caps().StableCookies {
		t.Skip("the origin's cookies are good only while a directory is read")
	}
	for i := range 60 {
		s.create(s.root, fmt.Sprintf("name-%02d", i))
	}
	var names []string
	var cookies []uint64
	for at, eof := (origin.Cookie{}), false; !eof; {
		p, err := s.o.ReadDir(s.ctx(), s.as, s.root, at, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Entries {
			names, cookies = append(names, e.Name), append(cookies, e.Cookie)
		}
		at, eof = p.Next, p.EOF
	}
	if len(names) != 60 {
		t.Fatalf("%d names", len(names))
	}
	gone := map[string]bool{}
	behind := func(i int) string {
		p, err := s.o.ReadDir(s.ctx(), s.as, s.root, origin.Cookie{At: cookies[i]}, i%2 == 0)
		if err != nil {
			t.Fatalf("reading on behind %s: %v", names[i], err)
		}
		for _, e := range p.Entries {
			if !gone[e.Name] { // who reads on may still be told of what has gone
				return e.Name
			}
		}
		return ""
	}
	remove := func(i int) {
		if _, err := s.o.Remove(s.ctx(), s.as, s.root, names[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i+1 < len(names); i++ {
		if got := behind(i); got != names[i+1] {
			t.Fatalf("behind %s is %q, not %q", names[i], got, names[i+1])
		}
	}
	for i := 10; i < 40; i += 3 { // each third entry goes: those before and at it lead to the next that is there
		remove(i)
		gone[names[i]] = true
		for _, at := range []int{i - 1, i} {
			if got := behind(at); got != names[i+1] {
				t.Fatalf("behind %s is %q, not %q, without %s", names[at], got, names[i+1], names[i])
			}
		}
	}
}

func testRename(t *testing.T, s suite) {
	a, d := s.create(s.root, "a"), s.mkdir(s.root)
	old := s.create(d, "b")
	s.write(a, 0, []byte("new"), nfs.FileSync)
	if _, err := s.o.Rename(s.ctx(), s.as, s.root, "a", d, "b"); err != nil {
		t.Fatal(err)
	}
	if got := s.lookup(d, "b"); got != a {
		t.Error("the renamed file has another identity")
	}
	s.content(a, []byte("new"))
	_, _, err := s.o.Lookup(s.ctx(), s.as, s.root, "a")
	s.want(err, nfs.ErrNoEnt)
	_, err = s.o.GetAttr(s.ctx(), s.as, old)
	s.want(err, nfs.ErrStale)
	_, err = s.o.Rename(s.ctx(), s.as, s.root, "none", d, "c")
	s.want(err, nfs.ErrNoEnt)
	if _, err := s.o.Rename(s.ctx(), s.as, s.root, "d", s.root, "e"); err != nil {
		t.Fatal(err)
	}
	s.content(a, []byte("new")) // in a directory that was renamed
}

func testLinks(t *testing.T, s suite) {
	a := s.create(s.root, "a")
	r, err := s.o.Link(s.ctx(), s.as, a, s.root, "b")
	if !s.o.Caps().HardLinks {
		s.want(err, nfs.ErrNotSupp)
		if names := s.list(s.root, false); len(names) != 1 {
			t.Errorf("a link that was refused left %v", names)
		}
		return
	}
	if err != nil || r.File.Present && r.File.Attr.Nlink != 2 {
		t.Fatalf("link: %+v, %v", r, err)
	}
	if s.lookup(s.root, "b") != a {
		t.Error("a hard link has another identity")
	}
	if _, err := s.o.Remove(s.ctx(), s.as, s.root, "a"); err != nil {
		t.Fatal(err)
	}
	if got := s.attr(a); got.Nlink != 1 {
		t.Errorf("%d links are left", got.Nlink)
	}
}

func testSymlinks(t *testing.T, s suite) {
	a := s.create(s.root, "a")
	made, err := s.o.Symlink(s.ctx(), s.as, s.root, "l", "../some/where", nfs.SetAttr{})
	if err != nil || made.Node.Attr.Type != nfs.TypeSymlink {
		t.Fatalf("symlink: %+v, %v", made, err)
	}
	target, err := s.o.ReadLink(s.ctx(), s.as, made.Node.ID)
	if err != nil || target != "../some/where" {
		t.Errorf("readlink: %q, %v", target, err)
	}
	n, _, err := s.o.Lookup(s.ctx(), s.as, s.root, "l")
	if err != nil || n.Attr.Type != nfs.TypeSymlink {
		t.Errorf("a lookup followed the link: %+v, %v", n, err)
	}
	_, err = s.o.ReadLink(s.ctx(), s.as, a)
	s.want(err, nfs.ErrInval)
}

func testSpecial(t *testing.T, s suite) {
	made, err := s.o.MkNod(s.ctx(), s.as, s.root, "pipe", origin.Special{Type: nfs.TypeFIFO}, nfs.SetAttr{Mode: nfs.Set32(0o600)})
	if !s.o.Caps().SpecialFiles {
		s.want(err, nfs.ErrNotSupp)
		return
	}
	if err != nil || made.Node.Attr.Type != nfs.TypeFIFO {
		t.Fatalf("mknod: %+v, %v", made, err)
	}
	if _, err := s.o.Read(s.ctx(), s.as, made.Node.ID, 0, make([]byte, 1)); err == nil {
		t.Error("reading a pipe works") // it must not hang either
	}
	_, err = s.o.MkNod(s.ctx(), s.as, s.root, "no", origin.Special{Type: nfs.TypeRegular}, nfs.SetAttr{})
	s.want(err, nfs.ErrBadType)
}

func testRemove(t *testing.T, s suite) {
	a := s.create(s.root, "a")
	s.mkdir(s.root)
	if _, err := s.o.Remove(s.ctx(), s.as, s.root, "a"); err != nil {
		t.Fatal(err)
	}
	_, err := s.o.Remove(s.ctx(), s.as, s.root, "a")
	s.want(err, nfs.ErrNoEnt)
	_, err = s.o.GetAttr(s.ctx(), s.as, a)
	s.want(err, nfs.ErrStale)
	if _, err := s.o.Remove(s.ctx(), s.as, s.root, "d"); err == nil {
		t.Error("a directory was removed as a file")
	}
	if _, err := s.o.RmDir(s.ctx(), s.as, s.root, "d"); err != nil {
		t.Error(err)
	}
}

// A new file never gets the identity of a deleted one, even where the file system gives it the same inode number.
func testIdentity(t *testing.T, s suite) {
	seen := map[origin.ID]bool{}
	for range 20 {
		id := s.create(s.root, "a")
		if seen[id] {
			t.Fatal("an identity came twice")
		}
		if len(id) > origin.MaxID {
			t.Fatalf("an identity of %d bytes", len(id))
		}
		seen[id] = true
		if _, err := s.o.Remove(s.ctx(), s.as, s.root, "a"); err != nil {
			t.Fatal(err)
		}
	}
	for id := range seen {
		_, err := s.o.GetAttr(s.ctx(), s.as, id)
		s.want(err, nfs.ErrStale)
	}
}

// The states before and after successive changes connect, for a file and for a directory.
func testWCC(t *testing.T, s suite) {
	id := s.create(s.root, "a")
	at := s.state(id)
	step := func(what string, w nfs.WccData) {
		t.Helper()
		if !w.Before.Present || !w.After.Present {
			t.Fatalf("%s: no attributes", what)
		}
		if w.Before.Attr != at {
			t.Errorf("%s: before %+v, want %+v", what, w.Before.Attr, at)
		}
		at = w.After.Attr.Pre()
	}
	for i := range 20 {
		step("write", s.write(id, uint64(i), []byte("x"), nfs.Unstable).WCC)
	}
	w, err := s.o.SetAttr(s.ctx(), s.as, id, nfs.SetAttr{Mode: nfs.Set32(0o600)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	step("setattr", w)
	at = s.state(s.root)
	made, err := s.o.Create(s.ctx(), s.as, s.root, "b", origin.CreateHow{Mode: nfs.Guarded})
	if err != nil {
		t.Fatal(err)
	}
	step("create", made.Dir)
	if w, err = s.o.Remove(s.ctx(), s.as, s.root, "b"); err != nil {
		t.Fatal(err)
	}
	step("remove", w)
}

func testBadNames(t *testing.T, s suite) {
	for _, name := range []string{"", ".", "..", "a/b", "a\x00b", "../etc", string(bytes.Repeat([]byte("x"), 300))} {
		if _, err := s.o.Create(s.ctx(), s.as, s.root, name, origin.CreateHow{Mode: nfs.Guarded}); err == nil {
			t.Errorf("created %.20q", name)
		}
		if _, err := s.o.Remove(s.ctx(), s.as, s.root, name); err == nil {
			t.Errorf("removed %.20q", name)
		}
	}
	if got := s.list(s.root, false); len(got) != 0 {
		t.Errorf("bad names left %v", got)
	}
}

func testBadIDs(t *testing.T, s suite) {
	for _, id := range []origin.ID{"", "x", origin.ID(bytes.Repeat([]byte{1}, 37)), origin.ID(bytes.Repeat([]byte{2}, 21)), origin.ID(bytes.Repeat([]byte{0xff}, 200))} {
		if _, err := s.o.GetAttr(s.ctx(), s.as, id); !origin.IsGone(err) {
			t.Errorf("identity %x: %v", string(id), err)
		}
	}
}

func testLimits(t *testing.T, s suite) {
	id := s.create(s.root, "a")
	got, err := s.o.Access(s.ctx(), s.as, id, nfs.AccessRead|nfs.AccessModify)
	if err != nil || got != nfs.AccessRead|nfs.AccessModify {
		t.Errorf("access %x, %v", got, err)
	}
	if st, err := s.o.StatFS(s.ctx(), s.root); err != nil || st.TotalBytes == 0 {
		t.Errorf("statfs %+v, %v", st, err)
	}
	if p, err := s.o.PathConf(s.ctx(), s.root); err != nil || p.NameMax < 200 {
		t.Errorf("pathconf %+v, %v", p, err)
	}
	if s.o.Caps().Syncs {
		for _, x := range []origin.ID{id, s.root} {
			if err := s.o.Sync(s.ctx(), x); err != nil {
				t.Errorf("sync: %v", err)
			}
		}
	}
}

func testConcurrent(t *testing.T, s suite) {
	id := s.create(s.root, "shared")
	data := pattern(64 << 10)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			off := i * 4096
			if _, err := s.o.Write(s.ctx(), s.as, id, uint64(off), data[off:off+4096], nfs.Unstable); err != nil {
				t.Error(err)
			}
			if _, err := s.o.Create(s.ctx(), s.as, s.root, fmt.Sprintf("f%d", i), origin.CreateHow{Mode: nfs.Guarded}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.content(id, data)
	names := s.list(s.root, false)
	if len(names) != 17 || !slices.Contains(keys(names), "f7") {
		t.Errorf("%d names", len(names))
	}
}

func keys(m map[string]origin.DirEntry) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}
