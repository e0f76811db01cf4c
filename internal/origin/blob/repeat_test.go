package blob_test

import (
	"io"
	"testing"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/nfs"
)

type blobConfig = blob.Config

// repeating makes each call of a kind twice, as an SDK does when the first answer was lost.
type repeating struct {
	blob.Store
	call    string
	repeats int
}

func (r *repeating) Put(ctx ctx, key string, body io.ReadSeeker, size int64, p blob.Props, c blob.Cond) (blob.Object, error) {
	if r.call == "put" {
		r.repeats++
		if obj, err := r.Store.Put(ctx, key, body, size, p, c); err != nil {
			return obj, err
		}
		if _, err := body.Seek(0, io.SeekStart); err != nil {
			return blob.Object{}, err
		}
	}
	return r.Store.Put(ctx, key, body, size, p, c)
}

func (r *repeating) Copy(ctx ctx, from blob.Object, to string, p blob.Props, c blob.Cond) (blob.Object, error) {
	if r.call == "copy" {
		r.repeats++
		if obj, err := r.Store.Copy(ctx, from, to, p, c); err != nil {
			return obj, err
		}
	}
	return r.Store.Copy(ctx, from, to, p, c)
}

func (r *repeating) Complete(ctx ctx, key, id string, tags []string, p blob.Props, c blob.Cond) (blob.Object, error) {
	if r.call == "complete" {
		r.repeats++
		if obj, err := r.Store.Complete(ctx, key, id, tags, p, c); err != nil {
			return obj, err
		}
	}
	return r.Store.Complete(ctx, key, id, tags, p, c)
}

// An exclusive create is known again after a restart.
func TestExclusiveCreateSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	how := origin.CreateHow{Mode: nfs.Exclusive, Verifier: nfs.Verifier{1, 2, 3}}
	first, err := w.o.Create(t.Context(), me, w.root, "x", how)
	w.must(err)
	w.restart()
	again, err := w.o.Create(t.Context(), me, w.root, "x", how)
	w.must(err)
	if again.Node.ID != first.Node.ID {
		t.Error("another file")
	}
	how.Verifier[0]++
	_, err = w.o.Create(t.Context(), me, w.root, "x", how)
	w.want(err, nfs.ErrExist)
}

// Of two that create a name at once, one does.
func TestCreateRace(t *testing.T) {
	w := newWorld(t)
	w.m.Before = func(call, key string) error {
		if call == "put" && key == "a" {
			w.m.Before = nil
			w.foreign("a", "theirs")
		}
		return nil
	}
	_, err := w.o.Create(t.Context(), me, w.root, "a", origin.CreateHow{Mode: nfs.Guarded})
	w.want(err, nfs.ErrExist)
	w.content(w.at("a"), "theirs")
}

