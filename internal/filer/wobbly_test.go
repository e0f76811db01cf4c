package filer

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// wobbly is an origin in memory, one folder deep, that loses unstable data when it crashes, and calls and replies when it
// is told to.
type wobbly struct {
	origin.Origin // nil: what is not here is not used

	mu   sync.Mutex
	rng  *rand.Rand
	loss float64 // of data calls, half of them after they took effect
	// losesNames extends loss to calls that change names.
	losesNames bool
	down       bool
	files      map[origin.ID]*wobblyFile
	names      map[string]origin.ID
	last       time.Time
	next       uint64
	verf       uint64
	dir        nfs.Attr
}

type wobblyFile struct {
	attr     nfs.Attr
	data     []byte
	durable  []byte
	unstable bool
	made     nfs.Verifier // of the exclusive CREATE
}

const wobblyRoot = origin.ID("root")

func newWobbly(rng *rand.Rand) *wobbly {
	w := &wobbly{rng: rng, files: map[origin.ID]*wobblyFile{}, names: map[string]origin.ID{}, next: 1, verf: 1}
	w.dir = nfs.Attr{Type: nfs.TypeDirectory, Mode: 0o777, Nlink: 2, FileID: 1}
	w.touch(&w.dir, true)
	return w
}

// touch moves the times of a change.
func (w *wobbly) touch(a *nfs.Attr, data bool) {
	now := time.Now()
	if !now.After(w.last) {
		now = w.last.Add(1)
	}
	w.last = now
	a.Ctime = nfs.TimeOf(now)
	if data {
		a.Mtime = a.Ctime
	}
}

// crash loses what was not committed.
func (w *wobbly) crash() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verf++
	for _, f := range w.files {
		if f.unstable {
			f.data, f.durable, f.unstable = f.durable, nil, false
			f.attr.Size = uint64(len(f.data))
		}
	}
}

func (w *wobbly) set(loss float64, down bool) {
	w.mu.Lock()
	w.loss, w.down = loss, down
	w.mu.Unlock()
}

var errAway = fault.New(fault.Unavailable, "the storage does not answer")

// enter locks the origin; before says that the call is lost on its way. after must be called with the lock held.
func (w *wobbly) enter(ctx context.Context, data bool) (after func() error, err error) {
	w.mu.Lock()
	if ctx.Err() != nil || w.down {
		w.mu.Unlock()
		return nil, errAway
	}
	lost := data && w.rng.Float64() < w.loss
	if lost && w.rng.IntN(2) == 0 {
		w.mu.Unlock()
		return nil, errAway
	}
	return func() error {
		w.mu.Unlock()
		if lost {
			return errAway
		}
		return nil
	}, nil
}

func (w *wobbly) Caps() origin.Caps { return origin.Caps{MaxRead: 1 << 20, MaxWrite: 64 << 10} }
func (w *wobbly) Describe() string  { return "wobbly" }
func (w *wobbly) Close() error      { return nil }

func (w *wobbly) Root(ctx context.Context) (n origin.Node, err error) {
	after, err := w.enter(ctx, false)
	if err != nil {
		return n, err
	}
	n = origin.Node{ID: wobblyRoot, Attr: w.dir}
	return n, after()
}

func (w *wobbly) GetAttr(ctx context.Context, _ origin.Cred, id origin.ID) (a nfs.Attr, err error) {
	after, err := w.enter(ctx, true)
	if err != nil {
		return a, err
	}
	switch f := w.files[id]; {
	case id == wobblyRoot:
		a = w.dir
	case f == nil:
		w.mu.Unlock()
		return a, nfs.ErrStale
	default:
		a = f.attr
	}
	return a, after()
}

func (w *wobbly) Access(_ context.Context, _ origin.Cred, _ origin.ID, want nfs.Access) (nfs.Access, error) {
	return want, nil
}

func (w *wobbly) Lookup(ctx context.Context, _ origin.Cred, _ origin.ID, name string) (n origin.Node, dir nfs.OptAttr, err error) {
	after, err := w.enter(ctx, false)
	if err != nil {
		return n, dir, err
	}
	defer after()
	dir = nfs.WithAttr(w.dir)
	id, ok := w.names[name]
	if !ok {
		return n, dir, nfs.ErrNoEnt
	}
	return origin.Node{ID: id, Attr: w.files[id].attr}, dir, nil
}

