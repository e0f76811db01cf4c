package wal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/filer/wal"
	"github.com/spillway/spillway/internal/filer/wal/waltest"
)

// small makes a ring of five segments of two pages.
func small() wal.Options { return wal.Options{SegmentSize: 8192, Segments: 5} }

type replayed map[uint64]string

func open(t testing.TB, d wal.Disk, opt wal.Options, from uint64) (*wal.Log, replayed, error) {
	t.Helper()
	got := replayed{}
	last := uint64(0)
	l, err := wal.Open(d, opt, from, func(seq uint64, b []byte) error {
		if last != 0 && seq != last+1 {
			t.Errorf("record %d follows %d", seq, last)
		}
		last = seq
		got[seq] = string(b)
		return nil
	})
	return l, got, err
}

func mustOpen(t testing.TB, d wal.Disk, opt wal.Options, from uint64) (*wal.Log, replayed) {
	t.Helper()
	l, got, err := open(t, d, opt, from)
	if err != nil {
		t.Fatal(err)
	}
	return l, got
}

func put(t testing.TB, l *wal.Log, records ...string) uint64 {
	t.Helper()
	var b [][]byte
	for _, r := range records {
		b = append(b, []byte(r))
	}
	seq, err := l.Append(b...)
	if err == nil {
		err = l.Wait(context.Background(), seq)
	}
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func TestConfirmedRecordsComeBack(t *testing.T) {
	d := wal.Dir(t.TempDir())
	opt := small()
	l, _ := mustOpen(t, d, opt, 0)
	opt.ID = l.ID()
	put(t, l, "one", "", "three")
	put(t, l, strings.Repeat("x", l.MaxRecord()))
	if _, err := l.Append(make([]byte, l.MaxRecord()+1)); !errors.Is(err, wal.ErrTooLarge) {
		t.Errorf("a record that is too large: %v", err)
	}
	l.Abandon()
	for range 20 { // opening costs no space
		again, got := mustOpen(t, d, opt, 2)
		if len(got) != 3 || got[2] != "" || got[3] != "three" || len(got[4]) != l.MaxRecord() || again.Next() != 5 {
			t.Fatalf("replayed %d records, next %d", len(got), again.Next())
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
	opt.ID++
	if _, _, err := open(t, d, opt, 0); !errors.Is(err, wal.ErrDamaged) {
		t.Errorf("another log's segments: %v", err)
	}
}

func TestFullUntilReleased(t *testing.T) {
	l, _ := mustOpen(t, waltest.New(), small(), 0)
	defer l.Close()
	record := make([]byte, 1500)
	var last uint64
	for {
		seq, err := l.Append(record)
		if errors.Is(err, wal.ErrFull) {
			break
		}
		if err != nil || l.Wait(t.Context(), seq) != nil {
			t.Fatal(err)
		}
		last = seq
	}
	if last < 4 {
		t.Fatalf("full after %d records", last)
	}
	if seq, err := l.AppendReserved(record); err != nil || l.Wait(t.Context(), seq) != nil {
		t.Fatalf("the reserve: %v", err)
	}
	l.Release(l.Next())
	for range 100 {
		seq, err := l.Append(record)
		if err != nil || l.Wait(t.Context(), seq) != nil {
			t.Fatal(err)
		}
		l.Release(seq)
	}
}

func TestOneSyncForAllThatWait(t *testing.T) {
	d := waltest.New()
	l, _ := mustOpen(t, d, wal.Options{SegmentSize: 1 << 20, Segments: 5}, 0)
	defer l.Close()
	held, first := make(chan struct{}), make(chan struct{})
	var once sync.Once
	d.Fail(func(op string) error {
		if op == "read" {
			return nil
		}
		once.Do(func() { close(first) })
		return nil
	})
	var wg sync.WaitGroup
	before := l.Syncs()
	wg.Go(func() { put(t, l, "first") })
	<-first
	for i := range 200 {
		wg.Go(func() { <-held; put(t, l, fmt.Sprint(i)) })
	}
	close(held)
	wg.Wait()
	if n := l.Syncs() - before; n > 201 || l.Next() != 202 {
		t.Errorf("%d syncs for 201 records", n)
	}
	// A batch that is appended at once is one sync.
	before = l.Syncs()
	put(t, l, make([]string, 100)...)
	if n := l.Syncs() - before; n != 1 {
		t.Errorf("%d syncs for one append", n)
	}
}

func TestFailedSyncPoisons(t *testing.T) {
	for _, op := range []string{"sync", "write"} {
		d := waltest.New()
		opt := small()
		l, _ := mustOpen(t, d, opt, 0)
		opt.ID = l.ID()
		put(t, l, "good")
		bad := errors.New("EIO")
		failures := 0
		d.Fail(func(o string) error {
			if o == op && failures == 0 {
				failures++
				return bad
			}
			return nil
		})
		seq, err := l.Append([]byte("lost"))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Wait(t.Context(), seq); !errors.Is(err, bad) {
			t.Errorf("%s: wait gave %v", op, err)
		}
		if _, err := l.Append([]byte("later")); !errors.Is(err, bad) {
			t.Errorf("%s: a later append gave %v", op, err)
		}
		if err := l.Close(); !errors.Is(err, bad) {
			t.Errorf("%s: close gave %v", op, err)
		}
		if failures != 1 {
			t.Errorf("%s: tried %d times", op, failures)
		}
		again, got := mustOpen(t, d, opt, 0)
		if got[1] != "good" {
			t.Errorf("%s: replayed %v", op, got)
		}
		again.Close()
	}
}

func TestDamageIsNotTakenForATornEnd(t *testing.T) {
	d := waltest.New()
	opt := small()
	l, _ := mustOpen(t, d, opt, 0)
	opt.ID = l.ID()
	for i := range 3 {
		put(t, l, fmt.Sprint("record ", i))
	}
	l.Abandon()
	d.Damage("0000.wal", 512+45, []byte{0xff}) // in the first of three batches
	if _, _, err := open(t, d, opt, 0); !errors.Is(err, wal.ErrDamaged) {
		t.Errorf("open of a damaged log: %v", err)
	}
}

// The first write to a ring whose records were all released goes over the segment that held them. A power cut may leave
// the header of the old one and the rest of the new one.
func TestTornOverwriteOfReleasedRecords(t *testing.T) {
	d, opt := waltest.New(), small()
	l, _ := mustOpen(t, d, opt, 0)
	opt.ID = l.ID()
	for i := range 3 {
		put(t, l, fmt.Sprint("record ", i))
	}
	l.Abandon()
	d.Damage("0000.wal", 512, make([]byte, 512)) // the first of three batches
	for from := uint64(1); from <= 5; from++ {
		again, got, err := open(t, d, opt, from)
		if wantDamage := from <= 3; wantDamage != errors.Is(err, wal.ErrDamaged) {
			t.Errorf("open from %d: %v", from, err)
		}
		if err != nil {
			continue
		}
		if len(got) != 0 || again.Next() < from {
			t.Errorf("open from %d: next is %d, replayed %v", from, again.Next(), got)
		}
		again.Abandon()
	}
}

// Whatever a power cut leaves: confirmed records come back as they were, in order, and nothing that was not appended.
func TestPowerCuts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		d, opt := waltest.New(), small()
		l, _ := mustOpen(t, d, opt, 0)
		opt.ID = l.ID()
		appended := map[uint64]string{}
		released, confirmed := uint64(1), uint64(0)
		for range rapid.IntRange(1, 6).Draw(rt, "lives") {
			for range rapid.IntRange(0, 40).Draw(rt, "steps") {
				switch rng.IntN(8) {
				case 0: // what was released is durable elsewhere, so it is at most what was confirmed
					released = max(released, released+uint64(rng.Int64N(int64(max(confirmed+2-released, 1)))))
					l.Release(released)
				case 1, 2:
					if err := l.Wait(context.Background(), l.Next()-1); err != nil {
						rt.Fatal(err)
					}
					confirmed = l.Next() - 1
				default:
					r := fmt.Sprint(rng.Uint64(), strings.Repeat("y", rng.IntN(l.MaxRecord()-20)))
					seq, err := l.Append([]byte(r))
					if errors.Is(err, wal.ErrFull) {
						continue
					}
					if err != nil {
						rt.Fatal(err)
					}
					appended[seq] = r
				}
			}
			d2 := d.Cut(rng)
			l.Abandon()
			d = d2
			again, got, err := open(t, d, opt, released)
			if err != nil {
				rt.Fatal(err)
			}
			for seq := released; seq <= confirmed; seq++ {
				if got[seq] != appended[seq] {
					rt.Fatalf("confirmed record %d is lost (next %d, released %d)", seq, again.Next(), released)
				}
			}
			for seq, r := range got {
				if appended[seq] != r {
					rt.Fatalf("record %d was never appended", seq)
				}
			}
			for seq := range appended {
				if seq >= again.Next() {
					delete(appended, seq)
				}
			}
			l, confirmed = again, again.Next()-1
		}
		l.Abandon()
	})
}

