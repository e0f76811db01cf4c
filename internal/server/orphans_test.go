package server_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/providertest"
	"github.com/spillway/spillway/internal/server"
	"github.com/spillway/spillway/internal/server/effect"
	"github.com/spillway/spillway/internal/store"
)

// fleetSeeds returns the seeds to run: a few, with SPILLWAY_TEST_ALL a thousand, with SPILLWAY_FLEET_SEED=N or N-M those.
func fleetSeeds(t *testing.T) (from, to uint64) {
	t.Helper()
	from, to = 1, 4
	if os.Getenv("SPILLWAY_TEST_ALL") != "" {
		to = 1000
	}
	if text := os.Getenv("SPILLWAY_FLEET_SEED"); text != "" {
		first, last, isRange := strings.Cut(text, "-")
		if !isRange {
			last = first
		}
		var err, err2 error
		from, err = strconv.ParseUint(first, 10, 64)
		to, err2 = strconv.ParseUint(last, 10, 64)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	}
	return from, to
}

// TestNoMachineOutlivesItsRecord lets a pool grow and shrink over a provider that refuses, loses replies and carries calls
// out after their caller has given up, under a server that is killed again and again. Then the faults end, and after one
// reconcile the provider has no machine that no record wants, and never had two for one record.
func TestNoMachineOutlivesItsRecord(t *testing.T) {
	from, to := fleetSeeds(t)
	for seed := from; seed <= to; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newBadCloud(t, seed).run() })
	}
}

// badCloud is a provider with faults, and the farm over it. Which faults come is drawn from the seed; when they meet which
// call is the scheduler's to say.
type badCloud struct {
	providertest.Fake
	t *testing.T
	w *world

	mu     sync.Mutex
	rng    *rand.Rand        // guarded by mu
	calm   bool              // no more faults; guarded by mu
	late   []provider.Spec   // creates whose caller has been told that they failed, and which happen later; guarded by mu
	calls  int               // guarded by mu
	bell   chan struct{}     // told of every call
	births map[string]string // the machine that a node had first, by node; guarded by mu
	twice  []string          // nodes that had two; guarded by mu
	store  *deadlyStore
}

var _ provider.Provider = (*badCloud)(nil)

func newBadCloud(t *testing.T, seed uint64) *badCloud {
	c := &badCloud{t: t, rng: rand.New(rand.NewPCG(seed, 7)), bell: make(chan struct{}, 1), births: map[string]string{}}
	c.Refuse = func(op providertest.Op, _ string) error { return c.fault(op, 20) }
	c.Lose = func(op providertest.Op, _ string) error { return c.fault(op, 15) }
	c.w = newWorld(t, func(w *world) {
		w.config.Backoff = effect.Backoff{First: time.Millisecond, Max: 10 * time.Millisecond}
		w.config.Planner.Interval = config.Duration(time.Millisecond)
		w.config.Pools = []server.Pool{{
			Name: "burst", Site: "plain", Min: 4, Max: 6, Capacity: server.Capacity{VCPUs: 1, Memory: 1 << 30},
		}}
		w.config.Providers = map[string]provider.Provider{"burst": c}
		w.wrap = func(s store.Store) store.Store {
			c.store = &deadlyStore{Store: s}
			return c.store
		}
	})
	return c
}

// draw draws a number below n from the seed.
func (c *badCloud) draw(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}

