package server

import (
	"cmp"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/autoscale"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/scale"
)

// openScalers makes the scalers of the pools that have a formula.
func openScalers(c *Config) (map[string]*scale.Scaler, error) {
	out := map[string]*scale.Scaler{}
	for i := range c.Pools {
		p := &c.Pools[i]
		if p.Autoscale == nil {
			continue
		}
		f, err := autoscale.Parse(p.Autoscale.Formula)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "pool "+p.Name+": the formula")
		}
		for _, w := range f.Warnings() {
			c.Log.Warn("autoscale formula", "pool", p.Name, "warning", w.Error())
		}
		out[p.Name] = scale.Open(scale.Config{
			Pool: p.Name, Formula: f, Every: cmp.Or(time.Duration(p.Autoscale.Interval), usualInterval), Period: c.SamplePeriod,
			Min: p.Min, Max: p.Max, Spot: p.Spot, File: filepath.Join(c.Dir, "autoscale", url.PathEscape(p.Name)+".jsonl"), Log: c.Log,
		})
	}
	return out, nil
}

// order asks the formulas how many nodes their pools are to have.
func (p *planner) order(now time.Time, view *picture) {
	for i := range view.input.Pools {
		pool := &view.input.Pools[i]
		if s := p.server.scalers[pool.Name]; s != nil {
			order := s.Order(now, view.wanted[pool.Name], func() map[string]float64 { return p.server.measure(view, pool.Name) })
			pool.Order = &order
		}
	}
}

// measure returns what formulas may know of a pool.
func (s *Server) measure(view *picture, pool string) map[string]float64 {
	p := s.config.pool(pool)
	if p == nil {
		return nil
	}
	fleet := scale.Fleet{VCPUs: p.Capacity.VCPUs, Spot: p.Spot}
	for i := range view.nodes {
		n := &view.nodes[i]
		if string(n.Pool) != pool {
			continue
		}
		switch n.State {
		case farm.NodeStarting:
			fleet.Starting++
		case farm.NodeOnline:
			fleet.Online++
		case farm.NodeDraining:
			fleet.Draining++
		case farm.NodeLost:
			fleet.Lost++
		default:
		}
	}
	return scale.Measure(pool, fleet, view.input.Work)
}

func (c *Config) pool(name string) *Pool {
	for i := range c.Pools {
		if c.Pools[i].Name == name {
			return &c.Pools[i]
		}
	}
	return nil
}
