package filer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/spillway/spillway/internal/filer/wal"
	"github.com/spillway/spillway/internal/filer/wal/waltest"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// TestCrashes runs seeded lives of a filer that writes back over an origin that loses calls, replies and uncommitted
// data. Each life ends at a random disk operation, by kill or power cut. What was acknowledged as stable must be there
// afterwards, nothing may be read that was never written, a changed verifier must make the client write again whenever
// unstable data was lost, and in the end the origin must have exactly what the client wrote.
// SPILLWAY_TEST_ALL runs a thousand seeds; SPILLWAY_CRASH_SEED=N runs one, N-M those.
func TestCrashes(t *testing.T) {
	first, last := 1, 6
	if os.Getenv("SPILLWAY_TEST_ALL") != "" {
		last = 1000
	}
	if s := os.Getenv("SPILLWAY_CRASH_SEED"); s != "" {
		from, to, several := strings.Cut(s, "-")
		if !several {
			to = from
		}
		var err, err2 error
		first, err = strconv.Atoi(from)
		last, err2 = strconv.Atoi(to)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	}
	var total tally
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newWorld(t, uint64(seed), &total).run() })
	}
	t.Logf("%+v", total)
	if last-first > 20 && (total.cuts == 0 || total.kills == 0 || total.stable == 0 || total.resent == 0 || total.receipts == 0) {
		t.Errorf("this showed nothing: %+v", total)
	}
}

// tally counts what the runs covered.
type tally struct{ ops, stable, cuts, kills, originCrashes, resent, receipts, conflicts, refused int }

const (
	unit     = 512 // bytes of one value: a sector, the most that a cut leaves whole
	maxUnits = 700
	absent   = -1 // the value of a unit beyond the end
)

// copied is a file as its client knows it. Each unit has the values that may be read now, and those that may be found
// after a crash.
type copied struct {
	id          origin.ID // at the storage
	live, safe  [][]int
	uncommitted bool // there are unstable writes under verf
	verf        nfs.Verifier
	mixed       bool // or under several verifiers
	unsure      bool // the last calls did not answer
}

func newCopied() *copied {
	c := &copied{live: make([][]int, maxUnits), safe: make([][]int, maxUnits)}
	for i := range c.live {
		c.live[i], c.safe[i] = []int{absent}, []int{absent}
	}
	return c
}

func addTo(set *[]int, v int) {
	if !slices.Contains(*set, v) {
		*set = append(*set, v)
	}
}

func (c *copied) size() int {
	n := 0
	for i := range c.live {
		if last := c.live[i][len(c.live[i])-1]; last != absent {
			n = i + 1
		}
	}
	return n
}

// change applies a write or truncation: vals[i] for unit from+i. answered: nothing but the new values may be read now;
// stable: nor after a crash.
func (c *copied) change(from int, vals []int, answered, stable bool) {
	for i, v := range vals {
		u := from + i
		if answered {
			c.live[u] = []int{v}
		} else {
			addTo(&c.live[u], v)
		}
		if answered && stable {
			c.safe[u] = []int{v}
		} else {
			addTo(&c.safe[u], v)
		}
	}
}

// world is one seed's run.
type world struct {
	t      *testing.T
	total  *tally
	rng    *rand.Rand
	origin *wobbly
	cfg    Config
	mem    *vfs.MemFS
	log    *waltest.Disk
	disk   *powerDisk

	files map[string]*copied
	next  int // value

	tracing sync.Mutex
	trace   []string // guarded by tracing

	f      *Filer
	c      *client
	ctx    context.Context
	cancel context.CancelFunc
	served chan struct{}
}

func newWorld(t *testing.T, seed uint64, total *tally) *world {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &world{
		t: t, total: total, rng: rng, origin: newWobbly(rand.New(rand.NewPCG(seed, 1))), mem: vfs.NewCrashableMem(),
		log: waltest.New(), disk: newPowerDisk(rand.New(rand.NewPCG(seed, 2))), files: map[string]*copied{}, next: 1,
	}
	delays := []time.Duration{time.Millisecond, 20 * time.Millisecond, time.Hour}
	w.cfg = Config{
		Name: "f", CacheDir: t.TempDir(), Capacity: 8 << 20, Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Exports: []Export{{Path: "/nas", Origin: w.origin, Verify: time.Hour, WriteBack: delays[rng.IntN(3)], Block: 64 << 10}},
		logSize: wal.Options{SegmentSize: 256 << 10 << rng.IntN(3), Segments: 6 + rng.IntN(4)},
	}
	return w
}