func (w *wobbly) Read(ctx context.Context, _ origin.Cred, id origin.ID, off uint64, buf []byte) (r origin.ReadResult, err error) {
	after, err := w.enter(ctx, true)
	if err != nil {
		return r, err
	}
	f := w.files[id]
	if f == nil {
		w.mu.Unlock()
		return r, nfs.ErrStale
	}
	if off < uint64(len(f.data)) {
		r.N = copy(buf, f.data[off:])
	}
	r.EOF = off+uint64(r.N) >= uint64(len(f.data))
	r.Attr = f.attr
	return r, after()
}

// ReadDir lists the folder in one page.
func (w *wobbly) ReadDir(ctx context.Context, _ origin.Cred, _ origin.ID, at origin.Cookie, _ bool) (p origin.Page, err error) {
	after, err := w.enter(ctx, true)
	if err != nil {
		return p, err
	}
	for i, name := range slices.Sorted(maps.Keys(w.names)) {
		if uint64(i) >= at.At {
			id := w.names[name]
			node := origin.Node{ID: id, Attr: w.files[id].attr}
			p.Entries = append(p.Entries, origin.DirEntry{Name: name, FileID: node.Attr.FileID, Cookie: uint64(i + 1), Node: &node})
		}
	}
	p.EOF, p.Next, p.Dir = true, origin.Cookie{At: uint64(len(w.names))}, nfs.WithAttr(w.dir)
	return p, after()
}

func spread(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n:n]
	}
	return append(b[:len(b):len(b)], make([]byte, n-len(b))...)
}

func (w *wobbly) wcc(f *wobblyFile, change func()) nfs.WccData {
	before := f.attr.Pre()
	change()
	f.attr.Size, f.attr.Used = uint64(len(f.data)), uint64(len(f.data))
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: before}, After: nfs.WithAttr(f.attr)}
}

func (w *wobbly) Write(ctx context.Context, _ origin.Cred, id origin.ID, off uint64, data []byte, how nfs.Stable) (r origin.WriteResult, err error) {
	after, err := w.enter(ctx, true)
	if err != nil {
		return r, err
	}
	f := w.files[id]
	if f == nil {
		w.mu.Unlock()
		return r, nfs.ErrStale
	}
	if len(data) > 512 && w.rng.IntN(8) == 0 { // short writes are legal
		data = data[:len(data)/1024*512+512]
	}
	put := func(b []byte) []byte {
		b = append([]byte{}, spread(b, max(len(b), int(off)+len(data)))...)
		copy(b[off:], data)
		return b
	}
	r.WCC = w.wcc(f, func() {
		if how == nfs.Unstable && !f.unstable {
			f.durable, f.unstable = f.data, true
		} else if how != nfs.Unstable && f.unstable {
			f.durable = put(f.durable)
		}
		f.data = put(f.data)
		w.touch(&f.attr, true)
	})
	r.N, r.Committed = len(data), how
	binary.BigEndian.PutUint64(r.Verifier[:], w.verf)
	return r, after()
}

func (w *wobbly) Commit(ctx context.Context, _ origin.Cred, id origin.ID, _ uint64, _ uint32) (r origin.CommitResult, err error) {
	after, err := w.enter(ctx, true)
	if err != nil {
		return r, err
	}
	f := w.files[id]
	if f == nil {
		w.mu.Unlock()
		return r, nfs.ErrStale
	}
	f.durable, f.unstable = nil, false
	r.WCC = w.wcc(f, func() {})
	binary.BigEndian.PutUint64(r.Verifier[:], w.verf)
	return r, after()
}

func (w *wobbly) SetAttr(ctx context.Context, _ origin.Cred, id origin.ID, set nfs.SetAttr, guard *nfs.Time) (wcc nfs.WccData, err error) {
	after, err := w.enter(ctx, true)
	if err != nil {
		return wcc, err
	}
	f := w.files[id]
	if f == nil {
		w.mu.Unlock()
		return wcc, nfs.ErrStale
	}
	if guard != nil && *guard != f.attr.Ctime {
		wcc = w.wcc(f, func() {})
		w.mu.Unlock()
		return wcc, nfs.ErrNotSync
	}
	wcc = w.wcc(f, func() {
		w.touch(&f.attr, set.Size.Set)
		if set.Size.Set {
			f.data = append([]byte{}, spread(f.data, int(set.Size.Value))...)
			if f.unstable {
				f.durable = append([]byte{}, spread(f.durable, int(set.Size.Value))...)
			}
		}
		if set.Mode.Set {
			f.attr.Mode = set.Mode.Value
		}
		w.setTimes(&f.attr, &set)
	})
	return wcc, after()
}

