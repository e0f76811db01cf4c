package posix

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/spillway/spillway/internal/origin"
)

// Nobody is served by a sync that had begun before he came; all who come meanwhile share the next one.
func TestWhoWaitsSharesTheNextSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s syncs
		const late = 20
		broken := errors.New("broken")
		gates := []chan error{make(chan error), make(chan error)}
		var began atomic.Int32
		var fulls [2]bool
		run := func(full bool) error {
			n := began.Add(1) - 1
			fulls[n] = full
			return <-gates[n]
		}
		var wg sync.WaitGroup
		var first error
		wg.Go(func() { _, first = s.wait("f", false, run) })
		synctest.Wait()
		errs := make([]error, late)
		var ran atomic.Int32
		for i := range late {
			wg.Go(func() {
				mine, err := s.wait("f", i == late/2, run)
				if mine {
					ran.Add(1)
				}
				errs[i] = err
			})
		}
		synctest.Wait()
		if n := began.Load(); n != 1 {
			t.Fatalf("%d syncs run at the same time", n)
		}
		gates[0] <- nil
		synctest.Wait()
		if n := began.Load(); n != 2 || first != nil {
			t.Fatalf("after the first sync (%v) %d have begun", first, n)
		}
		gates[1] <- broken
		wg.Wait()
		for i, err := range errs {
			if !errors.Is(err, broken) {
				t.Errorf("%d did not learn that its sync failed: %v", i, err)
			}
		}
		if n := began.Load(); n != 2 || ran.Load() != 1 || fulls[0] || !fulls[1] || len(s.newest) != 0 {
			t.Errorf("%d syncs (full: %v), %d ran one, %d left", n, fulls, ran.Load(), len(s.newest))
		}
	})
}

func TestFilesAreSyncedBesideEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s syncs
		gate := make(chan error)
		var wg sync.WaitGroup
		for _, id := range []string{"a", "b"} {
			wg.Go(func() {
				if mine, err := s.wait(origin.ID(id), true, func(bool) error { return <-gate }); err != nil || !mine {
					t.Error(mine, err)
				}
			})
		}
		synctest.Wait()
		gate <- nil
		gate <- nil
		wg.Wait()
	})
}