// note keeps what was done, for whoever must find out why a seed fails.
func (w *world) note(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

// Write takes the filer's log.
func (w *world) Write(b []byte) (int, error) {
	w.tracing.Lock()
	defer w.tracing.Unlock()
	w.trace = append(w.trace, strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

func (w *world) run() {
	defer func() {
		if w.t.Failed() {
			w.tracing.Lock()
			defer w.tracing.Unlock()
			w.t.Log(strings.Join(w.trace, "\n"))
		}
	}()
	w.up(-1)
	lives := 2 + w.rng.IntN(3)
	for range lives {
		w.work(10 + w.rng.IntN(40))
		w.crash()
	}
	w.end()
}

// up starts the filer over what the last life left; left operations later the power goes, perhaps before it is up.
func (w *world) up(left int) {
	for {
		w.ctx, w.cancel = context.WithCancel(context.Background())
		cut := w.cancel
		w.disk.mu.Lock()
		w.disk.dead, w.disk.left, w.disk.full, w.disk.onCut = false, left, 0, cut
		w.disk.mu.Unlock()
		w.log.Fail(func(string) error { return w.disk.tick() })
		cfg := w.cfg
		mem := w.mem
		cfg.disk, cfg.logDisk = w.disk, w.log
		cfg.index = func() (KV, error) { return openKV("index", mem, testLogF()) }
		f, err := Open(cfg)
		if err == nil {
			w.f = f
			break
		}
		if left < 0 || !errors.Is(err, errPower) && w.ctx.Err() == nil {
			w.t.Fatalf("start: %v", err)
		}
		w.afterwards()
		left = -1
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.served = make(chan struct{})
	go func(f *Filer, done chan struct{}) {
		defer close(done)
		f.Serve(context.Background(), l)
	}(w.f, w.served)
	c, err := nfs.Dial(w.ctx, l.Addr().String(), nfs.Options{Auth: nfs.Sys("test", 1000, 1000)})
	if err == nil {
		var m nfs.MntResult
		if m, err = c.Mnt(w.ctx, nil, "/nas"); err == nil {
			w.c = &client{c, w.t, m.Root}
			return
		}
		c.Close()
	}
	if w.ctx.Err() == nil {
		w.t.Fatalf("mount: %v", err)
	}
	w.c = nil
	w.stop()
	w.afterwards()
	w.up(-1)
}

// stop ends the process: nothing that it does from now on reaches a disk.
func (w *world) stop() {
	w.disk.mu.Lock()
	w.disk.dead = true
	w.disk.mu.Unlock()
	w.cancel()
}

// afterwards makes the disks be what the crash left.
func (w *world) afterwards() {
	kill := w.rng.IntN(2) == 0
	w.note("crash, kill %v", kill)
	percent := 100
	if kill {
		w.total.kills++
	} else {
		w.total.cuts++
		percent = w.rng.IntN(101)
	}
	mem := w.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(w.rng.Uint64(), 3))})
	log := w.log
	if kill {
		w.log = log.Kill()
	} else {
		w.log = log.Cut(w.rng)
	}
	if w.f != nil {
		if w.c != nil {
			w.c.Close()
		}
		w.f.kill()
		<-w.served
		w.f, w.c = nil, nil
	}
	if err := w.disk.settle(filepath.Join(w.cfg.CacheDir, "data"), kill); err != nil {
		w.t.Fatal(err)
	}
	w.mem = mem
}

// crash ends a life and checks the next one.
func (w *world) crash() {
	w.stop()
	w.afterwards()
	if w.rng.IntN(3) == 0 {
		w.originCrash()
	}
	w.origin.set(0, false)
	left := -1
	if w.rng.IntN(3) == 0 {
		left = w.rng.IntN(40) // a crash while starting, or soon after
	}
	w.up(left)
	w.resync()
	w.check(true)
	w.origin.set([]float64{0, 0, 0.05, 0.3}[w.rng.IntN(4)], w.rng.IntN(8) == 0)
	w.disk.mu.Lock()
	w.disk.left = -1
	if w.rng.IntN(4) > 0 {
		w.disk.left = w.rng.IntN(120)
	}
	w.disk.full = []float64{0, 0, 0.1}[w.rng.IntN(3)]
	w.disk.mu.Unlock()
}

func (w *world) originCrash() {
	w.total.originCrashes++
	w.note("origin crashes")
	w.origin.crash()
}

// resync takes the names from the origin: they are written through, and a call without an answer may have changed them.
// The filer must not be at work on such a call any more.
func (w *world) resync() {
	known := map[origin.ID]*copied{}
	for _, file := range w.files {
		known[file.id] = file
	}
	clear(w.files)
	for name, id := range w.origin.ids() {
		file := known[id]
		if file == nil {
			file = newCopied()
			file.id = id
		}
		w.files[name] = file
	}
}

var fileNames = []string{"a", "b", "c", "d"}

func (w *world) handle(name string) (nfs.Handle, bool) {
	r, err := w.c.Lookup(w.ctx, nil, nfs.LookupArgs{Dir: w.c.root, Name: name})
	if err != nil {
		if w.ctx.Err() == nil && !errors.Is(err, nfs.ErrJukebox) && !errors.Is(err, nfs.ErrNoEnt) {
			w.t.Fatalf("lookup %s: %v", name, err)
		}
		return nfs.Handle{}, false
	}
	return r.Object, true
}

// refused says whether a call failed in a way that the world allows: the filer is gone, or says to try again.
func (w *world) refused(what string, err error) bool {
	w.note("%s: %v", what, err)
	if err == nil {
		return false
	}
	if w.ctx.Err() == nil && !errors.Is(err, nfs.ErrJukebox) {
		w.t.Fatalf("%s: %v", what, err)
	}
	w.total.refused++
	if w.ctx.Err() == nil {
		w.resync()
	}
	return true
}

func (w *world) work(ops int) {
	for range ops {
		if w.ctx.Err() != nil {
			return
		}
		w.total.ops++
		name := fileNames[w.rng.IntN(len(fileNames))]
		file := w.files[name]
		if file == nil {
			w.create(name)
			continue
		}
		h, ok := w.handle(name)
		if !ok {
			continue
		}
		switch w.rng.IntN(20) {
		case 0:
			w.truncate(h, file)
		case 1:
			w.rename(name)
		case 2:
			w.remove(name)
		case 3, 4, 5:
			w.commit(h, file)
		case 6:
			w.flush(name, file)
		case 7:
			w.originCrash()
		case 8:
			w.origin.set([]float64{0, 0.05, 0.3}[w.rng.IntN(3)], w.rng.IntN(6) == 0)
		case 9:
			w.check(false)
		case 10:
			_, err := w.c.Setattr(w.ctx, nil, nfs.SetattrArgs{Object: h, Attr: nfs.SetAttr{Mtime: nfs.SetTimeTo(nfs.Time{Sec: w.rng.Uint32N(1 << 30)})}})
			w.refused("set times", err)
		default:
			w.write(h, file)
		}
	}
}

func (w *world) create(name string) {
	_, err := w.c.Create(w.ctx, nil, nfs.CreateArgs{Dir: w.c.root, Name: name, How: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o644)}})
	if !w.refused("create "+name, err) {
		w.resync()
	}
}

