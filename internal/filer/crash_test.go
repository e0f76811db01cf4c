package filer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/filer/wal"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// TestCrashes runs seeded lives of a filer that writes back over an origin that loses calls, replies and uncommitted
// data. Each life ends at a random disk operation, by kill or power cut, or because a disk fails to write or sync. What was
// acknowledged as stable must be there afterwards, nothing may be read that was never written, a changed verifier must
// make the client write again whenever unstable data was lost, handles must last, repeats be answered as the first time,
// fenced sessions change nothing any more, and in the end the origin must have exactly what the client wrote.
// SPILLWAY_TEST_ALL runs a thousand seeds; SPILLWAY_CRASH_SEED=N runs one, N-M those.
func TestCrashes(t *testing.T) {
	crashes(t, 6, newWorld, func(total *tally) bool { return total.fences > 0 && total.exclusive > 0 })
}

func crashes(t *testing.T, few int, world func(*testing.T, uint64, *tally) *world, more func(*tally) bool) {
	var total tally
	first, last := crashSeeds(t, few, 1000)
	for seed := first; seed <= last; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { world(t, uint64(seed), &total).run() })
	}
	t.Logf("%+v", total)
	shown := total.cuts > 0 && total.kills > 0 && total.faults > 0 && total.stable > 0 && total.resent > 0 && total.receipts > 0 && total.repeats > 0
	if last-first > 20 && (!shown || !more(&total)) {
		t.Errorf("this showed nothing: %+v", total)
	}
}

