package filer

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// powerDisk is a cache disk whose power can be cut: data files are real, syncs are not, and a cut takes back any subset
// of the sectors that were not "synced", of lengths, and of files whose folder was not.
type powerDisk struct {
	osDisk
	mu    sync.Mutex
	rng   *rand.Rand
	left  int // operations until the power goes; negative: never
	dead  bool
	onCut func()
	full  float64                     // chance that a write fails, for the disk is full or bad
	eio   int                         // syncs until one fails; negative: never
	fails int                         // syncs that have failed
	old   map[string]map[int64][]byte // durable content of sectors written since the last sync
	lost  map[string]map[int64][]byte // of those that a failed sync has left: they count as clean, and are not on the disk
	size  map[string]int64            // durable length, where it was changed
	named map[string]struct{}         // files whose names are durable
}

var errPower = errors.New("no power")

func newPowerDisk(rng *rand.Rand) *powerDisk {
	return &powerDisk{rng: rng, left: -1, eio: -1, old: map[string]map[int64][]byte{}, lost: map[string]map[int64][]byte{}, size: map[string]int64{}, named: map[string]struct{}{}}
}

// step counts an operation. Called with mu held.
func (d *powerDisk) step() error {
	if d.left == 0 && !d.dead {
		d.dead = true
		d.onCut()
	}
	if d.left > 0 {
		d.left--
	}
	if d.dead {
		return errPower
	}
	return nil
}

// tick is an operation elsewhere, such as in the log.
func (d *powerDisk) tick() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.step()
}

// remember keeps the durable content of [off, off+n) and the durable length. Called with mu held.
func (d *powerDisk) remember(f *os.File, off, n int64) {
	name := f.Name()
	st, err := f.Stat()
	if err != nil {
		return
	}
	if _, ok := d.size[name]; !ok {
		d.size[name] = st.Size()
	}
	sectors := d.old[name]
	if sectors == nil {
		sectors = map[int64][]byte{}
		d.old[name] = sectors
	}
	for at := off / 512; at*512 < off+n; at++ {
		if b, ok := d.lost[name][at]; ok {
			sectors[at] = b
			delete(d.lost[name], at)
		} else if _, ok := sectors[at]; !ok && at*512 < st.Size() {
			b := make([]byte, 512)
			f.ReadAt(b, at*512)
			sectors[at] = b
		} else if !ok {
			sectors[at] = make([]byte, 512)
		}
	}
}

func (d *powerDisk) WriteAt(f *os.File, b []byte, off int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	if d.rng.Float64() < d.full {
		return [...]syscall.Errno{syscall.ENOSPC, syscall.EIO}[d.rng.IntN(2)]
	}
	d.remember(f, off, int64(len(b)))
	return d.osDisk.WriteAt(f, b, off)
}

func (d *powerDisk) Punch(f *os.File, off, n int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	if st, err := f.Stat(); err == nil {
		n = max(min(n, st.Size()-off), 1)
	}
	d.remember(f, off, n)
	return d.osDisk.Punch(f, off, n)
}

func (d *powerDisk) Truncate(f *os.File, n int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	d.remember(f, 0, 0)
	return d.osDisk.Truncate(f, n)
}

func (d *powerDisk) Sync(f *os.File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	if d.eio == 0 {
		d.eio = -1
		d.fails++
		if d.lost[f.Name()] == nil {
			d.lost[f.Name()] = map[int64][]byte{}
		}
		maps.Copy(d.lost[f.Name()], d.old[f.Name()])
		delete(d.old, f.Name())
		return syscall.EIO // and the pages count as clean: a later sync says nothing of them
	}
	if d.eio > 0 {
		d.eio--
	}
	delete(d.old, f.Name())
	delete(d.size, f.Name())
	return nil
}

func (d *powerDisk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	for _, e := range names {
		d.named[filepath.Join(dir, e.Name())] = struct{}{}
	}
	return err
}

// SyncAll syncs files and folders, one after the other: the power may go in between.
func (d *powerDisk) SyncAll(root *os.File) error {
	dirs, err := filepath.Glob(filepath.Join(root.Name(), "*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			return err
		}
		for _, name := range names {
			f, err := os.Open(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			err = errors.Join(d.Sync(f), f.Close())
			if err != nil {
				return err
			}
		}
		if err := d.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (d *powerDisk) Free(string) (free, total uint64, err error) { return 1 << 40, 1 << 40, nil }

// revert brings sectors back to what is durable, but for a share of them. Called with mu held.
func (d *powerDisk) revert(files map[string]map[int64][]byte, keep float64) error {
	for name, sectors := range files {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for at, b := range sectors {
			if d.rng.Float64() < keep {
				continue
			}
			if _, err := f.WriteAt(b, at*512); err != nil {
				return errors.Join(err, f.Close())
			}
			delete(sectors, at)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// settle makes the files be what is found after the cut. With kill, only the process ended: everything is there but what a
// failed sync has left, which memory may have dropped.
func (d *powerDisk) settle(dir string, kill bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.revert(d.lost, 0.5); err != nil || kill { // what was not synced may still be lost, the next time
		return err
	}
	defer func() {
		clear(d.old)
		clear(d.lost)
		clear(d.size)
	}()
	keep := d.rng.Float64()
	if err := errors.Join(d.revert(d.old, keep), d.revert(d.lost, keep)); err != nil {
		return err
	}
	for name, n := range d.size {
		if d.rng.IntN(2) == 0 {
			if err := os.Truncate(name, n); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if _, ok := d.named[path]; !ok && d.rng.IntN(2) == 0 {
			return os.Remove(path)
		}
		d.named[path] = struct{}{}
		return nil
	})
}
