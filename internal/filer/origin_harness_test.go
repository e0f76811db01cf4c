package filer

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	originnfs "github.com/spillway/spillway/internal/origin/nfs"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// harness is a filer over a far NFS server, and one client of it, all in one process and under virtual time. What the
// client reads is compared with what the server has ever held, and when.
type harness struct {
	t       *testing.T
	r       *rand.Rand
	fs      *nfstest.FS
	link    *wire // between filer and server
	near    *wire // between client and filer
	server  *nfs.Server
	served  chan error
	filer   *Filer
	c       *nfs.Client
	root    nfs.Handle
	verify  time.Duration
	full    atomic.Bool // the cache disk
	files   map[string]*history
	trouble time.Time // until when the link may be in trouble, or not yet be known to be well again
	log     []string
}

// history is what one file has held.
type history struct {
	versions []version
	seen     int // the latest version that the client has certainly seen: it must not go back behind it
}

// version is a content and since when it was there.
type version struct {
	data  []byte
	since time.Time
}

// reachable is how long after the link is well again the filer may take to notice: the longest pause between two
// attempts to connect, a probe, and the time that a connection takes which was made when the link was silent.
const reachable = 40 * time.Second

func newHarness(t *testing.T, seed uint64, verify time.Duration) *harness {
	h := &harness{
		t: t, r: rand.New(rand.NewPCG(seed, 7)), fs: nfstest.New(), link: newWire(), near: newWire(), verify: verify, files: map[string]*history{},
	}
	h.serve()
	up, err := originnfs.Open(originnfs.Config{Addr: "nas:2049", Path: "/", Connections: 2, Dialer: h.link.dial})
	if err != nil {
		t.Fatal(err)
	}
	h.filer, err = Open(Config{
		CacheDir: t.TempDir(), Exports: []Export{{Path: "/nas", Origin: up, Verify: verify}}, Locks: LockConfig{Off: true}, disk: fillableDisk{full: &h.full}, Log: testLog(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	l := h.near.listen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.filer.Serve(context.Background(), l); err != nil {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		h.link.restore()
		h.c.Close()
		if err := errors.Join(h.filer.Close(), up.Close()); err != nil {
			t.Errorf("stop: %v", err)
		}
		<-done
		h.stop()
		h.link.close()
		h.near.close()
	})
	h.c, err = nfs.Dial(t.Context(), "filer", nfs.Options{Auth: nfs.Sys("test", 1000, 1000), Dialer: h.near.dial, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.mount()
	return h
}

// fillableDisk is a cache disk that can be full.
type fillableDisk struct {
	osDisk
	full *atomic.Bool
}

func (d fillableDisk) WriteAt(f *os.File, b []byte, off int64) error {
	if d.full.Load() {
		return syscall.ENOSPC
	}
	return d.osDisk.WriteAt(f, b, off)
}

func (fillableDisk) Free(string) (free, total uint64, err error) { return 1 << 40, 1 << 41, nil }

func (h *harness) serve() {
	h.server, h.served = &nfs.Server{NFS: h.fs.Procedures(), Mount: h.fs.MountProcedures()}, make(chan error, 1)
	l := h.link.listen()
	go func() { h.served <- h.server.Serve(context.Background(), l) }()
}

func (h *harness) stop() {
	_ = h.server.Close()
	<-h.served
}

func (h *harness) mount() {
	h.t.Helper()
	res, err := h.c.Mnt(h.t.Context(), nil, "/nas")
	if err != nil {
		h.t.Fatal(err)
	}
	h.root = res.Root
}

func (h *harness) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf("%v "+format, append([]any{time.Now().Format("04:05.000")}, args...)...))
}

func (h *harness) fail(format string, args ...any) {
	h.t.Helper()
	for _, line := range h.log {
		h.t.Log(line)
	}
	h.t.Fatalf(format, args...)
}

// wait lets virtual time pass.
func (h *harness) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// held is what version n of a file holds: no two share a byte pattern.
func held(name string, n, size int) []byte {
	id := fnv.New64a()
	fmt.Fprintf(id, "%s %d", name, n)
	return noiseOf(size, id.Sum64())
}

func noiseOf(n int, seed uint64) []byte {
	r, b := rand.NewPCG(seed, 1), make([]byte, n+8)
	for i := 0; i < n; i += 8 {
		v := r.Uint64()
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return b[:n]
}

// changed notes that a file holds something else from now on.
func (h *harness) changed(name string, data []byte) {
	f := h.files[name]
	if f == nil {
		f = &history{}
		h.files[name] = f
	}
	f.versions = append(f.versions, version{data, time.Now()})
}

// edit changes a file at the server, behind the filer's back.
func (h *harness) edit(name string, size int) {
	data := held(name, len(h.files[name].versions), size)
	h.fs.Edit(name, data)
	h.changed(name, data)
	h.note("edit %s: version %d, %d bytes", name, len(h.files[name].versions)-1, size)
}

// troubled makes the next while one in which the filer need not know how things are.
func (h *harness) troubled(d time.Duration) {
	if until := time.Now().Add(d + reachable); until.After(h.trouble) {
		h.trouble = until
	}
}

// retried makes a call until it is not told to come back.
func (h *harness) retried(what string, call func(ctx context.Context) error) error {
	for begin := time.Now(); ; h.wait(500 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(h.t.Context(), time.Hour)
		err := call(ctx)
		cancel()
		if !errors.Is(err, nfs.ErrJukebox) {
			return err
		}
		if time.Since(begin) > time.Hour {
			h.fail("%s: told to come back for an hour", what)
		}
	}
}

// find looks a file up; nil when it is not there.
func (h *harness) find(name string) *nfs.Handle {
	for range 100 {
		if found, done := h.findOnce(name); done {
			return found
		}
	}
	h.fail("lookup %s: the root stays stale", name)
	return nil
}

func (h *harness) findOnce(name string) (found *nfs.Handle, done bool) {
	err := h.retried("lookup "+name, func(ctx context.Context) error {
		res, err := h.c.Lookup(ctx, nil, nfs.LookupArgs{Dir: h.root, Name: name})
		if err == nil {
			found = &res.Object
		}
		return err
	})
	switch {
	case errors.Is(err, nfs.ErrStale):
		h.note("lookup %s: the root is stale", name)
		h.mount()
		return nil, false
	case err != nil && !errors.Is(err, nfs.ErrNoEnt):
		h.fail("lookup %s: %v", name, err)
	}
	return found, true
}

// check reads a piece of a file and compares it with every version that may be seen now.
func (h *harness) check(name string, off, n int) {
	f, begin := h.files[name], time.Now()
	handle := h.find(name)
	if handle == nil {
		h.fail("%s is not there", name)
	}
	var res nfs.ReadResult
	buf := make([]byte, n)
	err := h.retried("read "+name, func(ctx context.Context) (err error) {
		res, err = h.c.Read(ctx, nil, nfs.ReadArgs{File: *handle, Offset: uint64(off), Count: uint32(n)}, buf)
		return err
	})
	if errors.Is(err, nfs.ErrStale) { // another file took the name
		h.note("read %s: stale", name)
		h.wait(h.verify)
		h.check(name, off, n)
		return
	}
	if err != nil {
		h.fail("read %s: %v", name, err)
	}
	oldest := h.oldest(f, begin)
	for i := len(f.versions) - 1; i >= oldest; i-- {
		v := f.versions[i].data
		lo, hi := min(off, len(v)), min(off+n, len(v))
		if bytes.Equal(res.Data, v[lo:hi]) && res.EOF == (off+n >= len(v)) {
			if hi > lo { // no two versions have the same bytes
				f.seen = max(f.seen, i)
			}
			h.note("read %s [%d, %d): version %d of %d", name, off, off+n, i, len(f.versions)-1)
			return
		}
	}
	what := "bytes that were never there"
	for i, v := range f.versions {
		if lo, hi := min(off, len(v.data)), min(off+n, len(v.data)); bytes.Equal(res.Data, v.data[lo:hi]) {
			what = fmt.Sprintf("version %d", i)
		}
	}
	h.fail("read %s [%d, %d): %s (%d bytes, eof %v), want version %d to %d", name, off, off+n, what, len(res.Data), res.EOF, oldest, len(f.versions)-1)
}

// oldest is the oldest version that a read which began at a time may show.
func (h *harness) oldest(f *history, begin time.Time) int {
	if begin.Before(h.trouble) {
		return f.seen
	}
	i := len(f.versions) - 1
	for i > 0 && f.versions[i].since.After(begin.Add(-h.verify)) {
		i--
	}
	return max(i, f.seen)
}

// write writes a whole file through the filer.
func (h *harness) write(name string) {
	f := h.files[name]
	handle := h.find(name)
	if handle == nil {
		h.fail("%s is not there", name)
	}
	data := held(name, len(f.versions), len(f.versions[len(f.versions)-1].data))
	h.changed(name, data) // may be seen from now on
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Hour)
	defer cancel()
	res, err := h.c.Write(ctx, nil, nfs.WriteArgs{File: *handle, Data: data, Stable: nfs.FileSync})
	h.note("write %s: version %d, %v", name, len(f.versions)-1, err)
	switch {
	case errors.Is(err, nfs.ErrStale), errors.Is(err, nfs.ErrJukebox):
		f.versions = f.versions[:len(f.versions)-1]
	case err != nil || int(res.Count) != len(data):
		h.fail("write %s: %d, %v", name, res.Count, err)
	default:
		f.versions[len(f.versions)-1].since = time.Now()
		f.seen = len(f.versions) - 1
	}
}

// step does something, chosen by the seed.
func (h *harness) step() {
	names := []string{"a", "b", "c"}
	name := names[h.r.IntN(len(names))]
	size := len(h.files[name].versions[len(h.files[name].versions)-1].data)
	outage := time.Duration(h.r.Int64N(int64(5 * time.Minute)))
	if h.r.IntN(2) == 0 {
		outage /= 100
	}
	switch k := h.r.IntN(100); {
	case k < 40:
		off := h.r.IntN(size + 10)
		h.check(name, off, 1+h.r.IntN(300<<10))
	case k < 50:
		h.edit(name, size) // the same size, and often in the same second
		if h.r.IntN(2) == 0 {
			h.check(name, 0, 64<<10)
			h.edit(name, size)
		}
	case k < 54:
		h.edit(name, 1+h.r.IntN(400<<10))
	case k < 58:
		data := held(name, len(h.files[name].versions), size)
		h.fs.Replace(name, data)
		h.changed(name, data)
		h.note("replace %s: version %d", name, len(h.files[name].versions)-1)
	case k < 66:
		h.write(name)
	case k < 74:
		h.wait(time.Duration(h.r.Int64N(int64(2 * h.verify))))
	case k < 78:
		h.note("cut for %v", outage)
		h.troubled(outage)
		h.link.cutOff()
		time.AfterFunc(outage, h.link.restore)
	case k < 82:
		h.note("silence for %v", outage)
		h.troubled(outage + deadAfter)
		h.link.freeze()
		time.AfterFunc(outage, h.link.restore)
	case k < 86:
		d := time.Duration(h.r.IntN(300)) * time.Millisecond
		h.link.set(func(w *wire) { w.delay = d })
		h.note("delay %v", d)
	case k < 90:
		h.note("the server restarts")
		h.troubled(0)
		h.stop()
		h.fs.Crash()
		h.serve()
	case k < 93:
		h.note("the server's handles change")
		h.fs.Rehandle()
		h.troubled(0)
	case k < 97:
		h.full.Store(!h.full.Load())
		h.note("cache disk full: %v", h.full.Load())
	default:
		if h.find("none") != nil {
			h.fail("found what was never there")
		}
	}
}

// run makes steps, then sees that everything is well again by itself.
func (h *harness) run(steps int) {
	for _, name := range []string{"a", "b", "c"} {
		data := held(name, 0, 100<<10+h.r.IntN(300<<10))
		h.fs.Add(name, data)
		h.changed(name, data)
	}
	for range steps {
		h.step()
	}
	h.link.restore()
	h.full.Store(false)
	h.wait(time.Until(h.trouble) + deadAfter + reachable + h.verify)
	for name, f := range h.files {
		h.check(name, 0, 1<<20)
		if last := len(f.versions) - 1; f.seen != last {
			h.fail("%s: version %d is seen in the end, want %d", name, f.seen, last)
		}
	}
	if s := h.filer.Status(); s.Exports[0].OriginError != "" {
		h.fail("the origin's error stays: %s", s.Exports[0].OriginError)
	}
}

var originSeed = flag.Uint64("origin-seed", 0, "run the origin harness with this seed alone")

// TestOriginTroubles runs random work over a link and a server in trouble. A seed that fails is run again with
//
//	go test ./internal/filer -run TestOriginTroubles -origin-seed N -v
func TestOriginTroubles(t *testing.T) {
	seeds := uint64(6)
	if os.Getenv("SPILLWAY_TEST_ALL") != "" {
		seeds = 1000
	}
	run := func(seed uint64) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				newHarness(t, seed, []time.Duration{time.Second, 30 * time.Second}[seed%2]).run(60)
			})
		})
	}
	if *originSeed != 0 {
		run(*originSeed)
		return
	}
	for seed := uint64(1); seed <= seeds && !t.Failed(); seed++ {
		run(seed)
	}
}

