package main

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spillway/spillway/autoscale"
	"github.com/spillway/spillway/internal/burst"
)

// dawn is when simulated days begin.
var dawn = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

func moment(seconds float64) time.Time {
	return dawn.Add(time.Duration(seconds * float64(time.Second)))
}

func span(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

// planned has the burst planner decide, as the server does.
type planned struct{ settings burst.Settings }

func (p planned) plan(s *sim) {
	d := burst.Plan(moment(s.now), s.picture(p.settings))[0]
	if len(d.Release) > 0 {
		leave := map[string]bool{}
		for _, name := range d.Release {
			leave[name] = true
		}
		for _, n := range s.fleet() {
			if leave[strconv.Itoa(n.number)] {
				s.release(n)
			}
		}
	}
	for _, name := range d.Resume {
		number, _ := strconv.Atoi(name) // a name that picture made
		if n := s.nodes[s.home+number]; !n.gone {
			n.leaving = false
		}
	}
	s.create(d.Create)
}

// picture is what the planner sees of the farm: nothing that a farm could not know.
func (s *sim) picture(settings burst.Settings) burst.Input {
	in := burst.Input{
		Settings: settings,
		Home:     []burst.Home{{Name: "home", Site: "studio", Nodes: s.home}},
		Pools: []burst.Pool{{
			Name: "pool", Site: "cloud", Max: s.pool.most, StartUp: span(s.pool.startUp), Price: s.pool.price,
			MinBilling: span(s.pool.billing), Spot: s.pool.evictions > 0, Evictions: s.pool.evictions,
		}},
	}
	for _, n := range s.nodes[s.home:] {
		if n.gone {
			continue
		}
		x := burst.Node{Name: strconv.Itoa(n.number), State: burst.Online, Created: moment(n.created)}
		switch {
		case n.leaving:
			x.State = burst.Draining
		case !n.online(s.now):
			x.State = burst.Starting
		case n.work == nil:
			x.Idle = moment(n.idle)
		}
		in.Pools[0].Nodes = append(in.Pools[0].Nodes, x)
	}
	logs, n := 0.0, 0.0
	for _, w := range s.work {
		if w.at <= s.now && w.done == len(w.frames) {
			logs, n = logs+math.Log(w.estimate.mean), n+1
		}
	}
	if n > 0 {
		in.Settings.Usual = math.Exp(logs / n)
	}
	for _, w := range s.work {
		if w.at > s.now || w.done == len(w.frames) {
			continue
		}
		x := burst.Work{
			Job: strconv.Itoa(w.index), Runnable: int64(w.runnable()), Slots: map[string]int{"home": 1, "pool": 1},
			Expected: w.expected, Priority: w.priority, Submitted: moment(w.at),
		}
		if !math.IsInf(w.deadline, 1) {
			x.Deadline = moment(w.deadline)
		}
		if e := &w.estimate; e.count > 0 {
			m := burst.Seconds{Count: e.count, Mean: e.mean, Spread: e.spread()}
			x.Measured = map[string]burst.Seconds{"studio": m, "cloud": m}
		}
		for n := range w.running {
			r := burst.Run{Supply: "home", Elapsed: span(s.now - n.started)}
			if n.number >= 0 {
				r.Supply, r.Node = "pool", strconv.Itoa(n.number)
			}
			x.Running = append(x.Running, r)
		}
		in.Work = append(in.Work, x)
	}
	return in
}

// byQueue is autoscaling by the length of the queue: a node for so many frames that wait or run on rented nodes.
type byQueue struct{ each int }

func (p byQueue) plan(s *sim) {
	waiting, away := 0, 0
	for _, w := range s.work {
		if w.at <= s.now && w.done < len(w.frames) {
			waiting += w.runnable()
			for n := range w.running {
				if n.number >= 0 {
					away++
				}
			}
		}
	}
	s.resize(min((waiting+away+p.each-1)/p.each, s.pool.most))
}

// byFormula is Azure Batch's documented formula for pending tasks, evaluated by package autoscale every five minutes.
type byFormula struct {
	formula *autoscale.Formula
	history *autoscale.History
	target  int
	last    float64
}

// pendingTasks is the formula as documented for $PendingTasks, with the pool's maximum.
const pendingTasks = `startingNumberOfVMs = 1;
maxNumberofVMs = %d;
pendingTaskSamplePercent = $PendingTasks.GetSamplePercent(180 * TimeInterval_Second);
pendingTaskSamples = pendingTaskSamplePercent < 70 ? startingNumberOfVMs : avg($PendingTasks.GetSample(180 * TimeInterval_Second));
$TargetDedicatedNodes = min(maxNumberofVMs, pendingTaskSamples);
$NodeDeallocationOption = taskcompletion;`

func newByFormula(most int) (*byFormula, error) {
	f, err := autoscale.Parse(fmt.Sprintf(pendingTasks, most))
	if err != nil {
		return nil, err
	}
	return &byFormula{formula: f, history: autoscale.NewHistory(autoscale.SamplePeriod, 1000), last: math.Inf(-1)}, nil
}

func (p *byFormula) plan(s *sim) {
	pending := 0
	for _, w := range s.work {
		if w.at <= s.now && w.done < len(w.frames) {
			pending += w.runnable() + len(w.running)
		}
	}
	for _, before := range []float64{step / 2, 0} {
		p.history.Add(autoscale.Measurement{Time: moment(s.now - before), Values: map[string]float64{"$PendingTasks": float64(pending)}})
	}
	if s.now-p.last >= 300 {
		p.last = s.now
		r, err := p.formula.Evaluate(autoscale.Input{Now: moment(s.now), Samples: p.history, TargetDedicatedNodes: p.target})
		if err == nil { // as in the service, a failed evaluation changes nothing
			p.target = r.TargetDedicatedNodes
		}
	}
	s.resize(p.target)
}

// fixed is a fleet that is there all the time.
type fixed struct{ nodes int }

func (p fixed) plan(s *sim) { s.resize(p.nodes) }

// scheduled follows a given number of nodes for each slot of the day: what a search tries.
type scheduled struct {
	slots []int
}

// slot is how long one number of a schedule holds, in seconds.
const slot = 900.0

func (p scheduled) plan(s *sim) {
	at := int(s.now / slot)
	if at >= len(p.slots) {
		s.resize(0)
		return
	}
	s.resize(p.slots[at])
}

// recorded notes how many nodes a policy has in each slot.
type recorded struct {
	policy
	slots []int
}

func (r *recorded) plan(s *sim) {
	r.policy.plan(s)
	for at := int(s.now / slot); len(r.slots) <= at; {
		r.slots = append(r.slots, 0)
	}
	at := int(s.now / slot)
	r.slots[at] = max(r.slots[at], len(s.fleet()))
}
