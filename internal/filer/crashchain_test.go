package filer

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/spillway/spillway/internal/origin"
	originnfs "github.com/spillway/spillway/internal/origin/nfs"
	"github.com/spillway/spillway/internal/origin/posix"
)

// TestCrashesOfChains is TestCrashes for two filers, one over the other, either or both of which write back, with lost
// replies on both ways. One of them crashes, or both.
func TestCrashesOfChains(t *testing.T) {
	crashes(t, 3, newChain, func(total *tally) bool { return total.lostReplies > 0 })
}

// newChain is a world of two filers: the client's, and the core between that and the origin. Either writes back, or both.
func newChain(t *testing.T, seed uint64, total *tally) *world {
	w := newWorld(t, seed, total)
	w.name = "edge"
	w.core = newMachine(t, seed+1<<32, "core", w.rng)
	w.core.died = w.died
	w.core.cfg = w.config(Export{Origin: w.origin})
	w.core.cfg.Name = "core"
	way := w.core.near
	way.lose = w.losesReply([]float64{0, 0.01, 0.1}[w.rng.IntN(3)])
	delay := w.cfg.Exports[0].WriteBack
	w.cfg = w.config(Export{
		Parent: coreParent{w.core, rand.New(rand.NewPCG(seed, 5))}, Name: "nfs:core:2049/nas",
		Open: func(posix.Places) (origin.Origin, error) {
			return originnfs.Open(originnfs.Config{Addr: "core:2049", Path: "/nas", Connections: 2, Dialer: way.dial})
		},
	})
	w.cfg.Name = "edge"
	back := 1 + w.rng.IntN(3)
	if back&1 != 0 {
		w.cfg.Exports[0].WriteBack = delay
	}
	if back&2 != 0 {
		w.core.cfg.Exports[0].WriteBack = w.delay()
	}
	t.Cleanup(way.close)
	return w
}

// coreParent is the core's control service, whose replies are lost at times.
type coreParent struct {
	m   *machine
	rng *rand.Rand
}

var _ Parent = coreParent{}

var errLostReply = errors.New("the reply is lost")

func (p coreParent) Flush(ctx context.Context, paths []string) ([]Receipt, []PathError, error) {
	receipts, errs := p.m.f.Flush(ctx, paths)
	if p.rng.IntN(5) == 0 {
		return nil, nil, errLostReply
	}
	return receipts, errs, nil
}

func (p coreParent) Revalidate(ctx context.Context, paths []string) ([]string, []PathError, error) {
	changed, errs := p.m.f.Revalidate(ctx, paths)
	return changed, errs, nil
}

func (p coreParent) Path(rel string) string { return "/nas" + rel }
