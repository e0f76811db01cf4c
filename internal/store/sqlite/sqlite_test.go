package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/store"
	"github.com/spillway/spillway/internal/store/sqlite"
	"github.com/spillway/spillway/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Open {
		path := filepath.Join(t.TempDir(), "farm of #1? 100%.db")
		return func(t testing.TB) store.Store { return open(t, path) }
	})
}

// open opens a database and closes it with the test.
func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
			t.Error(err)
		}
	})
	return s
}

func event(seq uint64) farm.Batch {
	b := farm.Batch{Events: []farm.Event{{Seq: seq, Kind: "node", Reason: strings.Repeat("because ", 20)}}}
	b.LastSeq = seq
	return b
}

// TestTornProcess copies the files while the database is open, as a machine that loses power would leave them, and with the
// end of the log cut off at every length: what was committed before the cut is whole, and nothing else is there.
func TestTornProcess(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "farm.db")
	s := open(t, path)
	epoch, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int64 // of the log, when commit i had returned
	for seq := uint64(1); seq <= 8; seq++ {
		b := event(seq)
		b.Jobs = []farm.Job{{ID: "j1", Priority: int(seq)}, {ID: "j2", Priority: int(seq)}}
		if err := s.Commit(t.Context(), epoch, b); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, info.Size())
	}
	db, wal := readFile(t, path), readFile(t, path+"-wal")
	for cut := sizes[0]; cut <= int64(len(wal)); cut += 1500 {
		torn := filepath.Join(t.TempDir(), "farm.db")
		writeFile(t, torn, db)
		writeFile(t, torn+"-wal", wal[:cut])
		r, err := open(t, torn).Load(t.Context())
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		want := 0
		for want < len(sizes) && sizes[want] <= cut {
			want++
		}
		if got := int(r.LastSeq); got != want || len(r.Jobs) != 2 || r.Jobs[0].Priority != got || r.Jobs[1].Priority != got {
			t.Fatalf("cut at %d: the store is at %d with %+v, want %d", cut, got, r.Jobs, want)
		}
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFullDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "farm.db")
	s := open(t, path)
	epoch, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.LimitPages(t.Context(), 40); err != nil {
		t.Fatal(err)
	}
	big := storetest.Full()
	big.Specs[0].Template = []byte(strings.Repeat("x", 1<<20))
	if err := s.Commit(t.Context(), epoch, big); err == nil {
		t.Fatal("a batch larger than the disk was written")
	}
	r, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Specs) != 0 || len(r.Jobs) != 0 || r.LastSeq != 0 {
		t.Errorf("something of the batch is there: %+v", r)
	}
	if err := s.LimitPages(t.Context(), 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context(), epoch, big); err != nil {
		t.Errorf("after there is room again: %v", err)
	}
}

func TestHistoryIsCutOff(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "farm.db"))
	s.KeepEvents(10)
	epoch, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 25; seq++ {
		if err := s.Commit(t.Context(), epoch, event(seq)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Events(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 10 || got[0].Seq != 16 {
		t.Errorf("%d events from %d, want 10 from 16", len(got), got[0].Seq)
	}
}

func TestCannotOpen(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	writeFile(t, garbage, []byte(strings.Repeat("this is no database ", 500)))
	later := filepath.Join(dir, "later.db")
	func() {
		s, err := sqlite.Open(t.Context(), later)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetVersion(t.Context(), 999); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	tests := []struct {
		path string
		kind fault.Kind
		says string
	}{
		{filepath.Join(dir, "no such folder", "farm.db"), fault.Unavailable, "farm.db"},
		{garbage, fault.Unavailable, "not a database"},
		{dir, fault.Unavailable, dir},
		{later, fault.Conflict, "later version"},
	}
	for _, tt := range tests {
		_, err := sqlite.Open(context.Background(), tt.path)
		if fault.KindOf(err) != tt.kind || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: %v: %v, want %v with %q", tt.path, fault.KindOf(err), err, tt.kind, tt.says)
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "farm.db"))
	epoch, err := s.Lead(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	batch := storetest.Full()
	seq := uint64(0)
	for b.Loop() {
		seq++
		batch.Events[0].Seq = seq
		if err := s.Commit(b.Context(), epoch, batch); err != nil {
			b.Fatal(err)
		}
	}
}
