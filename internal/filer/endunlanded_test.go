package filer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/nfs"
)

// only returns the one file that has not landed.
func (r *running) only() Unlanded {
	r.t.Helper()
	all, err := r.Unlanded()
	if err != nil || len(all) != 1 {
		r.t.Fatalf("unlanded: %+v, %v; want one", all, err)
	}
	return all[0]
}

func (r *running) end(id string, how UnlandedEnd, folder string) Ended {
	r.t.Helper()
	out, err := r.EndUnlanded(r.t.Context(), id, how, folder, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *running) wantNothingUnlanded() {
	r.t.Helper()
	if all, err := r.Unlanded(); err != nil || len(all) != 0 {
		r.t.Errorf("unlanded: %+v, %v; want none", all, err)
	}
}

func wantFile(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v; want %q", name, got, err, want)
	}
}

func TestRetryWhatFails(t *testing.T) {
	o, f, c := backFiler(t)
	c.put(c.make(c.root, "a"), 0, []byte("dirty"), nfs.FileSync)
	if u := f.only(); u.Path != "/nas/a" || u.State != Waiting || u.Size != 5 || u.Bytes != 5 || u.First.IsZero() || u.Reason != "" {
		t.Errorf("before a try: %+v", u)
	}
	o.set(0, true)
	if _, err := f.EndUnlanded(t.Context(), f.only().ID, RetryUnlanded, "", "test"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("retry while the storage is away: %v", err)
	}
	if u := f.only(); u.State != Failing || u.Tries == 0 || !strings.Contains(u.Reason, "does not answer") {
		t.Errorf("after a failure: %+v", u)
	}
	o.set(0, false)
	if out := f.end(f.only().ID, RetryUnlanded, ""); out.Path != "/nas/a" || out.Copy != "" {
		t.Errorf("retry: %+v", out)
	}
	f.wantNothingUnlanded()
	if got := string(o.listing()["a"]); got != "dirty" {
		t.Errorf("the storage has %q", got)
	}
}

// What is rescued is the file as clients saw it, with the storage's bytes where nobody wrote.
func TestRescue(t *testing.T) {
	o, f, c := backFiler(t)
	folder := t.TempDir()
	h := c.make(c.root, "a")
	c.put(h, 0, []byte("0123456789"), nfs.FileSync)
	f.end(f.only().ID, RetryUnlanded, "")
	c.put(h, 3, []byte("XY"), nfs.FileSync)
	before := f.wb.verifier()
	if out := f.end(f.only().ID, RescueUnlanded, folder); out.Copy != filepath.Join(folder, "a") || out.Missing != 0 {
		t.Errorf("rescue: %+v", out)
	}
	wantFile(t, filepath.Join(folder, "a"), "012XY56789")
	f.wantNothingUnlanded()
	c.wantContent(h, []byte("0123456789"))
	if f.wb.verifier() == before {
		t.Error("unstable data was given up, and clients are not told")
	}
	c.put(h, 3, []byte("Z"), nfs.FileSync) // a second copy does not go over the first
	out := f.end(f.only().ID, RescueUnlanded, folder)
	wantFile(t, out.Copy, "012Z456789")
	wantFile(t, filepath.Join(folder, "a"), "012XY56789")
	if got := string(o.listing()["a"]); got != "0123456789" {
		t.Errorf("the storage has %q", got)
	}
}

// A crash restarts a filer that knows nothing of a file but what is dirty. If somebody changes the storage's version in
// place, its bytes are not passed off for ours.
func TestRescueOfHalfAFile(t *testing.T) {
	o, f, c := backFiler(t)
	folder := t.TempDir()
	h := c.make(c.root, "a")
	c.put(h, 0, []byte("0123456789"), nfs.FileSync)
	f.end(f.only().ID, RetryUnlanded, "")
	c.put(h, 3, []byte("XY"), nfs.FileSync)
	f.crash()
	o.foreign("a", 0, []byte("##########"))
	if out := f.end(f.only().ID, RescueUnlanded, folder); out.Missing != 8 {
		t.Errorf("rescue: %+v", out)
	}
	wantFile(t, filepath.Join(folder, "a"), "\x00\x00\x00XY\x00\x00\x00\x00\x00")
	f.crash()
	f.wantNothingUnlanded()
}

