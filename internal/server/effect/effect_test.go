package effect_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/server/effect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run gives a runner to a test in virtual time and waits for its end.
func run(t *testing.T, lanes map[string]int, test func(t *testing.T, r *effect.Runner)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		r := effect.New(ctx, effect.Config{
			Lanes: lanes, Backoff: effect.Backoff{First: time.Second, Max: 10 * time.Second}, Log: slog.New(slog.DiscardHandler),
		})
		test(t, r)
		stop()
		r.Wait()
	})
}

func TestEffectIsTriedUntilItIsOwedNoMore(t *testing.T) {
	run(t, nil, func(t *testing.T, r *effect.Runner) {
		var tries, told atomic.Int32
		e := effect.Effect{
			Key: "fence/n1",
			Do: func(context.Context) error {
				if tries.Add(1) < 4 {
					return errors.New("the filer is away")
				}
				return nil
			},
			Failed: func(_ context.Context, n int, _ error) { told.Store(int32(n)) },
		}
		r.Owe([]effect.Effect{e})
		r.Owe([]effect.Effect{e}) // the same thing
		synctest.Wait()
		if tries.Load() != 1 {
			t.Errorf("%d tries at once", tries.Load())
		}
		<-time.After(time.Minute)
		if n := tries.Load(); n < 5 || told.Load() != 3 {
			t.Errorf("%d tries, %d failures told: it is owed still", n, told.Load())
		}
		before := tries.Load()
		r.Owe(nil)
		<-time.After(time.Minute)
		if tries.Load() != before {
			t.Error("tried although it is owed no more")
		}
	})
}

func TestEffectThatIsOwedNoMoreIsCanceled(t *testing.T) {
	run(t, nil, func(t *testing.T, r *effect.Runner) {
		ended := make(chan error, 1)
		r.Owe([]effect.Effect{{Key: "prime/j1", Do: func(ctx context.Context) error { <-ctx.Done(); ended <- context.Cause(ctx); return ctx.Err() }}})
		synctest.Wait()
		r.Owe(nil)
		if err := <-ended; err == nil {
			t.Error("no cause")
		}
	})
}

func TestLaneBoundsWhatRunsAtOnce(t *testing.T) {
	run(t, map[string]int{"land": 2}, func(t *testing.T, r *effect.Runner) {
		var now, most atomic.Int32
		var owed []effect.Effect
		for _, key := range []string{"a", "b", "c", "d", "e"} {
			owed = append(owed, effect.Effect{Key: key, Lane: "land", Do: func(context.Context) error {
				most.Store(max(most.Load(), now.Add(1)))
				<-time.After(100 * time.Millisecond)
				now.Add(-1)
				return nil
			}})
		}
		r.Owe(owed)
		<-time.After(time.Second)
		if most.Load() != 2 {
			t.Errorf("%d ran at once", most.Load())
		}
	})
}
