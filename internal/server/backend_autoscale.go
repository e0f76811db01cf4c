package server

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/autoscale"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/scale"
)

// EvaluateAutoscale evaluates a formula for a pool; nothing is changed.
func (s *Server) EvaluateAutoscale(ctx context.Context, pool string, r restv1.AutoscaleRequest) (restv1.AutoscaleRun, error) {
	p := s.config.pool(pool)
	if p == nil {
		return restv1.AutoscaleRun{}, fault.New(fault.NotFound, "there is no pool %s", pool)
	}
	scaler := s.scalers[pool]
	if scaler == nil && r.Formula == "" {
		return restv1.AutoscaleRun{}, fault.WithHint(fault.New(fault.Invalid, "pool %s has no formula", pool), "give one, or set autoscale for the pool")
	}
	target, err := s.wanted(ctx, pool)
	if err != nil {
		return restv1.AutoscaleRun{}, err
	}
	now := time.Now()
	var formula *autoscale.Formula
	if r.Formula != "" {
		if formula, err = autoscale.Parse(r.Formula); err != nil {
			return scale.Wrong(now, target, p.Spot, err).Wire(), nil
		}
	}
	var samples *autoscale.History
	if r.Samples != nil {
		if samples, err = history(r.Samples); err != nil {
			return restv1.AutoscaleRun{}, err
		}
		now = samples.Newest()
	}
	if scaler != nil {
		return scaler.Try(now, formula, samples).Wire(), nil
	}
	if samples == nil { // what would be the first sample, if the pool had the formula
		view, err := s.planner.look(ctx, now)
		if err != nil {
			return restv1.AutoscaleRun{}, err
		}
		samples = autoscale.NewHistory(autoscale.SamplePeriod, 1)
		samples.Add(autoscale.Measurement{Time: now, Values: s.measure(&view, pool)})
	}
	return scale.Evaluate(now, formula, samples, target, p.Min, p.Max, p.Spot).Wire(), nil
}

// wanted returns how many nodes a pool is to have now.
func (s *Server) wanted(ctx context.Context, pool string) (int, error) {
	wanted := 0
	err := s.loop.View(ctx, func(f *farm.Farm) {
		for _, p := range f.Pools() {
			if string(p.ID) == pool {
				wanted = p.Wanted
			}
		}
	})
	return wanted, err
}

// AutoscaleSamples returns what a pool's formula sees.
func (s *Server) AutoscaleSamples(_ context.Context, pool string) ([]restv1.AutoscaleSample, error) {
	if s.config.pool(pool) == nil {
		return nil, fault.New(fault.NotFound, "there is no pool %s", pool)
	}
	scaler := s.scalers[pool]
	if scaler == nil {
		return nil, fault.WithHint(fault.New(fault.Conflict, "pool %s has no formula, and no samples are taken", pool), "set autoscale for the pool")
	}
	all := scaler.Samples()
	out := make([]restv1.AutoscaleSample, len(all))
	for i, m := range all {
		out[i] = restv1.AutoscaleSample(m)
	}
	return out, nil
}

// history makes a history of samples from outside.
func history(samples []restv1.AutoscaleSample) (*autoscale.History, error) {
	if len(samples) == 0 || len(samples) > autoscale.MaxRecorded {
		return nil, fault.New(fault.Invalid, "there are %d samples; there can be 1 to %d", len(samples), autoscale.MaxRecorded)
	}
	recorded := make([]autoscale.Measurement, len(samples))
	for i, m := range samples {
		recorded[i] = autoscale.Measurement(m)
		if err := recorded[i].Check(); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "a sample")
		}
	}
	return autoscale.FromRecording(recorded), nil
}

func wireAutoscale(s scale.State) *restv1.Autoscale {
	out := &restv1.Autoscale{Formula: s.Formula, IntervalSeconds: s.Every.Seconds(), Next: s.Next}
	if !s.Last.Timestamp.IsZero() {
		last := s.Last.Wire()
		out.Last = &last
	}
	return out
}