func TestPermissions(t *testing.T) {
	w := newWorld(t)
	root, user, other := origin.Cred{}, origin.Cred{UID: 1000, GID: 100}, origin.Cred{UID: 2000, GID: 200, GIDs: []uint32{100}}
	made, err := w.o.MkDir(t.Context(), root, w.root, "home", nfs.SetAttr{Mode: nfs.Set32(0o750), UID: nfs.Set32(1000), GID: nfs.Set32(100)})
	w.must(err)
	home := made.Node.ID
	made, err = w.o.Create(t.Context(), user, home, "f", origin.CreateHow{Attr: nfs.SetAttr{Mode: nfs.Set32(0o400)}})
	w.must(err)
	f := made.Node.ID
	if a := made.Node.Attr; a.UID != 1000 || a.GID != 100 {
		t.Errorf("made as %d:%d", a.UID, a.GID)
	}
	_, err = w.o.Write(t.Context(), user, f, 0, []byte("x"), nfs.FileSync)
	w.must(err) // the owner was checked at open only
	if got, _ := w.o.Access(t.Context(), user, f, nfs.AccessRead|nfs.AccessModify); got != nfs.AccessRead {
		t.Errorf("the owner's access to a read-only file is %x", got)
	}
	_, err = w.o.Read(t.Context(), other, f, 0, make([]byte, 1))
	w.want(err, nfs.ErrAcces)
	_, err = w.o.Create(t.Context(), other, home, "g", origin.CreateHow{})
	w.want(err, nfs.ErrAcces)
	_, err = w.o.ReadDir(t.Context(), other, home, origin.Cookie{}, false)
	w.must(err)
	_, err = w.o.SetAttr(t.Context(), other, f, nfs.SetAttr{Mode: nfs.Set32(0o777)}, nil)
	w.want(err, nfs.ErrPerm)
	_, err = w.o.SetAttr(t.Context(), user, f, nfs.SetAttr{UID: nfs.Set32(2000)}, nil)
	w.want(err, nfs.ErrPerm)
	_, err = w.o.SetAttr(t.Context(), root, home, nfs.SetAttr{Mode: nfs.Set32(0o1777)}, nil)
	w.must(err)
	_, err = w.o.Remove(t.Context(), other, home, "f")
	w.want(err, nfs.ErrPerm)
	_, err = w.o.MkNod(t.Context(), user, home, "dev", origin.Special{Type: nfs.TypeChar}, nfs.SetAttr{})
	w.want(err, nfs.ErrPerm)
	made, err = w.o.MkNod(t.Context(), root, home, "dev", origin.Special{Type: nfs.TypeChar, Device: nfs.Device{Major: 1, Minor: 3}}, nfs.SetAttr{})
	w.must(err)
	if a := w.attr(made.Node.ID); a.Type != nfs.TypeChar || a.Rdev != (nfs.Device{Major: 1, Minor: 3}) {
		t.Errorf("a device is %+v", a)
	}
}

// A directory's time that was set holds until names change.
func TestTimesOfDirectories(t *testing.T) {
	w := newWorld(t)
	d := w.mkdir(w.root, "d")
	w.create(d, "a")
	past := nfs.Time{Sec: 1_500_000_000, Nsec: 7}
	wcc, err := w.o.SetAttr(t.Context(), me, d, nfs.SetAttr{Mtime: nfs.SetTimeTo(past)}, nil)
	w.must(err)
	a := w.attr(d)
	if a.Mtime != past || wcc.After.Attr.Pre() != a.Pre() {
		t.Errorf("the directory says %+v, the change said %+v", a, wcc.After.Attr)
	}
	w.restart()
	if got := w.attr(d).Mtime; got != past {
		t.Errorf("after a restart %v", got)
	}
	w.create(d, "b")
	if got := w.attr(d).Mtime; got == past {
		t.Error("a new name does not show")
	}
}

func TestRenameRules(t *testing.T) {
	w := newWorld(t)
	d, f := w.mkdir(w.root, "d"), w.create(w.root, "f")
	w.mkdir(w.root, "e")
	w.create(d, "x")
	rename := func(from, to string) error {
		_, err := w.o.Rename(t.Context(), me, w.root, from, w.root, to)
		return err
	}
	w.want(rename("f", "d"), nfs.ErrIsDir)
	w.want(rename("d", "f"), nfs.ErrNotDir)
	w.want(rename("e", "d"), nfs.ErrNotEmpty)
	_, err := w.o.Rename(t.Context(), me, w.root, "d", d, "below")
	w.want(err, nfs.ErrInval)
	w.must(rename("f", "f"))
	w.must(rename("d", "e"))
	w.write(f, 0, "unstable", nfs.Unstable)
	w.must(rename("f", "g"))
	w.content(f, "unstable")
	_, err = w.commit(f)
	w.must(err)
	_, err = w.o.Rename(t.Context(), me, w.root, "g", d, "x")
	w.must(err)
	if w.at("e/x") != f || w.object("e/x") != "unstable" {
		t.Error("the file is elsewhere")
	}
}