func (w *world) write(h nfs.Handle, file *copied) {
	n := 1 + w.rng.IntN(8)
	if w.rng.IntN(5) == 0 {
		n = 1 + w.rng.IntN(300)
	}
	from := w.rng.IntN(maxUnits - n)
	if w.rng.IntN(2) == 0 {
		from = min(file.size(), maxUnits-n)
	}
	v := w.next
	w.next++
	vals, data := make([]int, n), make([]byte, n*unit)
	for i := range vals {
		vals[i] = v
	}
	for i := 0; i < len(data); i += 8 {
		binary.BigEndian.PutUint64(data[i:], uint64(v))
	}
	how := nfs.Stable(w.rng.IntN(3))
	before := file.size()
	r, err := w.c.Write(w.ctx, nil, nfs.WriteArgs{File: h, Offset: uint64(from * unit), Data: data, Stable: how})
	if w.refused(fmt.Sprintf("write %d at %d+%d of %x %v", v, from, n, h.Bytes()[5:13], how), err) {
		w.gap(file, before, from, false, false)
		file.change(from, vals, false, false)
		file.unsure = true
		return
	}
	if int(r.Count) != len(data) || r.Committed < how {
		w.t.Fatalf("wrote %d of %d bytes as %v, asked for %v", r.Count, len(data), r.Committed, how)
	}
	stable := r.Committed != nfs.Unstable
	w.gap(file, before, from, true, stable)
	file.change(from, vals, true, stable)
	if stable {
		w.total.stable++
	} else {
		if file.uncommitted && file.verf != r.Verifier {
			file.mixed = true
		}
		file.uncommitted, file.verf = true, r.Verifier
	}
}