// A quarter of an hour without the storage is not noticed by those who read what is cached: nothing fails, nothing makes
// them wait for longer than it takes to notice, and afterwards what has changed meanwhile is seen as usual.
func TestOutageIsUnseenByReadersOfCachedData(t *testing.T) {
	for name, begin := range map[string]func(*wire){"cut": (*wire).cutOff, "silent": (*wire).freeze} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, 1, 30*time.Second)
				data := held("a", 0, 300<<10)
				h.fs.Add("a", data)
				h.changed("a", data)
				h.link.set(func(w *wire) { w.delay = 50 * time.Millisecond })
				h.use(data)
				begin(h.link)
				h.trouble = time.Now().Add(24 * time.Hour)
				for end := time.Now().Add(15 * time.Minute); time.Now().Before(end); h.wait(7 * time.Second) {
					h.use(data)
				}
				if s := h.filer.Status(); s.Exports[0].OriginError == "" {
					t.Error("the status says nothing of the outage")
				}
				h.edit("a", 300<<10)
				h.link.restore()
				h.trouble = time.Time{}
				h.wait(reachable + h.verify)
				h.check("a", 0, 1<<20)
				if h.files["a"].seen != 1 {
					t.Error("what has changed during the outage is not seen after it")
				}
				if s := h.filer.Status(); s.Exports[0].OriginError != "" {
					t.Errorf("the outage is over, and the status says %s", s.Exports[0].OriginError)
				}
			})
		})
	}
}

