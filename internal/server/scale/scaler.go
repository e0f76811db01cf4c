// Package scale sizes an elastic pool by an autoscale formula: it measures the pool's variables, keeps them through restarts,
// evaluates the formula at its interval and remembers what it asked for last.
package scale

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/spillway/spillway/autoscale"
	"github.com/spillway/spillway/internal/burst"
)

// Config is a pool with a formula.
type Config struct {
	Pool     string
	Formula  *autoscale.Formula
	Every    time.Duration // between two evaluations
	Period   time.Duration // between two samples; 0: the service's
	Min, Max int
	Spot     bool   // its nodes are spot nodes
	File     string // where samples are kept
	Log      *slog.Logger
}

// kept is how many samples of a variable are kept: a day.
const kept = 24 * 120

// Scaler is a pool's formula at work. Its methods may be called by many goroutines at once.
type Scaler struct {
	config Config

	// mu guards what follows.
	mu         sync.Mutex
	history    *autoscale.History
	file       recorder
	nextSample time.Time
	nextRun    time.Time
	target     int // nodes, within the pool's limits
	started    bool
	last       Run
	reason     string
}

// Run is an evaluation of a formula.
type Run struct {
	autoscale.Run
	Nodes    int              // that the pool should have; with an error: that it has to have without it
	Errors   autoscale.Errors // what is wrong
	Warnings autoscale.Errors // what is allowed but probably not meant
	Note     string           // what of the result is not carried out, and why; empty: nothing
	result   autoscale.Result
}

// State is a scaler as it is shown.
type State struct {
	Formula string
	Every   time.Duration
	Next    time.Time
	Last    Run // its Timestamp is zero before the first evaluation
}

// Open makes a scaler with the samples that its file holds.
func Open(c Config) *Scaler {
	if c.Period <= 0 {
		c.Period = autoscale.SamplePeriod
	}
	s := &Scaler{config: c, history: autoscale.NewHistory(c.Period, kept), file: recorder{path: c.File}}
	if err := s.file.load(s.history); err != nil {
		c.Log.Warn("samples for the autoscale formula are lost", "pool", c.Pool, "error", err)
	}
	return s
}

// Order takes a sample and evaluates the formula, each if it is time to, and returns how many nodes the pool is to have.
// wanted is the number that the farm has recorded, which stays until the formula has been evaluated once without an error.
func (s *Scaler) Order(now time.Time, wanted int, measure func() map[string]float64) burst.Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started, s.target = true, wanted
		s.reason = fmt.Sprintf("the formula has not been evaluated yet; %d nodes were wanted before", wanted)
	}
	if !now.Before(s.nextSample) {
		s.nextSample = later(s.nextSample.Add(s.config.Period), now, s.config.Period)
		m := autoscale.Measurement{Time: now.UTC(), Values: measure()}
		s.history.Add(m)
		if err := s.file.add(m, s.history); err != nil {
			s.config.Log.Warn("a sample for the autoscale formula is not kept", "pool", s.config.Pool, "error", err)
		}
	}
	if !now.Before(s.nextRun) {
		s.nextRun = later(s.nextRun.Add(s.config.Every), now, s.config.Every)
		s.take(s.evaluate(now, s.config.Formula, s.history))
	}
	return burst.Order{Nodes: s.target, Reason: s.reason}
}

// later returns the next moment of a rhythm, or a new rhythm's if that has passed.
func later(next, now time.Time, period time.Duration) time.Time {
	if next.After(now) {
		return next
	}
	return now.Add(period)
}

// take makes an evaluation the last one. One with an error changes nothing.
func (s *Scaler) take(r Run) {
	if r.Error == nil {
		s.target, s.reason = r.Nodes, reasonOf(r)
	} else if s.last.Error == nil || s.last.Error.Error() != r.Error.Error() {
		s.config.Log.Warn("the pool's autoscale formula cannot be evaluated, its size stays", "pool", s.config.Pool, "error", r.Error)
	}
	s.last = r
}

// Try evaluates a formula, the pool's own if it is nil, and changes nothing. Without samples it is evaluated over the pool's.
func (s *Scaler) Try(now time.Time, f *autoscale.Formula, samples *autoscale.History) Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f == nil {
		f = s.config.Formula
	}
	if samples == nil {
		samples = s.history
	}
	return s.evaluate(now, f, samples)
}

// Samples returns what the scaler has measured, the oldest first.
func (s *Scaler) Samples() []autoscale.Measurement {
	s.mu.Lock()
	snapshot := s.history.Snapshot()
	s.mu.Unlock()
	return snapshot.Measurements()
}

// State returns the scaler as it is.
func (s *Scaler) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{Formula: s.config.Formula.String(), Every: s.config.Every, Next: s.nextRun, Last: s.last}
}

func (s *Scaler) evaluate(now time.Time, f *autoscale.Formula, samples autoscale.Samples) Run {
	return Evaluate(now, f, samples, s.target, s.config.Min, s.config.Max, s.config.Spot)
}

// Evaluate runs a formula for a pool that is to have target nodes now, all of one kind.
func Evaluate(now time.Time, f *autoscale.Formula, samples autoscale.Samples, target, least, most int, spot bool) Run {
	in := autoscale.Input{Now: now, Samples: samples}
	if spot {
		in.TargetLowPriorityNodes = target
	} else {
		in.TargetDedicatedNodes = target
	}
	result, err := f.Evaluate(in)
	r := Run{Run: autoscale.NewRun(in, result, err), Nodes: target, Errors: autoscale.ErrorsOf(err), Warnings: f.Warnings(), result: result}
	if err != nil {
		return r
	}
	asked, other, name := result.TargetDedicatedNodes, result.TargetLowPriorityNodes, "$TargetLowPriorityNodes"
	if spot {
		asked, other, name = other, asked, "$TargetDedicatedNodes"
	}
	r.Nodes = max(least, min(asked, most))
	switch {
	case other > 0 && spot:
		r.Note = fmt.Sprintf("%s=%d is not carried out: all nodes of this pool are spot nodes", name, other)
	case other > 0:
		r.Note = fmt.Sprintf("%s=%d is not carried out: this pool has no spot nodes (spot: true would make them ones)", name, other)
	case r.Nodes != asked:
		r.Note = fmt.Sprintf("the pool has %d to %d nodes, not %d", least, most, asked)
	}
	return r
}

// reasonOf says what a formula wants, with a few of its own variables.
func reasonOf(r Run) string {
	const few, short = 5, 24
	nodes := "nodes"
	if r.Nodes == 1 {
		nodes = "node"
	}
	text := fmt.Sprintf("the formula wants %d %s", r.Nodes, nodes)
	var parts []string
	for _, v := range r.result.Variables {
		if len(parts) < few && len(v.Value) <= short {
			parts = append(parts, strings.TrimPrefix(v.Name, "$")+"="+v.Value)
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	if r.Note != "" {
		text += "; " + r.Note
	}
	return text
}
