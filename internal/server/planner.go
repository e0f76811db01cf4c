package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/farm"
)

// planner has the burst planner look at the farm every few seconds and carries out its decisions.
type planner struct {
	server *Server
	kick   chan struct{}

	// mu guards what follows.
	mu       sync.Mutex
	idle     map[farm.NodeID]time.Time // since when a rented node has had nothing to do
	aims     aims
	startUps *startUps
	at       time.Time // of the outlook
	outlook  outlook
}

// outlook says when jobs are expected to be done.
type outlook struct {
	planned, home map[string]time.Time
}

// outlookFor is how long an outlook is good.
const outlookFor = time.Second

func newPlanner(s *Server) *planner {
	return &planner{server: s, kick: make(chan struct{}, 1), idle: map[farm.NodeID]time.Time{}, aims: aims{}, startUps: newStartUps()}
}

// wake has it plan now: a job has come.
func (p *planner) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *planner) run(ctx context.Context) {
	tick := time.NewTicker(time.Duration(p.server.config.Planner.Interval))
	defer tick.Stop()
	for {
		if err := p.plan(ctx); err != nil && ctx.Err() == nil {
			p.server.config.Log.Warn("can't plan", "error", err)
		}
		select {
		case <-tick.C:
		case <-p.kick:
		case <-ctx.Done():
			return
		}
	}
}

func (p *planner) plan(ctx context.Context) error {
	if len(p.server.config.Pools) == 0 {
		return nil
	}
	now := time.Now()
	view, err := p.look(ctx, now)
	if err != nil {
		return err
	}
	p.order(now, &view)
	for _, d := range burst.Plan(now, view.input) {
		if err := p.carryOut(ctx, d, view.wanted[d.Pool], view.caps[d.Pool]); err != nil {
			return err
		}
	}
	return nil
}

// carryOut makes the farm's commands of a decision. The farm itself lets no node be created before its site is primed, so
// that nodes are recorded at once.
func (p *planner) carryOut(ctx context.Context, d burst.Decision, wanted int, limit string) error {
	want := d.Want
	if want < d.Have {
		want = d.Have - len(d.Release)
	}
	if want == d.Have && want == wanted && d.Cap == limit && !d.Changes() {
		return nil
	}
	for _, name := range d.Resume {
		if _, err := p.server.loop.Do(ctx, farm.NodeResume{Node: farm.NodeID(name), Reason: d.Reason}); err != nil {
			return err
		}
	}
	c := farm.PoolPlanned{Pool: farm.PoolID(d.Pool), Want: want, Reason: d.Reason, Cap: d.Cap, Asked: d.Asked, Seen: farm.Seen(d.Seen)}
	for _, name := range d.Release {
		c.Victims = append(c.Victims, farm.NodeID(name))
	}
	for _, job := range append(slices.Clone(d.Prime), d.Job) {
		if job != "" && !slices.Contains(c.Jobs, farm.JobID(job)) {
			c.Jobs = append(c.Jobs, farm.JobID(job))
		}
	}
	_, err := p.server.loop.Do(ctx, c)
	return err
}

// expect returns when jobs are expected to be done, from a look that is at most a second old.
func (p *planner) expect(ctx context.Context) (outlook, error) {
	now := time.Now()
	p.mu.Lock()
	known, at := p.outlook, p.at
	p.mu.Unlock()
	if !at.IsZero() && now.Sub(at) < outlookFor {
		return known, nil
	}
	view, err := p.look(ctx, now)
	if err != nil {
		return outlook{}, err
	}
	fresh := outlook{
		planned: burst.Forecast(now, view.input, view.wanted).Jobs,
		home:    burst.Forecast(now, view.input, nil).Jobs,
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outlook, p.at = fresh, now
	return fresh, nil
}

// changed makes the next outlook a new one.
func (p *planner) changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = time.Time{}
}

// observe remembers since when rented nodes are idle (busy ones are forgotten), and how long they took to start.
func (p *planner) observe(now time.Time, nodes []farm.NodeView) map[farm.NodeID]time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.startUps.see(now, nodes)
	next := map[farm.NodeID]time.Time{}
	for i := range nodes {
		n := &nodes[i]
		if n.Pool == "" || n.State != farm.NodeOnline || len(n.Attempts) > 0 {
			continue
		}
		next[n.ID] = now
		if since, ok := p.idle[n.ID]; ok {
			next[n.ID] = since
		}
	}
	p.idle = next
	return next
}