// use makes every call of a reader on what is cached, and bounds what each may take.
func (h *harness) use(want []byte) {
	h.t.Helper()
	ctx := h.t.Context()
	timed := func(what string, call func() error) {
		h.t.Helper()
		begin := time.Now()
		if err := call(); err != nil {
			h.t.Fatalf("%s: %v", what, err)
		}
		if took := time.Since(begin); took > silence+2*time.Second {
			h.t.Fatalf("%s took %v", what, took)
		}
	}
	var file nfs.Handle
	timed("LOOKUP", func() error {
		res, err := h.c.Lookup(ctx, nil, nfs.LookupArgs{Dir: h.root, Name: "a"})
		file = res.Object
		return err
	})
	timed("LOOKUP of nothing", func() error {
		if _, err := h.c.Lookup(ctx, nil, nfs.LookupArgs{Dir: h.root, Name: "none"}); !errors.Is(err, nfs.ErrNoEnt) {
			return fmt.Errorf("found: %w", err)
		}
		return nil
	})
	timed("GETATTR", func() error {
		_, err := h.c.Getattr(ctx, nil, nfs.GetattrArgs{Object: file})
		return err
	})
	timed("ACCESS", func() error {
		_, err := h.c.Access(ctx, nil, nfs.AccessArgs{Object: file, Access: nfs.AccessRead})
		return err
	})
	timed("READDIRPLUS", func() error {
		res, err := h.c.Readdirplus(ctx, nil, nfs.ReaddirplusArgs{Dir: h.root, DirCount: 8192, MaxCount: 8192})
		if err == nil && !slices.ContainsFunc(res.Entries, func(e nfs.DirEntry) bool { return e.Name == "a" }) {
			err = nfs.ErrNoEnt
		}
		return err
	})
	buf := make([]byte, 1<<20)
	timed("READ", func() error {
		res, err := h.c.Read(ctx, nil, nfs.ReadArgs{File: file, Count: 1 << 20}, buf)
		if err == nil && !bytes.Equal(res.Data, want) {
			err = errors.New("something else")
		}
		return err
	})
}