// gap notes the zeros that a write beyond the end leaves.
func (w *world) gap(file *copied, size, from int, answered, stable bool) {
	for u := size; u < from; u++ {
		file.change(u, []int{0}, answered, stable)
	}
}

func (w *world) truncate(h nfs.Handle, file *copied) {
	n, size := w.rng.IntN(maxUnits), file.size()
	_, err := w.c.Setattr(w.ctx, nil, nfs.SetattrArgs{Object: h, Attr: nfs.SetAttr{Size: nfs.Set64(uint64(n * unit))}})
	failed := w.refused(fmt.Sprintf("truncate %x to %d", h.Bytes()[5:13], n), err)
	file.unsure = file.unsure || failed
	for u := n; u < maxUnits; u++ {
		file.change(u, []int{absent}, !failed, true)
	}
	for u := size; u < n; u++ {
		file.change(u, []int{0}, !failed, true)
	}
}

func (w *world) commit(h nfs.Handle, file *copied) {
	r, err := w.c.Commit(w.ctx, nil, nfs.CommitArgs{File: h})
	if w.refused(fmt.Sprintf("commit %x", h.Bytes()[5:13]), err) || !file.uncommitted {
		return
	}
	if file.mixed || r.Verifier != file.verf {
		w.resend(h, file)
		return
	}
	for u := range file.live {
		file.safe[u] = slices.Clone(file.live[u])
	}
	file.uncommitted = false
	w.total.stable++
}

// resend is what a client does whose unstable writes may be lost: write what it has again.
func (w *world) resend(h nfs.Handle, file *copied) {
	owed := func(u int) int {
		v := file.live[u][len(file.live[u])-1]
		if len(file.live[u]) == 1 && slices.Equal(file.live[u], file.safe[u]) {
			return absent
		}
		return v
	}
	for from := 0; from < maxUnits; {
		var vals []int
		var data []byte
		for u := from; u < maxUnits && owed(u) != absent; u++ {
			vals = append(vals, owed(u))
			for range unit / 8 {
				data = binary.BigEndian.AppendUint64(data, uint64(owed(u)))
			}
		}
		if len(vals) == 0 {
			from++
			continue
		}
		_, err := w.c.Write(w.ctx, nil, nfs.WriteArgs{File: h, Offset: uint64(from * unit), Data: data, Stable: nfs.FileSync})
		if w.refused(fmt.Sprintf("write again %d at %d+%d of %x", vals[:1], from, len(vals), h.Bytes()[5:13]), err) {
			file.unsure = true
			return
		}
		file.change(from, vals, true, true)
		from += len(vals)
	}
	size := file.size()
	_, err := w.c.Setattr(w.ctx, nil, nfs.SetattrArgs{Object: h, Attr: nfs.SetAttr{Size: nfs.Set64(uint64(size * unit))}})
	if w.refused(fmt.Sprintf("truncate again %x to %d", h.Bytes()[5:13], size), err) {
		file.unsure = true
		return
	}
	for u := size; u < maxUnits; u++ {
		file.change(u, []int{absent}, true, true)
	}
	w.total.resent++
	file.uncommitted, file.mixed, file.unsure = false, false, false
}

