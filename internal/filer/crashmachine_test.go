package filer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/spillway/spillway/internal/filer/wal/waltest"
)

// machine is a filer with its disks, over many lives of its process.
type machine struct {
	t    *testing.T
	rng  *rand.Rand
	name string
	cfg  Config
	mem  *vfs.MemFS
	log  *waltest.Disk
	disk *powerDisk
	near *wire  // how it is reached
	died func() // called, perhaps more than once, when it dies by itself

	eioLog, eioIndex atomic.Int32 // writes and syncs until one fails; negative: never
	failed           atomic.Bool  // one has, in this life
	noIndex          atomic.Bool  // one of the index

	f      *Filer
	served chan struct{}
	watch  sync.WaitGroup
}

func newMachine(t *testing.T, seed uint64, name string, rng *rand.Rand) *machine {
	m := &machine{
		t: t, rng: rng, name: name, mem: vfs.NewCrashableMem(), log: waltest.New(), disk: newPowerDisk(rand.New(rand.NewPCG(seed, 2))), near: newWire(),
	}
	m.eioLog.Store(-1)
	m.eioIndex.Store(-1)
	return m
}

// countdown says whether a fault is due.
func countdown(n *atomic.Int32) bool {
	return n.Load() >= 0 && n.Add(-1) == -1
}

// dead says whether the process has ended and nobody has looked after it yet.
func (m *machine) dead() bool {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.dead
}

// mortalKV is the index of a process that ends when its index fails.
type mortalKV struct {
	KV
	m *machine
}

func (k mortalKV) Apply(changes []Change, sync bool) error {
	err := k.KV.Apply(changes, sync)
	if err == nil && k.m.noIndex.Load() {
		err = syscall.EIO // nobody hears of it
	}
	return err
}

// begin starts the process over what the last one left. left operations later the power goes, perhaps before the filer is
// up; then it starts again, under power that stays.
func (m *machine) begin(left int) {
	for {
		m.disk.mu.Lock()
		m.disk.dead, m.disk.left, m.disk.full, m.disk.eio, m.disk.onCut = false, left, 0, -1, m.died
		m.disk.mu.Unlock()
		m.eioLog.Store(-1)
		m.eioIndex.Store(-1)
		m.failed.Store(false)
		m.noIndex.Store(false)
		m.log.Fail(func(op string) error {
			if err := m.disk.tick(); err != nil {
				return err
			}
			if (op == "write" || op == "sync") && countdown(&m.eioLog) {
				m.failed.Store(true)
				return [...]syscall.Errno{syscall.EIO, syscall.ENOSPC}[len(op)%2]
			}
			return nil
		})
		cfg, mem := m.cfg, m.mem
		cfg.disk, cfg.logDisk = m.disk, m.log
		cfg.index = func() (KV, error) { return m.openIndex(mem) }
		f, err := Open(cfg)
		if err == nil {
			m.f = f
			break
		}
		if left < 0 || !m.dead() {
			m.t.Fatalf("start of %s: %v", m.name, err)
		}
		m.afterwards()
		left = -1
	}
	l := m.near.listen()
	m.served = make(chan struct{})
	go func(f *Filer, done chan struct{}) {
		defer close(done)
		f.Serve(context.Background(), l)
	}(m.f, m.served)
	f := m.f
	m.watch.Go(func() {
		select {
		case <-f.Broken():
			m.stop()
		case <-f.ctx.Done():
		}
	})
}

func (m *machine) openIndex(mem *vfs.MemFS) (KV, error) {
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".log") && countdown(&m.eioIndex) {
			return [...]syscall.Errno{syscall.EIO, syscall.ENOSPC}[op.Kind%2]
		}
		return nil
	}))
	kv, err := openKV("index", fs, kvLog{testLogF(), func(string) {
		m.noIndex.Store(true)
		m.failed.Store(true)
		m.stop()
	}})
	if err != nil {
		return nil, err
	}
	return mortalKV{kv, m}, nil
}

// stop ends the process: nothing that it does from now on reaches a disk.
func (m *machine) stop() {
	m.disk.mu.Lock()
	m.disk.dead = true
	m.disk.mu.Unlock()
	m.died()
}

// afterwards makes the disks be what the crash left: of the process alone, or of the power. It says which.
func (m *machine) afterwards() (kill bool) {
	kill = m.rng.IntN(2) == 0
	percent := 100
	if !kill {
		percent = m.rng.IntN(101)
	}
	mem := m.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(m.rng.Uint64(), 3))})
	if kill {
		m.log = m.log.Kill()
	} else {
		m.log = m.log.Cut(m.rng)
	}
	if m.failed.Load() {
		m.log.Evict(m.rng)
	}
	if m.f != nil {
		m.f.kill()
		m.watch.Wait()
		<-m.served
		m.f = nil
	}
	if err := m.disk.settle(filepath.Join(m.cfg.CacheDir, "data"), kill); err != nil {
		m.t.Fatal(err)
	}
	m.mem = mem
	return kill
}

// trouble chooses what goes wrong in the life that has begun, and when.
func (m *machine) trouble() {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if m.disk.dead {
		return
	}
	m.disk.left, m.disk.eio = -1, -1
	if m.rng.IntN(4) > 0 {
		m.disk.left = m.rng.IntN(120)
	}
	m.disk.full = []float64{0, 0, 0.1}[m.rng.IntN(3)]
	if m.rng.IntN(5) == 0 {
		m.disk.eio = m.rng.IntN(8)
	}
	if m.rng.IntN(6) == 0 {
		m.eioLog.Store(m.rng.Int32N(60))
	}
	if m.rng.IntN(6) == 0 {
		m.eioIndex.Store(m.rng.Int32N(20))
	}
}

// peace ends all trouble.
func (m *machine) peace() {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.disk.left, m.disk.full, m.disk.eio = -1, 0, -1
	m.eioLog.Store(-1)
	m.eioIndex.Store(-1)
	if m.f != nil {
		m.f.store.full.Store(0) // there is space again
	}
}

// quiesce waits until no call is at work: one that its client has given up may still have its effect.
func (m *machine) quiesce(ctx context.Context) error {
	if m.f == nil {
		return nil
	}
	errs := []error{m.f.sessions.plain.drain(ctx)}
	for _, s := range m.f.sessions.all() {
		errs = append(errs, s.drain(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	return nil
}
