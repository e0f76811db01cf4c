package filer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// far is a filer that writes names back in an hour, over an NFS server in memory, and a client of each.
type far struct {
	*running
	t    *testing.T
	fs   *nfstest.FS
	up   *nfstest.Server // of fs
	nas  *client         // of the server
	c    *client         // of the filer
	down atomic.Bool
}

func newFar(t *testing.T) *far {
	t.Helper()
	x := &far{t: t, fs: nfstest.New()}
	x.fs.Intercept = func(nfs.Proc, *nfs.Request) nfs.Status {
		if x.down.Load() {
			return nfs.ErrJukebox
		}
		return nfs.OK
	}
	x.up = nfstest.Start(t, x.fs)
	x.nas = dial(t, x.up.Addr, "/")
	x.running = start(t, backConfig(Export{
		Path: "/nas", Origin: remote(t, x.up.Addr, "/"), Verify: time.Hour, WriteBack: time.Hour, LocalDirectories: true,
	}))
	x.c = dial(t, x.addr, "/nas")
	x.c.make(x.c.root, "first") // from it the filer learns whom the server takes the caller for
	return x
}

func (c *client) mkdir(dir nfs.Handle, name string) nfs.Handle {
	c.t.Helper()
	r, err := c.Mkdir(c.t.Context(), nil, nfs.MkdirArgs{Dir: dir, Name: name, Attr: nfs.SetAttr{Mode: nfs.Set32(0o755)}})
	if err != nil {
		c.t.Fatalf("mkdir %s: %v", name, err)
	}
	return r.Object.Handle
}

func (c *client) wantNames(dir nfs.Handle, want ...string) {
	c.t.Helper()
	want = slices.Sorted(slices.Values(want))
	if got := c.names(dir); !slices.Equal(got, want) {
		c.t.Errorf("names: %v, want %v", got, want)
	}
}

// made counts what the server was asked to make.
func (x *far) made() int64 {
	return x.fs.Calls(nfs.ProcCreate) + x.fs.Calls(nfs.ProcMkdir) + x.fs.Calls(nfs.ProcSymlink)
}

// landAll brings everything to the server.
func (x *far) landAll() {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 20*time.Second)
	defer cancel()
	x.wb.landAll(ctx, x.wb.all())
	if err := x.wb.names.bringAll(ctx, x.wb.names.all(nil)); err != nil {
		x.t.Fatal(err)
	}
	if all, err := x.Unlanded(); err != nil || len(all) != 0 {
		x.t.Errorf("unlanded: %+v, %v; want none", all, err)
	}
}