// crashSeeds returns the seeds to run: 1 to few, or to all of them, or as the environment says.
func crashSeeds(t *testing.T, few, all int) (first, last int) {
	first, last = 1, few
	if os.Getenv("SPILLWAY_TEST_ALL") != "" {
		last = all
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
	return first, last
}

// tally counts what the runs covered.
type tally struct {
	ops, stable, cuts, kills, faults, originCrashes, resent, receipts, conflicts, refused, fences, exclusive, repeats, lostReplies int
}

// world is one seed's run.
type world struct {
	*machine          // where the client's calls go
	core     *machine // the filer behind it; nil: that is the origin
	total    *tally
	origin   *wobbly

	files map[string]*copied
	next  int // value

	tracing sync.Mutex
	trace   []string // guarded by tracing

	c      *client
	ctx    context.Context // ends when a machine dies
	cancel context.CancelFunc

	lost     bool            // unstable data may be: by the crash of the filer that has it
	grabbing *nfs.CreateArgs // an exclusive one that was not answered
	repeats  repeats
	fences   fences
}

func newWorld(t *testing.T, seed uint64, total *tally) *world {
	rng := rand.New(rand.NewPCG(seed, 0))
	w := &world{
		machine: newMachine(t, seed, "filer", rng), total: total, origin: newWobbly(rand.New(rand.NewPCG(seed, 1))), files: map[string]*copied{}, next: 1,
	}
	w.died = func() { w.cancel() }
	w.near.lose = w.losesReply(0.02)
	w.cfg = w.config(Export{Origin: w.origin})
	w.cfg.Exports[0].WriteBack = w.delay()
	t.Cleanup(w.near.close)
	return w
}

// config is a filer's, with a small log.
func (w *world) config(e Export) Config {
	e.Path, e.Verify, e.Block = "/nas", time.Hour, 64<<10
	return Config{
		Name: "f", CacheDir: w.t.TempDir(), Capacity: 8 << 20, Log: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Exports: []Export{e}, Locks: LockConfig{Off: true},
		logSize: wal.Options{SegmentSize: 256 << 10 << w.rng.IntN(3), Segments: 6 + w.rng.IntN(4)},
	}
}

func (w *world) delay() time.Duration {
	return [...]time.Duration{time.Millisecond, 20 * time.Millisecond, time.Hour}[w.rng.IntN(3)]
}

// losesReply makes a wire lose replies, with its own random numbers.
func (w *world) losesReply(chance float64) func() bool {
	rng := rand.New(rand.NewPCG(w.rng.Uint64(), 4))
	return func() bool { return rng.Float64() < chance }
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

// machines are those of the world, the one next to the origin first.
func (w *world) machines() []*machine {
	if w.core != nil {
		return []*machine{w.core, w.machine}
	}
	return []*machine{w.machine}
}

// up starts what is down over what the last life left, and mounts; left operations later the power goes, perhaps before
// that is done.
func (w *world) up(left int) {
	for {
		w.ctx, w.cancel = context.WithCancel(context.Background())
		for _, m := range w.machines() {
			if m.f == nil {
				m.begin(left)
			}
		}
		if err := w.connect(); err == nil {
			return
		} else if w.ctx.Err() == nil {
			w.t.Fatalf("mount: %v", err)
		}
		w.afterwards()
		left = -1
	}
}

// connect mounts for the client, in its session, unless it has; a fence that was begun is brought to its end before.
func (w *world) connect() error {
	if w.c != nil && w.fences.fencing == 0 {
		return nil
	}
	w.hangUp()
	if err := w.fences.finish(w); err != nil {
		return err
	}
	path, err := w.fences.session(w)
	if err != nil {
		return err
	}
	c, err := nfs.Dial(w.ctx, "filer", nfs.Options{Auth: nfs.Sys("test", 1000, 1000), Connections: 1, Dialer: w.repeats.dialer(w.near)})
	if err != nil {
		return err
	}
	m, err := c.Mnt(w.ctx, nil, path)
	if err != nil {
		c.Close()
		return err
	}
	w.c = &client{c, w.t, m.Root}
	return nil
}

func (w *world) hangUp() {
	if w.c != nil {
		w.c.Close()
		w.c = nil
	}
}

// afterwards ends what has died, and makes the disks be what that left.
func (w *world) afterwards() {
	w.cancel()
	for _, m := range w.machines() {
		if !m.dead() {
			continue
		}
		if m == w.machine {
			w.hangUp()
			w.repeats.crashed()
			w.lost = true
		}
		w.lost = w.lost || w.through()
		m.disk.mu.Lock()
		w.total.faults += m.disk.fails
		m.disk.fails = 0
		m.disk.mu.Unlock()
		if m.failed.Load() {
			w.total.faults++
		}
		kill := m.afterwards()
		w.note("crash of %s, kill %v", m.name, kill)
		if kill {
			w.total.kills++
		} else {
			w.total.cuts++
		}
	}
}

// crash ends a life and checks the next one.
func (w *world) crash() {
	victims := w.machines()
	if len(victims) > 1 {
		victims = [...][]*machine{victims, victims[:1], victims[1:]}[w.rng.IntN(3)]
	}
	for _, m := range victims {
		m.stop()
	}
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
	if !w.settled() {
		return
	}
	w.repeats.check(w)
	w.resync()
	w.grabbed()
	w.checkCrashed()
	w.fences.check(w)
	w.origin.set([]float64{0, 0, 0.05, 0.3}[w.rng.IntN(4)], w.rng.IntN(8) == 0)
	for _, m := range w.machines() {
		m.trouble()
	}
}

// settled waits until calls that the client gave up have ended; false: a machine has died again.
func (w *world) settled() bool {
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	for _, m := range w.machines() {
		if err := m.quiesce(ctx); err != nil && w.ctx.Err() == nil {
			w.t.Fatalf("calls do not end: %v", err)
		}
	}
	return w.ctx.Err() == nil
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

// handle looks a name up. The handle of a file is always the same, and not stale while the file is there.
func (w *world) handle(name string) (nfs.Handle, bool) {
	r, err := w.c.Lookup(w.ctx, nil, nfs.LookupArgs{Dir: w.c.root, Name: name})
	if err != nil {
		if w.ctx.Err() == nil && !errors.Is(err, nfs.ErrJukebox) && !errors.Is(err, nfs.ErrNoEnt) {
			w.t.Fatalf("lookup %s: %v", name, err)
		}
		return nfs.Handle{}, false
	}
	if file := w.files[name]; file != nil {
		if file.hasHandle && file.handle != r.Object {
			w.t.Fatalf("%s has another handle: %x, and had %x", name, r.Object.Bytes(), file.handle.Bytes())
		}
		file.handle, file.hasHandle = r.Object, true
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
	if w.ctx.Err() == nil && w.settled() {
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
			if !w.refused("set times", err) {
				w.repeats.keep(w, true)
			}
		case 11:
			w.repeats.check(w)
		case 12:
			w.fences.fence(w)
		default:
			w.write(h, file)
		}
	}
}

func (w *world) create(name string) {
	args := nfs.CreateArgs{Dir: w.c.root, Name: name, How: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o644)}}
	if w.rng.IntN(3) == 0 {
		args.How, args.Attr = nfs.Exclusive, nfs.SetAttr{}
		binary.BigEndian.PutUint64(args.Verifier[:], w.rng.Uint64())
		w.grabbing = &args
	}
	r, err := w.c.Create(w.ctx, nil, args)
	refused := w.refused("create "+name, err)
	if w.ctx.Err() == nil {
		w.grabbing = nil
	}
	if refused {
		return
	}
	w.repeats.keep(w, false)
	w.resync()
	if file := w.files[name]; file != nil {
		file.handle, file.hasHandle = r.Object.Handle, r.Object.Present
	}
	if args.How == nfs.Exclusive && w.rng.IntN(2) == 0 {
		w.grabbing = &args
		w.grabbed()
	}
}

// grabbed repeats an exclusive CREATE under another xid, as a client does that has lost its memory of the first or was not
// answered: it must get the file that it made, and nobody else may.
func (w *world) grabbed() {
	args := w.grabbing
	if args == nil {
		return
	}
	args.Dir, w.grabbing = w.c.root, nil
	r, err := w.c.Create(w.ctx, nil, *args)
	if w.refused("create "+args.Name+" again", err) {
		return
	}
	w.total.exclusive++
	w.resync()
	w.files[args.Name].handle, w.files[args.Name].hasHandle = r.Object.Handle, r.Object.Present
	args.Verifier[0]++
	if _, err := w.c.Create(w.ctx, nil, *args); !errors.Is(err, nfs.ErrExist) && w.ctx.Err() == nil && !errors.Is(err, nfs.ErrJukebox) {
		w.t.Fatalf("an exclusive create of %s by somebody else: %v", args.Name, err)
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
	vals, data := slices.Repeat([]int{v}, n), unitsOf(v, n)
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
		w.repeats.firm()
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
	if !failed {
		w.repeats.keep(w, true)
	}
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
	w.repeats.firm()
}

// through says whether the client's filer passes writes on: then only a crash behind it loses unstable data.
func (w *world) through() bool { return w.cfg.Exports[0].WriteBack == 0 }

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
	w.repeats.keep(w, false)
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
		w.repeats.keep(w, false)
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

func (w *world) checkCrashed() {
	w.check(w.lost)
	w.lost = w.lost && w.ctx.Err() != nil
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
			if w.through() { // the edge may have it in its cache, and the core not
				file.live[u] = append(slices.Clone(file.safe[u]), want)
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
				if lost || !w.through() {
					w.t.Fatalf("%s may have lost unstable data, and the verifier is the same", name)
				}
				file.committed(got)
				continue
			}
		}
		w.resend(h, file)
	}
}
