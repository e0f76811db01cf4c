package filer

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Unlanded is a file of which something is here that its origin does not have.
type Unlanded struct {
	ID          string
	Path        string // where it was last seen; directories that are not known any more are "..."
	Size        uint64
	Bytes       uint64 // that only this filer has
	First, Last time.Time
	State       UnlandedState
	Tries       int    // failures in a row
	Reason      string // why the last try failed, or why it was set aside
}

// UnlandedState says what happens to an unlanded file by itself.
type UnlandedState uint8

// The states.
const (
	Waiting  UnlandedState = iota + 1 // lands when its delay is over
	Writing                           // is landing
	Failing                           // the last try failed; there are more
	SetAside                          // nothing
)

func (s UnlandedState) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Writing:
		return "writing"
	case Failing:
		return "failing"
	case SetAside:
		return "set aside"
	}
	return fmt.Sprintf("UnlandedState(%d)", uint8(s))
}

// Unlanded lists what has not landed, the oldest change first.
func (f *Filer) Unlanded() ([]Unlanded, error) {
	if f.wb == nil {
		return nil, nil
	}
	var out []Unlanded
	listed := map[uint64]bool{}
	for _, ino := range f.wb.all() {
		if u, ok := f.unlanded(ino); ok {
			listed[ino.id] = true
			out = append(out, u)
		}
	}
	for _, op := range f.wb.names.all(nil) {
		if !listed[op.inode] {
			out = append(out, f.unlandedName(op))
		}
	}
	asides, err := f.Asides()
	if err != nil {
		return nil, err
	}
	for i := range asides {
		a := &asides[i]
		out = append(out, Unlanded{
			ID: a.id(), Path: a.Path, Size: a.Size, Bytes: a.Bytes, First: a.First, Last: a.Last, State: SetAside, Reason: a.Reason,
		})
	}
	slices.SortFunc(out, func(a, b Unlanded) int { return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// unlanded describes a dirty file; false: it is clean.
func (f *Filer) unlanded(ino *inode) (u Unlanded, ok bool) {
	ino.mu.Lock()
	d, at, op := ino.dirty, ino.place, ino.making
	if d == nil {
		ino.mu.Unlock()
		return u, false
	}
	u = Unlanded{
		ID: idOf(ino.id), Size: ino.attr.Size, Bytes: ino.owed, First: d.first, Last: d.last, State: Waiting, Tries: d.tries,
	}
	if d.err != nil {
		u.State, u.Reason = Failing, d.err.Error()
	}
	if d.run != nil {
		u.State = Writing
	}
	ino.mu.Unlock()
	if op != nil {
		n := f.unlandedName(op)
		u.Tries = max(u.Tries, n.Tries)
		if n.State != Waiting && u.State != Failing {
			u.State, u.Reason = n.State, n.Reason
		}
	}
	u.Path = f.shownPath(ino.target, at)
	return u, true
}

// unlandedName describes what was made here and is not at the origin, as far as it is a name.
func (f *Filer) unlandedName(op *nameOp) Unlanded {
	n := f.wb.names
	n.mu.Lock()
	u := Unlanded{ID: idOf(op.inode), First: op.at, Last: op.at, State: Waiting, Tries: op.state.tries}
	if op.kind == opSymlink {
		u.Size = uint64(len(op.text))
	}
	if op.state.err != nil {
		u.State, u.Reason = Failing, op.state.err.Error()
	}
	if op.state.cancel != nil {
		u.State = Writing
	}
	n.mu.Unlock()
	u.Path = f.shownPath(f.byID[op.target], place{op.dir, op.name})
	return u
}

// maxShown bounds the directories of a path that is put together.
const maxShown = 256

// shownPath returns the path of a place, as far as its directories are known.
func (f *Filer) shownPath(t *target, at place) string {
	t.mu.Lock()
	root := t.root
	t.mu.Unlock()
	if at.name == "" {
		at.name = "..."
	}
	names := []string{at.name}
	for at.dir != root && len(names) < maxShown {
		dir := f.table.known(at.dir)
		if dir == nil {
			names = append(names, "...")
			break
		}
		dir.mu.Lock()
		at = dir.place
		dir.mu.Unlock()
		f.table.put(dir)
		if at.name == "" {
			names = append(names, "...")
			break
		}
		names = append(names, at.name)
	}
	slices.Reverse(names)
	return path.Join(t.path, strings.Join(names, "/"))
}