// What is made is there at once for every client, and at the server later, under the same handles and numbers.
func TestNamesAreWrittenBack(t *testing.T) {
	x := newFar(t)
	before, dirBefore := x.made(), x.c.attr(x.c.root)
	shots := x.c.mkdir(x.c.root, "shots")
	shot := x.c.mkdir(shots, "010")
	frame := x.c.make(shot, "frame.exr")
	x.c.put(frame, 0, []byte("pixels"), nfs.FileSync)
	x.c.put(frame, 6, []byte(" and more"), nfs.Unstable)
	if _, err := x.c.Symlink(t.Context(), nil, nfs.SymlinkArgs{Dir: shot, Name: "latest", Target: "frame.exr"}); err != nil {
		t.Fatal(err)
	}
	x.c.make(shot, "empty")
	if n := x.made(); n != before {
		t.Fatalf("the server was asked to make %d things", n-before)
	}

	other := dial(t, x.addr, "/nas")
	at := other.look(other.look(other.root, "shots"), "010")
	if other.look(at, "frame.exr") != frame {
		t.Error("another client gets another handle")
	}
	other.wantContent(frame, []byte("pixels and more"))
	link, err := other.Readlink(t.Context(), nil, nfs.ReadlinkArgs{Object: other.look(at, "latest")})
	if err != nil || link.Target != "frame.exr" {
		t.Errorf("readlink: %v, %v", link.Target, err)
	}
	if _, err := other.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: at, Name: "nothing"}); !errors.Is(err, nfs.ErrNoEnt) {
		t.Errorf("lookup of nothing: %v", err)
	}
	if a := x.c.attr(x.c.root); !dirBefore.Mtime.Before(a.Mtime) || a.Nlink != dirBefore.Nlink+1 {
		t.Errorf("the directory: %+v, before %+v", a, dirBefore)
	}
	if _, err := x.c.Mkdir(t.Context(), nil, nfs.MkdirArgs{Dir: x.c.root, Name: "shots"}); !errors.Is(err, nfs.ErrExist) {
		t.Errorf("mkdir again: %v", err)
	}
	if n := x.made(); n != before {
		t.Fatalf("the server was asked to make %d things", n-before)
	}
	was := x.c.attr(frame)

	x.landAll()
	there := x.nas.look(x.nas.look(x.nas.root, "shots"), "010")
	x.nas.wantNames(there, "frame.exr", "latest", "empty")
	x.nas.wantContent(x.nas.look(there, "frame.exr"), []byte("pixels and more"))
	if a, b := x.c.attr(frame), x.nas.attr(x.nas.look(there, "frame.exr")); a.FileID != was.FileID || a.Mtime != was.Mtime || b.Mtime != was.Mtime {
		t.Errorf("the file: %+v, before %+v, at the server %+v", a, was, b)
	}
	if a := x.nas.attr(x.nas.look(there, "empty")); a.Mode != 0o644 || a.Mtime != x.c.attr(x.c.look(shot, "empty")).Mtime {
		t.Errorf("the empty file at the server: %+v", a)
	}
	x.c.wantNames(shot, "frame.exr", "latest", "empty")
	x.crash()
	x.c = dial(t, x.addr, "/nas")
	if a := x.c.attr(frame); a.FileID != was.FileID {
		t.Errorf("the file after a restart: %+v, before %+v", a, was)
	}
	if x.c.look(x.c.look(x.c.look(x.c.root, "shots"), "010"), "frame.exr") != frame {
		t.Error("another handle after a restart")
	}
}

// What was acknowledged survives a crash, with its handle; the repeat of an exclusive CREATE is known for one.
func TestUnlandedNamesSurviveCrash(t *testing.T) {
	x := newFar(t)
	dir := x.c.mkdir(x.c.root, "d")
	h := x.c.make(dir, "a")
	x.c.put(h, 0, []byte("stable"), nfs.FileSync)
	only := nfs.CreateArgs{Dir: dir, Name: "only", How: nfs.Exclusive, Verifier: nfs.Verifier{1, 2, 3}}
	first, err := x.c.Create(t.Context(), nil, only)
	if err != nil {
		t.Fatal(err)
	}
	guarded := nfs.CreateArgs{Dir: dir, Name: "guarded", How: nfs.Guarded}
	mkdir := nfs.MkdirArgs{Dir: dir, Name: "sub"}
	answers := [2]nfs.NewResult{}
	x.repeat(&answers, &guarded, &mkdir)
	mode := nfs.SetattrArgs{Object: first.Object.Handle, Attr: nfs.SetAttr{Mode: nfs.Set32(0o640)}}
	if _, err := x.c.Setattr(t.Context(), nil, mode); err != nil {
		t.Fatal(err)
	}
	before := x.made()
	for round := range 3 {
		x.crash()
		x.c = dial(t, x.addr, "/nas")
		x.c.wantContent(h, []byte("stable"))
		if x.c.look(x.c.look(x.c.root, "d"), "a") != h {
			t.Errorf("round %d: another handle", round)
		}
		if again, err := x.c.Create(t.Context(), nil, only); err != nil || again.Object != first.Object {
			t.Errorf("round %d: repeat: %v", round, err)
		}
		again := answers
		if x.repeat(&again, &guarded, &mkdir); again != answers {
			t.Errorf("round %d: repeats are answered %+v, before %+v", round, again, answers)
		}
		other := only
		other.Verifier = nfs.Verifier{9}
		if _, err := x.c.Create(t.Context(), nil, other); !errors.Is(err, nfs.ErrExist) {
			t.Errorf("round %d: somebody else's exclusive CREATE: %v", round, err)
		}
		switch round {
		case 0:
			if n := x.made(); n != before {
				t.Fatalf("the server was asked to make %d things", n-before)
			}
		case 1:
			x.landAll()
		}
	}
	there := x.nas.look(x.nas.root, "d")
	x.nas.wantNames(there, "a", "only", "guarded", "sub")
	x.nas.wantContent(x.nas.look(there, "a"), []byte("stable"))
	if a := x.nas.attr(x.nas.look(there, "only")); a.Mode != 0o640 {
		t.Errorf("mode at the server: %o", a.Mode)
	}
}

