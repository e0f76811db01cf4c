package blob_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/nfs"
)

// tree returns all paths below a directory with content and identity.
func (w *world) tree(dir origin.ID, path string, out map[string]string) map[string]string {
	w.t.Helper()
	for _, name := range w.list(dir) {
		n, _, err := w.o.Lookup(w.t.Context(), me, dir, name)
		w.must(err)
		if n.Attr.Type == nfs.TypeDirectory {
			out[path+name+"/"] = string(n.ID)
			w.tree(n.ID, path+name+"/", out)
			continue
		}
		content, err := w.read(n.ID)
		w.must(err)
		out[path+name] = string(n.ID) + content
	}
	return out
}

// A rename of a directory is cut off at every call that changes something, before and after it took effect, then the
// process is killed. After the restart all is at the old name or all at the new, with contents and identities as before.
func TestRenameSurvivesACrash(t *testing.T) {
	for _, late := range []bool{false, true} {
		for cut := 1; ; cut++ {
			done := false
			t.Run(fmt.Sprintf("call %d late %v", cut, late), func(t *testing.T) {
				w := newWorld(t)
				src := w.mkdir(w.root, "src")
				w.write(w.create(src, "a"), 0, "A", nfs.FileSync)
				sub := w.mkdir(src, "sub")
				w.write(w.create(sub, "b"), 0, "B", nfs.FileSync)
				w.foreign("src/implied/c", "C")
				w.foreign("src/d", "D")
				dst := w.mkdir(w.root, "dst")
				w.mkdir(dst, "to") // empty, and replaced
				before := w.tree(src, "", map[string]string{})
				w.cutAt(cut, late)
				_, err := w.o.Rename(t.Context(), me, w.root, "src", dst, "to")
				if done = err == nil; done {
					w.mend()
				} else if origin.KindOf(err) != fault.Unavailable {
					t.Errorf("the rename ends with %v", err)
				}
				w.mend()
				if cut%2 == 0 { // the process lives on, and finishes it before anything else
					w.restart()
				}
				place := "dst/to"
				if _, err := w.walk("src"); err == nil {
					place = "src"
				}
				if got := w.tree(w.at(place), "", map[string]string{}); w.at(place) != src || !maps.Equal(got, before) {
					t.Errorf("at %s is %q, was %q", place, slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(before)))
				}
				for _, key := range w.m.Keys() {
					if place == "dst/to" && strings.HasPrefix(key, "src") {
						t.Errorf("%s is left", key)
					}
				}
				if _, err := w.o.GetAttr(t.Context(), me, src); err != nil {
					t.Errorf("by its identity: %v", err)
				}
			})
			if done || t.Failed() {
				break
			}
		}
	}
}

func TestRenameOfAFileSurvivesACrash(t *testing.T) {
	for _, late := range []bool{false, true} {
		for cut := 1; ; cut++ {
			w := newWorld(t)
			a, b := w.create(w.root, "a"), w.create(w.root, "b")
			w.write(a, 0, "new", nfs.FileSync)
			w.write(b, 0, "old", nfs.FileSync)
			w.cutAt(cut, late)
			_, err := w.o.Rename(t.Context(), me, w.root, "a", w.root, "b")
			w.mend()
			w.restart()
			if w.content(a, "new"); w.at("b") == a {
				if got := w.m.Keys(); !slices.Equal(got, []string{"b"}) {
					t.Errorf("cut %d, %v: left are %q", cut, late, got)
				}
			} else {
				w.content(b, "old")
			}
			if err == nil {
				if w.at("b") != a {
					t.Error("the rename was not made")
				}
				break
			}
		}
	}
}

// A rename whose notes in the index were lost with the power is noted again.
func TestRenameWhoseNotesWereLost(t *testing.T) {
	w := newWorld(t)
	d, a := w.mkdir(w.root, "d"), w.create(w.root, "a")
	kept := maps.Clone(w.places.at)
	_, err := w.o.Rename(t.Context(), me, w.root, "a", d, "b")
	w.must(err)
	_, err = w.o.Rename(t.Context(), me, d, "b", w.root, "c")
	w.must(err)
	w.places.at = kept
	w.restart()
	w.attr(a)
	if w.at("c") != a {
		t.Error("another identity")
	}
}