func TestBadOptions(t *testing.T) {
	for _, o := range []wal.Options{{SegmentSize: 100}, {SegmentSize: 4096}, {Segments: 2}, {SegmentSize: -4096}, {Segments: 1 << 20}} {
		if _, err := wal.Open(waltest.New(), o, 0, nil); err == nil {
			t.Errorf("%+v made a log", o)
		}
	}
}

func TestShrunkSegment(t *testing.T) {
	dir := t.TempDir()
	opt := small()
	l, _ := mustOpen(t, wal.Dir(dir), opt, 0)
	opt.ID = l.ID()
	put(t, l, "a")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append([]byte("x")); !errors.Is(err, wal.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 5 {
		t.Fatal(names, err)
	}
	if err := os.Truncate(dir+"/"+names[2].Name(), 100); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(t, wal.Dir(dir), opt, 0); !errors.Is(err, wal.ErrDamaged) {
		t.Errorf("a short segment: %v", err)
	}
	if !slices.IsSortedFunc(names, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) }) {
		t.Error("names are not in order")
	}
}

func BenchmarkAppend4K(b *testing.B) {
	l, _, err := open(b, wal.Dir(b.TempDir()), wal.Options{}, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	record := make([]byte, 4096)
	b.SetBytes(4096)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			seq, err := l.Append(record)
			if err == nil {
				err = l.Wait(context.Background(), seq)
			}
			if err != nil {
				b.Error(err)
				return
			}
			l.Release(seq)
		}
	})
	b.ReportMetric(float64(b.N)/float64(l.Syncs()), "records/sync")
}
