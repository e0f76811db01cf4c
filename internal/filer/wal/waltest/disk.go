// Package waltest is a disk in memory that loses power.
package waltest

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"sync"
	"syscall"

	"github.com/spillway/spillway/internal/filer/wal"
)

// ErrPower is what every operation gives after the power has gone.
var ErrPower = errors.New("no power")

const sector = 512

// Disk keeps files in memory, with what of them is durable beside what was written.
type Disk struct {
	mu    sync.Mutex
	files map[string]*content
	dead  bool
	fault func(op string) error
}

type content struct {
	now     []byte
	durable []byte
	dirty   map[int64]struct{} // sectors written since the last sync
	lost    map[int64]struct{} // that were dirty when a sync failed: they count as clean, and are not on the disk
	named   bool               // its name is durable
}

var _ wal.Disk = (*Disk)(nil)

// New returns an empty disk.
func New() *Disk { return &Disk{files: map[string]*content{}} }

// Fail makes every operation ask fn first, with its name: "open", "read", "write", "sync" or "sync dir".
func (d *Disk) Fail(fn func(op string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fn
}

// Cut takes the power away: every operation of now fails. It returns the disk that is found afterwards, on which any
// subset of the sectors that were not synced has survived; files whose folder was not synced may be gone.
func (d *Disk) Cut(rng *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	after := New()
	keep := rng.Float64() // some cuts lose nearly all, some nearly nothing
	for name, c := range d.files {
		if !c.named && rng.IntN(2) == 0 {
			continue
		}
		b := append([]byte{}, c.durable...)
		maps.Copy(c.dirty, c.lost) // a write that failed may have happened
		for at := range c.dirty {
			if rng.Float64() > keep {
				continue
			}
			lo, hi := at*sector, min((at+1)*sector, int64(len(c.now)))
			if lo >= hi {
				continue
			}
			if int64(len(b)) < hi {
				b = append(b, make([]byte, hi-int64(len(b)))...)
			}
			copy(b[lo:hi], c.now[lo:hi])
		}
		after.files[name] = &content{now: b, durable: append([]byte{}, b...), dirty: map[int64]struct{}{}, lost: map[int64]struct{}{}, named: true}
	}
	return after
}

// Kill ends the process that uses the disk: every operation of now fails. It returns the disk with all that was written.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	after := New()
	for name, c := range d.files {
		after.files[name] = c
	}
	d.files = nil
	return after
}

// Evict drops from memory some of what a failed sync left there: it counted as clean, so reads bring back what the disk
// has (as Linux does; Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020).
func (d *Disk) Evict(rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.files {
		for at := range c.lost {
			if rng.IntN(2) == 0 {
				continue
			}
			lo, hi := at*sector, min((at+1)*sector, int64(len(c.now)))
			clear(c.now[lo:hi])
			if lo < int64(len(c.durable)) {
				copy(c.now[lo:hi], c.durable[lo:])
			}
			delete(c.lost, at)
		}
	}
}

// Damage overwrites durable bytes, as a failing disk does.
func (d *Disk) Damage(name string, off int64, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.files[name].now[off:], b)
	copy(d.files[name].durable[off:], b)
}

func (d *Disk) ask(op string) error {
	if d.dead {
		return ErrPower
	}
	if d.fault != nil {
		return d.fault(op)
	}
	return nil
}

// Open opens or makes a file.
func (d *Disk) Open(name string) (wal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("open"); err != nil {
		return nil, err
	}
	c := d.files[name]
	if c == nil {
		c = &content{dirty: map[int64]struct{}{}, lost: map[int64]struct{}{}}
		d.files[name] = c
	}
	return &file{d, c}, nil
}

// Sync makes names durable.
func (d *Disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("sync dir"); err != nil {
		return err
	}
	for _, c := range d.files {
		c.named = true
	}
	return nil
}

type file struct {
	d *Disk
	c *content
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.ask("read"); err != nil {
		return 0, err
	}
	if off >= int64(len(f.c.now)) {
		return 0, io.EOF
	}
	n := copy(b, f.c.now[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.ask("write"); err != nil {
		return 0, err
	}
	if end := off + int64(len(b)); end > int64(len(f.c.now)) {
		f.c.now = append(f.c.now, make([]byte, end-int64(len(f.c.now)))...)
	}
	copy(f.c.now[off:], b)
	for at := off / sector; at*sector < off+int64(len(b)); at++ {
		f.c.dirty[at] = struct{}{}
		delete(f.c.lost, at)
	}
	return len(b), nil
}

func (f *file) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.d.ask("sync"); err != nil {
		if _, failed := errors.AsType[syscall.Errno](err); failed { // else the process or the power is gone
			maps.Copy(f.c.lost, f.c.dirty)
			clear(f.c.dirty)
		}
		return err
	}
	if grown := len(f.c.now) - len(f.c.durable); grown > 0 {
		f.c.durable = append(f.c.durable, make([]byte, grown)...)
	}
	for at := range f.c.dirty {
		lo, hi := at*sector, min((at+1)*sector, int64(len(f.c.now)))
		copy(f.c.durable[lo:hi], f.c.now[lo:hi])
	}
	clear(f.c.dirty)
	return nil
}

func (f *file) Size() (int64, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return int64(len(f.c.now)), f.d.ask("size")
}

func (f *file) Close() error { return nil }