// repeat makes calls as a client does that got no answer: with the same numbers.
func (x *far) repeat(answers *[2]nfs.NewResult, file *nfs.CreateArgs, dir *nfs.MkdirArgs) {
	req := &nfs.Request{XID: 77, Client: netip.MustParseAddrPort("127.0.0.9:1000"), Auth: nfs.Sys("test", uint32(os.Getuid()), uint32(os.Getgid()))}
	answers[0], answers[1] = nfs.NewResult{}, nfs.NewResult{}
	x.create(x.t.Context(), req, file, &answers[0])
	x.mkdir(x.t.Context(), req, dir, &answers[1])
}

// While the server is away, things are made all the same, and listed.
func TestNamesWhileTheServerIsAway(t *testing.T) {
	x := newFar(t)
	x.c.wantNames(x.c.root, "first")
	x.up.Kill()
	for i := range 100 {
		x.c.put(x.c.make(x.c.root, fmt.Sprintf("f%02d", i)), 0, []byte{byte(i)}, nfs.Unstable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := x.wb.names.bringAll(ctx, x.wb.names.all(nil)); err == nil {
		t.Fatal("the server took something")
	}
	want := []string{"first"}
	for i := range 100 {
		want = append(want, fmt.Sprintf("f%02d", i))
	}
	x.c.wantNames(x.c.root, want...)
	x.up.Restart()
	x.landAll()
	x.c.wantNames(x.c.root, want...)
	x.nas.wantNames(x.nas.root, want...)
}

// What cannot land is listed behind what the server has, on pages of any size.
func TestListingOfNamesThatDoNotLand(t *testing.T) {
	x := newFar(t)
	x.c.wantNames(x.c.root, "first")
	x.fs.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcCreate {
			return nfs.ErrAcces
		}
		return nfs.OK
	}
	want := []string{"first"}
	for i := range 50 {
		want = append(want, fmt.Sprintf("f%02d", i))
		x.c.make(x.c.root, want[i+1])
	}
	x.c.wantNames(x.c.root, want...)
	all, err := x.Unlanded()
	if err != nil || len(all) != 50 || all[0].State != Failing || !strings.Contains(all[0].Reason, "permission denied") {
		t.Fatalf("unlanded: %d, %+v, %v", len(all), all[:min(len(all), 1)], err)
	}
	x.end(all[0].ID, DiscardUnlanded, "")
	x.c.wantNames(x.c.root, append(want[:1:1], want[2:]...)...)
	if _, err := x.c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: x.c.root, Name: "f00"}); !errors.Is(err, nfs.ErrNoEnt) {
		t.Errorf("lookup of what was discarded: %v", err)
	}
	x.fs.Intercept = nil
	x.landAll()
	x.nas.wantNames(x.nas.root, append(want[:1:1], want[2:]...)...)
}

// Somebody else has made the name meanwhile: a file of theirs keeps it, a directory is the same one.
func TestNameConflicts(t *testing.T) {
	x := newFar(t)
	h := x.c.make(x.c.root, "a")
	x.c.put(h, 0, []byte("ours"), nfs.FileSync)
	dir := x.c.mkdir(x.c.root, "d")
	x.c.put(x.c.make(dir, "ours"), 0, []byte("ours"), nfs.FileSync)
	x.nas.put(x.nas.make(x.nas.root, "a"), 0, []byte("theirs"), nfs.FileSync)
	x.nas.make(x.nas.mkdir(x.nas.root, "d"), "theirs")
	if receipts, errs := x.Flush(t.Context(), []string{"/nas/a"}); len(receipts) != 0 || !isConflict(errs[0].Err) {
		t.Fatalf("flush of a name that somebody else made: %v, %v", receipts, errs)
	}
	x.landAll()
	x.nas.wantContent(x.nas.look(x.nas.root, "a"), []byte("theirs"))
	x.nas.wantNames(x.nas.look(x.nas.root, "d"), "ours", "theirs")
	x.c.wantNames(dir, "ours", "theirs")
	x.c.wantContent(h, []byte("ours"))
	x.c.wantContent(x.c.look(x.c.root, "a"), []byte("theirs"))
	var copies []string
	for _, name := range x.nas.names(x.nas.root) {
		if strings.HasPrefix(name, "a.conflict-cloud-") {
			copies = append(copies, name)
		}
	}
	if len(copies) != 1 {
		t.Fatalf("copies: %v", copies)
	}
	x.nas.wantContent(x.nas.look(x.nas.root, copies[0]), []byte("ours"))
	if s := x.Status().Dirty; s.Conflicts != 1 || s.Names != 0 {
		t.Errorf("status: %+v", s)
	}
}