// What a fence set aside lands beside its name when somebody wants it, or not at all.
func TestEndsOfWhatWasSetAside(t *testing.T) {
	o, f, _ := backFiler(t)
	aside := func(key, name string) (id string) {
		t.Helper()
		session, path, err := f.OpenSession("agent/n", key, "/nas")
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, f.addr, path)
		c.put(c.make(c.root, name), 0, []byte("dirty"), nfs.FileSync)
		o.set(0, true)
		if _, err := f.Fence(t.Context(), session, "", "lost", nil); err != nil {
			t.Fatal(err)
		}
		o.set(0, false)
		u := f.only()
		if u.State != SetAside || u.Path != "/nas/"+name || u.Bytes != 5 || !strings.Contains(u.Reason, "lost") {
			t.Errorf("set aside: %+v", u)
		}
		return u.ID
	}
	id := aside("k1", "a")
	f.crash()
	out := f.end(id, RetryUnlanded, "")
	if !strings.HasPrefix(out.Copy, "/nas/a.conflict-") {
		t.Fatalf("retry: %+v", out)
	}
	if have := o.listing(); string(have[filepath.Base(out.Copy)]) != "dirty" || len(have["a"]) != 0 {
		t.Errorf("the storage has %q", have)
	}
	if _, err := f.EndUnlanded(t.Context(), id, DiscardUnlanded, "", "test"); fault.KindOf(err) != fault.NotFound || !errors.Is(err, errNoUnlanded) {
		t.Errorf("a second end: %v", err)
	}
	id = aside("k2", "b")
	asides, err := f.Asides()
	if err != nil || len(asides) != 1 {
		t.Fatal(asides, err)
	}
	data := filepath.Join(f.cfg.CacheDir, asides[0].File)
	wantFile(t, data, "dirty")
	f.end(id, DiscardUnlanded, "")
	f.crash() // a start removes what belongs to nobody
	f.wantNothingUnlanded()
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was discarded is still on the disk: %v", err)
	}
}

func TestEndsThatCannotBe(t *testing.T) {
	_, f, c := backFiler(t)
	c.put(c.make(c.root, "a"), 0, []byte("dirty"), nfs.FileSync)
	id := f.only().ID
	for _, x := range []struct {
		id, folder string
		how        UnlandedEnd
		want       fault.Kind
	}{
		{"none", "", DiscardUnlanded, fault.NotFound},
		{"", "", RetryUnlanded, fault.NotFound},
		{id, "relative", RescueUnlanded, fault.Invalid},
		{id, filepath.Join(t.TempDir(), "none"), RescueUnlanded, fault.Invalid},
	} {
		if _, err := f.EndUnlanded(t.Context(), x.id, x.how, x.folder, "test"); fault.KindOf(err) != x.want {
			t.Errorf("%q to %q: %v, want %v", x.id, x.folder, err, x.want)
		}
	}
	if u := f.only(); u.State != Waiting {
		t.Errorf("afterwards: %+v", u)
	}
}

func asServer(ctx context.Context) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{Subject: identity.Subject{Role: identity.RoleServer, Name: "s"}})
}

// People on the filer's machine list and end over the local socket; from elsewhere nothing is written to its disks.
func TestDirtyOverTheControlService(t *testing.T) {
	_, f, c := backFiler(t)
	c.put(c.make(c.root, "a"), 0, []byte("dirty"), nfs.FileSync)
	l, err := f.listenLocal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serveHTTP(ctx, l, f.local()) }()
	defer func() { cancel(); <-served }()
	client, hangUp := DialLocal(f.cfg.CacheDir)
	defer hangUp()
	list, err := client.ListUnlanded(t.Context(), connect.NewRequest(&filerv1.ListUnlandedRequest{}))
	if err != nil || list.Msg.Total != 1 || list.Msg.Files[0].State != filerv1.UnlandedFile_STATE_WAITING {
		t.Fatal(list, err)
	}
	folder := t.TempDir()
	rescue := &filerv1.EndUnlandedRequest{Id: list.Msg.Files[0].Id, Action: filerv1.EndUnlandedRequest_ACTION_RESCUE, Folder: folder}
	remote := control{f.Filer, false}
	if _, err := remote.EndUnlanded(asServer(t.Context()), connect.NewRequest(rescue)); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("a rescue from elsewhere: %v", err)
	}
	out, err := client.EndUnlanded(t.Context(), connect.NewRequest(rescue))
	if err != nil || out.Msg.Path != "/nas/a" {
		t.Fatal(out, err)
	}
	wantFile(t, out.Msg.Copy, "dirty")
}