func (w *world) rename(name string) {
	to := fileNames[w.rng.IntN(len(fileNames))]
	_, err := w.c.Rename(w.ctx, nil, nfs.RenameArgs{FromDir: w.c.root, FromName: name, ToDir: w.c.root, ToName: to})
	if w.refused("rename "+name+" to "+to, err) {
		return
	}
	if name != to {
		w.files[to] = w.files[name]
		delete(w.files, name)
	}
	// A name must not come before its data.
	if file := w.files[to]; !file.unsure {
		if got := w.origin.listing()[to]; !file.allows(got, false) {
			w.t.Fatalf("renamed %s to %s, and the origin has: %s", name, to, file.explain(got, false))
		}
	}
}

func (w *world) remove(name string) {
	_, err := w.c.Remove(w.ctx, nil, nfs.RemoveArgs{Dir: w.c.root, Name: name})
	if !w.refused("remove "+name, err) {
		delete(w.files, name)
	}
}

// flush asks for a receipt. What it says must be durable at the origin.
func (w *world) flush(name string, file *copied) {
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	receipts, errs := w.f.Flush(ctx, []string{"/nas/" + name})
	if len(receipts) == 0 {
		if isConflict(errs[0].Err) {
			w.t.Fatalf("flush: %v", errs[0].Err)
		}
		return
	}
	w.total.receipts++
	w.note("receipt for %s", name)
	w.originCrash()
	got := w.origin.listing()[name]
	if sum := sha256.Sum256(got); sum != receipts[0].SHA256 {
		w.t.Fatalf("the receipt of %s is for %d bytes that the origin does not have", name, receipts[0].Size)
	}
	if !file.unsure && !file.allows(got, false) {
		w.t.Fatalf("the receipt of %s: %s", name, file.explain(got, false))
	}
}

// read reads a whole file; false: the filer does not answer.
func (w *world) read(h nfs.Handle) ([]byte, bool) {
	var out []byte
	buf := make([]byte, 1<<20)
	for {
		r, err := w.c.Read(w.ctx, nil, nfs.ReadArgs{File: h, Offset: uint64(len(out)), Count: 1 << 20}, buf)
		if w.refused("read", err) {
			return nil, false
		}
		out = append(out, r.Data...)
		if r.EOF {
			return out, true
		}
	}
}

func valueAt(b []byte, u int) (int, bool) {
	if u*unit >= len(b) {
		return absent, true
	}
	piece := b[u*unit : min((u+1)*unit, len(b))]
	v := int(binary.BigEndian.Uint64(piece))
	for i := 0; i+8 <= len(piece); i += 8 {
		if int(binary.BigEndian.Uint64(piece[i:])) != v {
			return 0, false
		}
	}
	return v, len(piece) == unit
}

// allows says whether b is what may be read, now or after a crash.
func (c *copied) allows(b []byte, crashed bool) bool { return c.explain(b, crashed) == "" }

func (c *copied) explain(b []byte, crashed bool) string {
	if len(b) > maxUnits*unit {
		return fmt.Sprintf("%d bytes", len(b))
	}
	for u := range maxUnits {
		want := c.live[u]
		if crashed {
			want = c.safe[u]
		}
		v, whole := valueAt(b, u)
		if !whole {
			return fmt.Sprintf("unit %d is torn", u)
		}
		if slices.Contains(want, v) || v == 0 && slices.Contains(want, absent) && len(want) > 1 {
			continue // a unit that need not be there may be a hole
		}
		if crashed && v == 0 && slices.Contains(want, absent) && c.beyond(u) {
			continue
		}
		return fmt.Sprintf("unit %d is %d, not of %v (%d bytes)", u, v, want, len(b))
	}
	return ""
}

// beyond says whether some unit after u may be there: then u may be a hole.
func (c *copied) beyond(u int) bool {
	for ; u < maxUnits; u++ {
		if slices.ContainsFunc(c.safe[u], func(v int) bool { return v != absent }) {
			return true
		}
	}
	return false
}

