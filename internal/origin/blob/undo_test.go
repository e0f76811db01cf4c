package blob_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
)

// interfere lets somebody else act just before the nth call that changes something. From the cutth such call on after it the
// store is out of reach (0: it never is).
func (w *world) interfere(n, cut int, act func()) {
	var mu sync.Mutex
	count, acting := 0, false
	w.m.Before = func(call, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if acting {
			return nil
		}
		if cut > 0 && count >= n+cut {
			return crash
		}
		if call != "put" && call != "copy" && call != "delete" {
			return nil
		}
		if count++; count != n {
			return nil
		}
		acting = true
		mu.Unlock()
		act()
		mu.Lock()
		acting = false
		return nil
	}
}

// While a directory is renamed somebody else changes, removes or adds objects, at the old name or the new, before each call
// of the rename. Whatever comes of it, no two names have one identity, also when the process is killed soon after; a rename
// that was refused has changed nothing.
func TestRenameThatOthersInterrupt(t *testing.T) {
	for name, act := range map[string]func(*world){
		"a name in the way":         func(w *world) { w.foreign("dst/to/sub/b", "theirs") },
		"a marker in the way":       func(w *world) { w.foreign("dst/to/implied/", "") },
		"other content":             func(w *world) { w.foreign("src/a", "theirs") },
		"other content, our marks":  func(w *world) { w.again("src/a") },
		"the replaced one is other": func(w *world) { w.again("dst/to/") },
		"a file goes":               func(w *world) { w.must(w.m.Delete(w.t.Context(), "src/a", "")) },
		"a file comes":              func(w *world) { w.foreign("src/z", "theirs") },
	} {
		for _, cut := range []int{0, 2} {
			t.Run(fmt.Sprintf("%s, cut %d", name, cut), func(t *testing.T) {
				t.Parallel()
				for n := 1; interrupted(t, n, cut, act); n++ {
				}
			})
		}
	}
}

// again puts what is at a key again, with its metadata, as a copy onto itself does.
func (w *world) again(key string) {
	w.t.Helper()
	obj, err := w.m.Head(w.t.Context(), key)
	if err != nil {
		return
	}
	_, err = w.m.Put(w.t.Context(), key, strings.NewReader("theirs"), 6, obj.Props, blob.Cond{})
	w.must(err)
}

// interrupted makes one rename, and says whether there was an nth call to be interrupted at.
func interrupted(t *testing.T, n, cut int, act func(*world)) (acted bool) {
	t.Helper()
	w := newWorld(t)
	src := w.mkdir(w.root, "src")
	w.create(src, "a")
	w.create(w.mkdir(src, "sub"), "b")
	w.foreign("src/implied/c", "C")
	dst := w.mkdir(w.root, "dst")
	to := w.mkdir(dst, "to")
	before := w.tree(src, "", map[string]string{})
	w.interfere(n, cut, func() {
		acted = true
		act(w)
	})
	_, err := w.o.Rename(t.Context(), me, w.root, "src", dst, "to")
	if !acted {
		return false
	}
	w.mend()
	if cut > 0 {
		w.restart()
	}
	seen := map[origin.ID]string{}
	after := w.tree(w.root, "", map[string]string{})
	for _, path := range slices.Sorted(maps.Keys(after)) {
		id := origin.ID(after[path][:17])
		if was, ok := seen[id]; ok {
			t.Errorf("call %d: %s and %s have one identity", n, was, path)
		}
		seen[id] = path
	}
	if w.at("dst/to") == src {
		return true
	}
	if err == nil || w.at("src") != src || w.at("dst/to") != to {
		t.Errorf("call %d: a rename that was refused (%v) has changed an identity", n, err)
	}
	now := w.tree(src, "", map[string]string{})
	for path, was := range before {
		if path != "a" && now[path] != was {
			t.Errorf("call %d: a rename that was refused (%v) has changed %s", n, err, path)
		}
	}
	for _, key := range w.m.Keys() {
		if strings.HasPrefix(key, "dst/to/") && key != "dst/to/" && w.object(key) != "theirs" && key != "dst/to/implied/" {
			t.Errorf("call %d: a rename that was refused (%v) has left %s", n, err, key)
		}
	}
	return true
}