// What was not committed is gone after a restart, and the verifier says so.
func TestUnstableDataAreNotClaimed(t *testing.T) {
	w := newWorld(t)
	id := w.create(w.root, "a")
	w.write(id, 0, "stable", nfs.FileSync)
	verf := w.write(id, 0, "UNSTAB", nfs.Unstable)
	w.content(id, "UNSTAB")
	if w.object("a") != "stable" {
		t.Error("unstable data are in the store")
	}
	w.restart()
	w.content(id, "stable")
	if again, err := w.commit(id); err != nil || again == verf {
		t.Errorf("the verifier is the same after a restart, %v", err)
	}
}

// An upload in parts is aborted when it fails, and when the process was killed in it.
func TestHalfFinishedUploads(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 3<<16) // three parts
	w := newWorld(t)
	id := w.create(w.root, "a")
	verf := w.write(id, 0, big, nfs.Unstable)
	w.m.Before = func(call, _ string) error {
		if call == "part" {
			return fault.New(fault.Unavailable, "slow down")
		}
		return nil
	}
	if _, err := w.commit(id); origin.KindOf(err) != fault.Unavailable || w.m.Uploads() != 0 {
		t.Errorf("after a failed part %v, and %d uploads are left", err, w.m.Uploads())
	}
	w.cutAt(3, true) // no more aborting
	if _, err := w.commit(id); err == nil || w.m.Uploads() != 1 {
		t.Errorf("after a cut line %v, and %d uploads are left", err, w.m.Uploads())
	}
	w.mend()
	if again, err := w.commit(id); err != nil || again != verf || w.object("a") != big {
		t.Errorf("when the line is back: %v", err)
	}
	w.restart()
	if w.content(id, big); w.m.Uploads() != 0 {
		t.Errorf("%d uploads are left", w.m.Uploads())
	}
}

// An upload that is refused although nobody has changed the object (S3 answers 409 while another writer is at it, and 404
// when a lifecycle rule has removed the parts) keeps what is staged.
func TestUploadRefusedForNothing(t *testing.T) {
	for _, why := range []error{blob.ErrPrecondition, blob.ErrNotFound} {
		w := newWorld(t)
		id := w.create(w.root, "a")
		verf := w.write(id, 0, "data", nfs.Unstable)
		w.m.Before = func(call, _ string) error {
			if call == "put" {
				return why
			}
			return nil
		}
		if _, err := w.commit(id); origin.KindOf(err) != fault.Unavailable {
			t.Errorf("%v: %v", why, err)
		}
		w.mend()
		if again, err := w.commit(id); err != nil || again != verf || w.object("a") != "data" {
			t.Errorf("%v: then %v", why, err)
		}
	}
}

// A call whose answer was lost is repeated and finds its own effect: nothing is taken for somebody else's.
func TestLostAnswers(t *testing.T) {
	for _, call := range []string{"put", "copy", "complete"} {
		w := newWorld(t)
		store := &repeating{Store: w.m, call: call}
		w.o = open(t, store, func(c *blobConfig) { c.Dir, c.Places = t.TempDir(), w.places })
		id := w.create(w.root, "a")
		w.write(id, 0, "x", nfs.FileSync)
		w.write(id, 0, strings.Repeat("x", 3<<20), nfs.FileSync)
		_, err := w.o.SetAttr(t.Context(), me, id, nfs.SetAttr{Mode: nfs.Set32(0o600)}, nil)
		w.must(err)
		w.mkdir(w.root, "d")
		_, err = w.o.Rename(t.Context(), me, w.root, "a", w.root, "b")
		w.must(err)
		w.content(id, strings.Repeat("x", 3<<20))
		if store.repeats == 0 {
			t.Errorf("%s was never repeated", call)
		}
	}
}
