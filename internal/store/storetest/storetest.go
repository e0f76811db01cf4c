// Package storetest is the suite that every store passes.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/store"
)

// Open opens a store. Within one test every call opens the same data, as another server process would.
type Open func(t testing.TB) store.Store

// Run runs the suite. fresh gives an Open over new, empty data.
func Run(t *testing.T, fresh func(t testing.TB) Open) {
	tests := []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"EmptyAtFirst", testEmpty},
		{"EveryKindOfRecordSurvives", testRecords},
		{"RecordsAreReplacedAndDeleted", testReplace},
		{"EpochsRise", testEpochs},
		{"ADeposedLeaderWritesNothing", testDeposed},
		{"AFailedCommitLeavesNothing", testFailed},
		{"AnEndedContextLeavesNothing", testCanceled},
		{"EventsFromACursor", testEvents},
		{"ReadersBesideTheWriter", testReaders},
		{"TheAuditIsAskedByWhoWhatAndWhen", testDeeds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, fresh(t)) })
	}
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("AFarmComesBackAsItWas/%d", seed), func(t *testing.T) { testReload(t, fresh(t), seed) })
	}
}

func testEmpty(t *testing.T, open Open) {
	s := open(t)
	r, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&farm.Records{}, r); diff != "" {
		t.Error(diff)
	}
	if events := events(t, s, 0); len(events) != 0 {
		t.Errorf("%d events", len(events))
	}
}

func testRecords(t *testing.T, open Open) {
	b := Full()
	s := open(t)
	commit(t, s, lead(t, s), b)
	wantRecords(t, s, b.Records)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t)
	wantRecords(t, again, b.Records)
	if diff := cmp.Diff(b.Events, events(t, again, 0)); diff != "" {
		t.Error(diff)
	}
}

func testReplace(t *testing.T, open Open) {
	b := Full()
	s := open(t)
	epoch := lead(t, s)
	commit(t, s, epoch, b)
	next := farm.Batch{EndedSessions: []farm.SessionID{b.Sessions[0].ID}, OldDecisions: []string{b.Decisions[0].ID}, OldLimits: []farm.LimitID{"nuke"}, OldQueues: []farm.QueueID{"night"}}
	next.OldUsers, next.OldAPITokens, next.OldBudgets = []farm.UserID{"mara"}, []string{"t1"}, []farm.BudgetID{"film"}
	next.Jobs = []farm.Job{b.Jobs[0]}
	next.Jobs[0].State = farm.JobSucceeded
	commit(t, s, epoch, next)
	want := b.Records
	want.Users, want.APITokens, want.Budgets = nil, nil, nil // the ledger stays
	want.Jobs, want.Sessions, want.Decisions, want.Limits, want.Queues = next.Jobs, nil, nil, nil, nil
	wantRecords(t, s, want)
}

func testEpochs(t *testing.T, open Open) {
	s := open(t)
	first := lead(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if second := lead(t, open(t)); second != first+1 {
		t.Errorf("epoch %d after %d", second, first)
	}
}

func testDeposed(t *testing.T, open Open) {
	old, heir := open(t), open(t)
	epoch := lead(t, old)
	commit(t, old, epoch, event(1))
	newer := lead(t, heir)
	err := old.Commit(t.Context(), epoch, event(2))
	if !errors.Is(err, store.ErrDeposed) || errors.Is(err, store.ErrUnknown) {
		t.Fatalf("got %v, want ErrDeposed", err)
	}
	if err := heir.Commit(t.Context(), newer+1, event(2)); !errors.Is(err, store.ErrDeposed) {
		t.Fatalf("an epoch that was never given: %v, want ErrDeposed", err)
	}
	commit(t, heir, newer, event(2))
	if got := events(t, old, 0); len(got) != 2 {
		t.Errorf("%d events, want 2", len(got))
	}
}

func testFailed(t *testing.T, open Open) {
	s := open(t)
	epoch := lead(t, s)
	commit(t, s, epoch, event(1))
	b := Full()
	b.Nodes[0].Price = math.NaN() // cannot be written; others in the batch could be
	b.Events[0].Seq, b.LastSeq = 2, 2
	err := s.Commit(t.Context(), epoch, b)
	if err == nil || errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrDeposed) {
		t.Fatalf("got %v, want an error that says that nothing is written", err)
	}
	wantRecords(t, s, farm.Records{LastSeq: 1})
	commit(t, s, epoch, event(2))
}

func testCanceled(t *testing.T, open Open) {
	s := open(t)
	epoch := lead(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx, epoch, Full()); err == nil || errors.Is(err, store.ErrUnknown) {
		t.Fatalf("got %v, want an error that says that nothing is written", err)
	}
	wantRecords(t, s, farm.Records{})
	if _, err := s.Load(ctx); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Load: %v, want unavailable", err)
	}
}

func testEvents(t *testing.T, open Open) {
	s := open(t)
	epoch := lead(t, s)
	var b farm.Batch
	for seq := uint64(1); seq <= 25; seq++ {
		b.Events = append(b.Events, farm.Event{Seq: seq, Kind: "node", Reason: "because"})
	}
	b.LastSeq = 25
	commit(t, s, epoch, b)
	var got []farm.Event
	for after := uint64(0); ; after = got[len(got)-1].Seq {
		page := events(t, s, after)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
	}
	if diff := cmp.Diff(b.Events, got); diff != "" {
		t.Error(diff)
	}
	if got := events(t, s, math.MaxUint64); len(got) != 0 {
		t.Errorf("%d events after the last possible", len(got))
	}
	for _, limit := range []int{0, -1, 10_001} {
		if _, err := s.Events(t.Context(), 0, limit); fault.KindOf(err) != fault.Invalid {
			t.Errorf("limit %d: %v, want invalid", limit, err)
		}
	}
}

// testReaders checks that a reader sees whole batches: every batch writes the same state into two jobs.
func testReaders(t *testing.T, open Open) {
	s := open(t)
	epoch := lead(t, s)
	both := func(seq uint64) farm.Batch {
		b := event(seq)
		b.Jobs = []farm.Job{{ID: "j1", Priority: int(seq)}, {ID: "j2", Priority: int(seq)}}
		return b
	}
	commit(t, s, epoch, both(1))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				r, err := s.Load(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if p := r.Jobs[0].Priority; p != r.Jobs[1].Priority || uint64(p) != r.LastSeq {
					t.Errorf("half a batch: %d and %d at %d", p, r.Jobs[1].Priority, r.LastSeq)
					return
				}
			}
		})
	}
	for seq := uint64(2); seq <= 50; seq++ {
		commit(t, s, epoch, both(seq))
	}
	close(done)
	readers.Wait()
}

func lead(t testing.TB, s store.Store) uint64 {
	t.Helper()
	epoch, err := s.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

func commit(t testing.TB, s store.Store, epoch uint64, b farm.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), epoch, b); err != nil {
		t.Fatal(err)
	}
}

func event(seq uint64) farm.Batch {
	b := farm.Batch{Events: []farm.Event{{Seq: seq, Kind: "node", Reason: "because"}}}
	b.LastSeq = seq
	return b
}

// events returns the next ten events.
func events(t testing.TB, s store.Store, after uint64) []farm.Event {
	t.Helper()
	got, err := s.Events(t.Context(), after, 10)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantRecords(t testing.TB, s store.Store, want farm.Records) {
	t.Helper()
	got, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got, cmp.Comparer(sameSet)); diff != "" {
		t.Error(diff)
	}
}

func sameSet(a, b farm.UnitSet) bool { return a.Equal(&b) }