// The directory is gone: what was made in it lands in the folder for such.
func TestNamesInDirectoryThatIsGone(t *testing.T) {
	x := newFar(t)
	dir := x.c.mkdir(x.c.root, "d")
	x.landAll()
	h := x.c.make(dir, "a")
	x.c.put(h, 0, []byte("ours"), nfs.FileSync)
	sub := x.c.mkdir(dir, "sub")
	x.c.put(x.c.make(sub, "b"), 0, []byte("too"), nfs.FileSync)
	if _, err := x.nas.Rmdir(t.Context(), nil, nfs.RemoveArgs{Dir: x.nas.root, Name: "d"}); err != nil {
		t.Fatal(err)
	}
	x.landAll()
	folder := x.nas.look(x.nas.root, conflictFolder)
	names := x.nas.names(folder)
	if len(names) != 2 || !strings.HasPrefix(names[0], "a.conflict-cloud-") || !strings.HasPrefix(names[1], "sub.conflict-cloud-") {
		t.Fatalf("names: %v", names)
	}
	x.nas.wantContent(x.nas.look(folder, names[0]), []byte("ours"))
	x.nas.wantContent(x.nas.look(x.nas.look(folder, names[1]), "b"), []byte("too"))
	x.c.wantContent(h, []byte("ours"))
}

// A reply that is lost is no conflict: the repeat knows its own work.
func TestLostRepliesOfNames(t *testing.T) {
	x := newFar(t)
	for _, kind := range []string{"file", "dir"} {
		name := "lost-" + kind
		var h nfs.Handle
		if kind == "file" {
			h = x.c.make(x.c.root, name)
		} else {
			h = x.c.mkdir(x.c.root, name)
		}
		op := x.wb.names.all(nil)[0]
		node, err := x.wb.names.make(t.Context(), op) // and nothing of it is kept
		if err != nil {
			t.Fatal(err)
		}
		x.crash()
		x.c = dial(t, x.addr, "/nas")
		x.landAll()
		ino, err := x.inode(op.inode)
		if err != nil || ino.oid() != node.ID {
			t.Errorf("%s: %v, %v", kind, ino, err)
		}
		x.table.put(ino)
		x.c.attr(h)
	}
	x.nas.wantNames(x.nas.root, "first", "lost-file", "lost-dir")
	if s := x.Status().Dirty; s.Conflicts != 0 {
		t.Errorf("conflicts: %+v", s)
	}
}

// After a fence nothing of the session is made any more.
func TestFenceOfNames(t *testing.T) {
	x := newFar(t)
	id, path, err := x.OpenSession("agent/n", "k", "/nas")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, x.addr, path)
	c.put(c.make(c.root, "full"), 0, []byte("data"), nfs.FileSync)
	c.make(c.root, "empty")
	dir := c.mkdir(c.root, "dir")
	c.make(dir, "in")
	x.down.Store(true)
	if _, err := x.Fence(t.Context(), id, "", "lost", nil); err != nil {
		t.Fatal(err)
	}
	x.down.Store(false)
	x.crash()
	x.c = dial(t, x.addr, "/nas")
	x.wb.wake()
	x.c.wantNames(x.c.root, "first")
	x.nas.wantNames(x.nas.root, "first")
	all, err := x.Unlanded()
	if err != nil || len(all) != 1 || all[0].State != SetAside || all[0].Path != "/nas/full" {
		t.Errorf("unlanded: %+v, %v", all, err)
	}
	if len(all) == 1 {
		out := x.end(all[0].ID, RetryUnlanded, "")
		x.nas.wantNames(x.nas.root, "first", strings.TrimPrefix(out.Copy, "/nas/"))
	}
}