// fault returns an error for some of a hundred calls.
func (c *badCloud) fault(op providertest.Op, percent int) error {
	if c.draw(100) >= percent {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calm {
		return nil
	}
	if kinds := []fault.Kind{fault.Unavailable, fault.Unavailable, fault.Exhausted, fault.Internal}; op != providertest.OpList {
		return fault.New(kinds[c.rng.IntN(len(kinds))], "the cloud has a bad day")
	}
	return fault.New(fault.Unavailable, "the cloud has a bad day")
}

// note counts a call, after a moment in which others overtake it.
func (c *badCloud) note() {
	c.mu.Lock()
	c.calls++
	pause := time.Duration(c.rng.IntN(2000)) * time.Microsecond
	c.mu.Unlock()
	<-time.After(pause) // not cut short by the caller's context: a request that is on its way arrives
	select {
	case c.bell <- struct{}{}:
	default:
	}
}

func (c *badCloud) Create(ctx context.Context, spec provider.Spec) (provider.Instance, error) {
	c.note()
	if c.draw(100) < 10 && !c.isCalm() {
		c.mu.Lock()
		c.late = append(c.late, spec)
		c.mu.Unlock()
		return provider.Instance{}, fault.New(fault.Unavailable, "no answer; it arrives late")
	}
	made, err := c.Fake.Create(context.WithoutCancel(ctx), spec)
	if err == nil {
		c.born(made)
	}
	return made, err
}

func (c *badCloud) born(made provider.Instance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, known := c.births[made.Name]; known && first != made.ID {
		c.twice = append(c.twice, made.Name)
	}
	c.births[made.Name] = made.ID
}

func (c *badCloud) Delete(ctx context.Context, name string) error {
	c.note()
	return c.Fake.Delete(context.WithoutCancel(ctx), name)
}

func (c *badCloud) isCalm() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calm
}

// arrive carries late creates out.
func (c *badCloud) arrive() {
	c.mu.Lock()
	late := c.late
	c.late = nil
	c.mu.Unlock()
	for _, spec := range late {
		for { // it may be refused, but not by a fault: those were told to the caller
			if _, err := c.Fake.Create(context.Background(), spec); err == nil {
				break
			}
		}
	}
}

// await waits until the provider was called so often more.
func (c *badCloud) await(more int) {
	c.mu.Lock()
	until := c.calls + more
	c.mu.Unlock()
	enough := time.After(100 * time.Millisecond) // a farm that wants nothing more does not call
	for {
		c.mu.Lock()
		calls := c.calls
		c.mu.Unlock()
		if calls >= until {
			return
		}
		select {
		case <-c.bell:
		case <-enough:
			return
		}
	}
}

// stop stops the pool, or lets it have machines again.
func (c *badCloud) stop(stopped bool) {
	_, err := c.w.Command(context.Background(), farm.PoolStop{Pool: "burst", Stopped: stopped, Reason: "drawn"})
	c.w.must(err)
}

func (c *badCloud) run() {
	for range 3 {
		for range 3 {
			c.await(c.draw(8))
			c.stop(c.draw(2) == 0)
			if c.draw(3) == 0 {
				c.arrive()
			}
		}
		c.await(c.draw(8))
		c.store.die() // nothing of what is under way is recorded any more
		c.w.close()
		c.w.start()
	}
	c.mu.Lock()
	c.calm = true
	c.mu.Unlock()
	c.stop(true)
	c.w.until("every record is over", func() bool { return len(c.nodes()) == 0 }, func() any { return c.nodes() })
	c.w.close()
	c.arrive()  // the last ones land when nobody remembers them
	c.w.start() // and one reconcile
	c.w.until("no machine is left", func() bool { return len(c.machines()) == 0 }, func() any { return c.machines() })
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.twice) > 0 {
		c.t.Errorf("two machines were made for one record: %v", c.twice)
	}
}

func (c *badCloud) nodes() []string {
	var out []string
	nodes, err := c.w.Nodes(context.Background(), false)
	c.w.must(err)
	for i := range nodes {
		if nodes[i].State != farm.NodeDeleted.String() {
			out = append(out, nodes[i].ID+" "+nodes[i].State)
		}
	}
	return out
}

func (c *badCloud) machines() []string {
	var out []string
	list, err := c.List(context.Background())
	c.w.must(err)
	for _, m := range list {
		out = append(out, m.Name)
	}
	return out
}

// deadlyStore is a store whose server can die: nothing is written from then on.
type deadlyStore struct {
	store.Store

	mu   sync.Mutex
	dead bool // guarded by mu
}

func (s *deadlyStore) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
}

func (s *deadlyStore) Commit(ctx context.Context, epoch uint64, b farm.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return errors.New("the server has been killed")
	}
	return s.Store.Commit(ctx, epoch, b)
}