// check reads every file. After a crash what is found is what counts from then on, and clients whose verifier changed
// write again.
func (w *world) check(crashed bool) {
	for _, name := range fileNames {
		file := w.files[name]
		if file == nil {
			continue
		}
		h, ok := w.handle(name)
		if !ok {
			continue
		}
		got, ok := w.read(h)
		if !ok {
			file.unsure = file.unsure || crashed
			continue
		}
		if why := file.explain(got, crashed); why != "" {
			w.t.Fatalf("%s (after a crash: %v): %s", name, crashed, why)
		}
		if !crashed {
			continue
		}
		// What may be one thing or another is written again by a client that was not answered, or was told that it is
		// unstable: what is read now may be no more durable than that.
		lost, owed := false, false
		for u := range maxUnits {
			want := file.live[u][len(file.live[u])-1]
			v, _ := valueAt(got, u)
			lost = lost || !slices.Contains(file.live[u], v)
			if len(file.safe[u]) == 1 && slices.Equal(file.safe[u], file.live[u]) {
				continue
			}
			owed = true
			addTo(&file.safe[u], v)
			addTo(&file.safe[u], want)
			file.live[u] = []int{v}
			if want != v {
				file.live[u] = []int{v, want}
			}
		}
		if lost && !file.uncommitted && !file.unsure {
			w.t.Fatalf("%s lost what was stable", name)
		}
		if !owed {
			file.unsure, file.uncommitted, file.mixed = false, false, false
			continue
		}
		if !file.unsure {
			r, err := w.c.Commit(w.ctx, nil, nfs.CommitArgs{File: h})
			if w.refused("commit", err) {
				file.unsure = true
				continue
			}
			if r.Verifier == file.verf && !file.mixed {
				w.t.Fatalf("%s may have lost unstable data, and the verifier is the same", name)
			}
		}
		w.resend(h, file)
	}
}

// end brings everything to the origin and compares.
func (w *world) end() {
	w.disk.mu.Lock()
	w.disk.left, w.disk.full = -1, 0
	w.disk.mu.Unlock()
	w.origin.set(0, false)
	if w.ctx.Err() != nil {
		w.stop()
		w.afterwards()
		w.up(-1)
		w.resync()
		w.check(true)
	}
	w.check(false)
	for name, file := range w.files {
		if h, ok := w.handle(name); ok {
			w.commit(h, file)
		}
	}
	var wg sync.WaitGroup
	for _, ino := range w.f.wb.all() {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			var err error
			for range 10 {
				if err = w.f.wb.land(ctx, ino); err == nil || isConflict(err) {
					return
				}
			}
			w.t.Errorf("the end: %v", err)
		})
	}
	wg.Wait()
	w.originCrash()
	status := w.f.Status().Dirty
	if status.Files != 0 || status.Bytes != 0 || status.Failure != "" {
		w.t.Errorf("still dirty: %+v", status)
	}
	for _, a := range status.Asides { // a removal that was done and not answered leaves what was dirty
		if id, err := w.f.ids.identityOf(a.Inode); err == nil && w.origin.has(id.id) {
			w.t.Errorf("set aside, and the file is there: %+v", a)
		}
	}
	have := w.origin.listing()
	for name, b := range have {
		file := w.files[name]
		if file == nil {
			if strings.Contains(name, ".conflict-") {
				w.total.conflicts++
				w.t.Errorf("a conflict with nobody: %s", name)
			} else {
				w.t.Errorf("nobody made %s", name)
			}
			continue
		}
		if why := file.explain(b, false); why != "" {
			w.t.Errorf("%s at the origin: %s", name, why)
		}
		if h, ok := w.handle(name); ok {
			if got, ok := w.read(h); ok && !bytes.Equal(got, b) {
				w.t.Errorf("%s: the filer shows something else than the origin has", name)
			}
		}
	}
	for name := range w.files {
		if _, ok := have[name]; !ok {
			w.t.Errorf("%s is gone", name)
		}
	}
	w.c.Close()
	if err := w.f.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	<-w.served
	w.cancel()
}