func (w *wobbly) setTimes(a *nfs.Attr, set *nfs.SetAttr) {
	if set.Mtime.How == nfs.SetToClientTime {
		a.Mtime = set.Mtime.Time
	}
	if set.Atime.How == nfs.SetToClientTime {
		a.Atime = set.Atime.Time
	}
}

func (w *wobbly) dirWcc(change func()) nfs.WccData {
	before := w.dir.Pre()
	change()
	w.touch(&w.dir, true)
	return nfs.WccData{Before: nfs.OptPreAttr{Present: true, Attr: before}, After: nfs.WithAttr(w.dir)}
}

func (w *wobbly) Create(ctx context.Context, as origin.Cred, _ origin.ID, name string, how origin.CreateHow) (m origin.Made, err error) {
	after, err := w.enter(ctx, w.losesNames)
	if err != nil {
		return m, err
	}
	defer func() {
		if lost := after(); lost != nil {
			m, err = origin.Made{}, lost
		}
	}()
	if id, ok := w.names[name]; ok {
		f := w.files[id]
		again := how.Mode == nfs.Exclusive && f.made == how.Verifier
		if how.Mode != nfs.Unchecked && !again {
			return m, nfs.ErrExist
		}
		if how.Attr.Size.Set {
			w.wcc(f, func() { f.data, f.unstable = nil, false; w.touch(&f.attr, true) })
		}
		m.Node = origin.Node{ID: id, Attr: f.attr}
		return m, nil
	}
	m.Dir = w.dirWcc(func() {
		w.next++
		f := &wobblyFile{made: how.Verifier, attr: nfs.Attr{Type: nfs.TypeRegular, Mode: 0o644, Nlink: 1, UID: as.UID, GID: as.GID, FileID: w.next}}
		w.touch(&f.attr, true)
		w.setTimes(&f.attr, &how.Attr)
		if how.Attr.Mode.Set {
			f.attr.Mode = how.Attr.Mode.Value
		}
		id := origin.ID(fmt.Sprint("file ", w.next))
		w.files[id], w.names[name] = f, id
		m.Node = origin.Node{ID: id, Attr: f.attr}
	})
	return m, nil
}

func (w *wobbly) Remove(ctx context.Context, _ origin.Cred, _ origin.ID, name string) (wcc nfs.WccData, err error) {
	after, err := w.enter(ctx, w.losesNames)
	if err != nil {
		return wcc, err
	}
	defer func() {
		if lost := after(); lost != nil {
			wcc, err = nfs.WccData{}, lost
		}
	}()
	id, ok := w.names[name]
	if !ok {
		return wcc, nfs.ErrNoEnt
	}
	return w.dirWcc(func() { delete(w.names, name); delete(w.files, id) }), nil
}

func (w *wobbly) Rename(ctx context.Context, _ origin.Cred, _ origin.ID, from string, _ origin.ID, to string) (r origin.RenameResult, err error) {
	after, err := w.enter(ctx, false)
	if err != nil {
		return r, err
	}
	defer after()
	id, ok := w.names[from]
	if !ok {
		return r, nfs.ErrNoEnt
	}
	r.From = w.dirWcc(func() {
		if old, ok := w.names[to]; ok && old != id {
			delete(w.files, old)
		}
		delete(w.names, from)
		w.names[to] = id
		w.touch(&w.files[id].attr, false)
	})
	r.To = r.From
	return r, nil
}

// foreign is somebody else's write at the origin.
func (w *wobbly) foreign(name string, off int, data []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, ok := w.names[name]
	if !ok {
		return false
	}
	f := w.files[id]
	f.data = append([]byte{}, spread(f.data, max(len(f.data), off+len(data)))...)
	copy(f.data[off:], data)
	if f.unstable {
		f.durable = append([]byte{}, spread(f.durable, len(f.data))...)
		copy(f.durable[off:], data)
	}
	w.touch(&f.attr, true)
	f.attr.Size = uint64(len(f.data))
	return true
}

// listing returns the names and contents.
func (w *wobbly) listing() map[string][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[string][]byte{}
	for name, id := range w.names {
		out[name] = slices.Clone(w.files[id].data)
	}
	return out
}

func (w *wobbly) has(id origin.ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.files[id] != nil
}

func (w *wobbly) ids() map[string]origin.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.names)
}

func (w *wobbly) StatFS(context.Context, origin.ID) (origin.FSStat, error) {
	return origin.FSStat{}, nil
}
func (w *wobbly) PathConf(context.Context, origin.ID) (origin.PathConf, error) {
	return origin.PathConf{LinkMax: 1, NameMax: 255}, nil
}

func (w *wobbly) Sync(context.Context, origin.ID) error { return nfs.ErrNotSupp }