// What is made and removed again costs the server nothing.
func TestRemovalOfUnlandedNames(t *testing.T) {
	x := newFar(t)
	before := x.made()
	dir := x.c.mkdir(x.c.root, "d")
	h := x.c.make(dir, "tmp")
	x.c.put(h, 0, []byte("scratch"), nfs.FileSync)
	if _, err := x.c.Rmdir(t.Context(), nil, nfs.RemoveArgs{Dir: x.c.root, Name: "d"}); !errors.Is(err, nfs.ErrNotEmpty) {
		t.Errorf("rmdir of a directory that is not empty: %v", err)
	}
	if _, err := x.c.Remove(t.Context(), nil, nfs.RemoveArgs{Dir: x.c.root, Name: "d"}); !errors.Is(err, nfs.ErrIsDir) {
		t.Errorf("remove of a directory: %v", err)
	}
	if _, err := x.c.Rmdir(t.Context(), nil, nfs.RemoveArgs{Dir: dir, Name: "tmp"}); !errors.Is(err, nfs.ErrNotDir) {
		t.Errorf("rmdir of a file: %v", err)
	}
	if _, err := x.c.Remove(t.Context(), nil, nfs.RemoveArgs{Dir: dir, Name: "tmp"}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: h}); !errors.Is(err, nfs.ErrStale) {
		t.Errorf("a removed file: %v", err)
	}
	x.c.put(x.c.make(dir, "tmp"), 0, []byte("again"), nfs.FileSync)
	x.c.wantContent(x.c.look(dir, "tmp"), []byte("again"))
	for _, r := range []nfs.RemoveArgs{{Dir: dir, Name: "tmp"}, {Dir: x.c.root, Name: "d"}} {
		remove := x.c.Remove
		if r.Name == "d" {
			remove = x.c.Rmdir
		}
		if _, err := remove(t.Context(), nil, r); err != nil {
			t.Fatal(err)
		}
	}
	x.crash()
	x.c = dial(t, x.addr, "/nas")
	x.landAll()
	x.c.wantNames(x.c.root, "first")
	if n := x.made(); n != before || x.fs.Calls(nfs.ProcRemove)+x.fs.Calls(nfs.ProcRmdir) != 0 {
		t.Errorf("the server was asked to make %d things", n-before)
	}
	if s := x.Status().Dirty; s.Files != 0 || s.Bytes != 0 || s.Names != 0 {
		t.Errorf("status: %+v", s)
	}
}

// Operations that go to the server at once find there what they need.
func TestChangesOfUnlandedNames(t *testing.T) {
	x := newFar(t)
	dir := x.c.mkdir(x.c.root, "d")
	x.c.put(x.c.make(dir, "tmp"), 0, []byte("frame"), nfs.FileSync)
	if _, err := x.c.Rename(t.Context(), nil, nfs.RenameArgs{FromDir: dir, FromName: "tmp", ToDir: x.c.root, ToName: "final"}); err != nil {
		t.Fatal(err)
	}
	x.nas.wantContent(x.nas.look(x.nas.root, "final"), []byte("frame"))
	x.c.make(dir, "a")
	if _, err := x.c.Rmdir(t.Context(), nil, nfs.RemoveArgs{Dir: x.c.root, Name: "d"}); !errors.Is(err, nfs.ErrNotEmpty) {
		t.Errorf("rmdir of a directory that is not empty: %v", err)
	}
	x.landAll()
	if _, err := x.c.Remove(t.Context(), nil, nfs.RemoveArgs{Dir: dir, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.c.Rmdir(t.Context(), nil, nfs.RemoveArgs{Dir: x.c.root, Name: "d"}); err != nil {
		t.Fatal(err)
	}
	h := x.c.make(x.c.root, "b")
	if _, err := x.c.Link(t.Context(), nil, nfs.LinkArgs{Object: h, Dir: x.c.root, Name: "b2"}); err != nil {
		t.Fatal(err)
	}
	if x.c.look(x.c.root, "b2") != h {
		t.Error("the link is another file")
	}
	x.landAll()
	x.nas.wantNames(x.nas.root, "first", "final", "b", "b2")
	x.c.wantNames(x.c.root, "first", "final", "b", "b2")
}
