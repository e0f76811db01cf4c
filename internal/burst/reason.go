package burst

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// explain says in one sentence why a pool gets what it gets.
func (p *planner) explain(pool *Pool, d Decision, t target, w *load) string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case w != nil && !w.timed():
		say("%s: nobody knows yet how long its %s take, and no node at home can try one in time", w.title(), w.noun())
	case w != nil:
		say("%s", p.need(w, t))
	default:
		say("%s", p.enough(pool, t))
	}
	switch {
	case pool.Stopped:
		say("%s", p.capText(pool, "stopped"))
	case w == nil && d.Want > 0:
		switch {
		case d.Want <= pool.Min:
			say("%s is the pool's minimum", nodes(d.Want))
		case pool.Floor > 0 && !pool.Spot && d.Want > d.Have:
			say("%s, the share that is promised beside spot nodes", nodes(d.Want))
		default:
			say("%s stays so as not to be missed again soon", nodes(d.Want))
		}
	case w != nil && !w.timed():
		say("%s finds out", nodes(d.Want))
	case w != nil:
		say("%s", p.outcome(w, d, t))
	}
	if len(d.Prime) > 0 && d.Create == 0 && len(d.Resume) == 0 {
		if warm, ok := w.Warm[pool.Site]; ok {
			say("first their assets are loaded at %s, %.0f %% of %.0f %% are there", pool.Site, warm.Share*100, min(pool.WarmRequired, 1)*100)
		}
	}
	if len(d.Release) > 0 {
		say("gives back %s", strings.Join(d.Release, ", "))
	} else if d.Want < d.Have {
		say("%s", p.lingering(pool, d))
	}
	return strings.Join(parts, "; ")
}

// need tells what a work takes without rented nodes, and by when it should be done.
func (p *planner) need(w *load, t target) string {
	home := 0
	for i := range p.in.Home {
		if w.Slots[p.in.Home[i].Name] > 0 {
			home += p.in.Home[i].Nodes
		}
	}
	s := fmt.Sprintf("%s: %d %s × %s", w.title(), w.Runnable, w.noun(), span(p.typical(w)))
	if w.guess > 0 {
		s += " (nobody knows yet; as other work takes)"
	}
	base := t.base.ends[p.index(w)]
	switch {
	case home == 0 && math.IsInf(base, 1):
		s += ", no node at home can run them"
	case home == 0:
		s += fmt.Sprintf(" end in %s on the nodes there must be anyway", span(base))
	default:
		s += fmt.Sprintf(" end in %s at home on %s", span(base), nodes(home))
	}
	left := w.goal
	switch {
	case w.Deadline.IsZero() && left > 0:
		s += fmt.Sprintf("; to be done in %s, the longest wait", span(left))
	case w.Deadline.IsZero():
		s += fmt.Sprintf("; the longest wait is over since %s", span(-left))
	case left <= 0:
		s += fmt.Sprintf("; deadline %s ago", span(-left))
	case w.Tail > 0:
		s += fmt.Sprintf("; deadline in %s, of which what follows needs %s", span(left+w.Tail.Seconds()), span(w.Tail.Seconds()))
	default:
		s += fmt.Sprintf("; deadline in %s", span(left))
	}
	return s
}

// outcome tells what the wanted nodes lead to, and what kept them from being more.
func (p *planner) outcome(w *load, d Decision, t target) string {
	end := p.try(p.with(t.counts, p.supplies[d.Pool]-len(p.in.Home), d.Want)).ends[p.index(w)]
	s := fmt.Sprintf("with %s in %s", burstNodes(d.Want), span(end))
	if d.Want == 0 {
		s = "without burst nodes"
	}
	switch left := w.goal; {
	case end > left:
		s = "the goal cannot be met: " + s
		if d.Cap == "" {
			return s + ", and more would not help"
		}
	case end > left*(1-p.settings.Margin):
		s += ", with little to spare"
	default:
		return s
	}
	if text := p.capText(p.pool(d.Pool), d.Cap); text != "" {
		s += ", and " + text
	}
	return s
}

// capText tells what a cap is; empty: nothing caps.
func (p *planner) capText(pool *Pool, limit string) string {
	switch limit {
	case "stopped":
		return "the operator has stopped this pool"
	case "max":
		return "the pool has at most " + nodes(max(pool.Max, 0))
	case "hourly":
		return fmt.Sprintf("rented nodes may cost at most %.2f an hour", p.settings.MaxHourly)
	case "vcpus":
		return fmt.Sprintf("rented nodes may have at most %.0f vCPUs", p.settings.MaxVCPUs)
	case "quota":
		return fmt.Sprintf("the quota %s is %.0f vCPUs", pool.Quota, p.settings.Quotas[pool.Quota])
	case "budget":
		return fmt.Sprintf("%.2f of the budget are left", *p.settings.Budget)
	}
	return ""
}

// enough tells why a pool is not needed.
func (p *planner) enough(pool *Pool, t target) string {
	var first *load
	for i := range p.work {
		if w := &p.work[i]; w.Runnable > 0 && w.Slots[pool.Name] > 0 {
			first = w
			break
		}
	}
	if first == nil {
		return "no work waits that this pool could do"
	}
	end := t.base.ends[p.index(first)]
	switch {
	case !first.timed():
		return fmt.Sprintf("%s: nobody knows yet how long its %s take; the first at home will tell", first.title(), first.noun())
	case first.Cheapest:
		return fmt.Sprintf("%s: %d %s end in %s; nothing is rented for it", first.title(), first.Runnable, first.noun(), span(end))
	case !first.hasGoal():
		return fmt.Sprintf("%s: %d %s end in %s; no deadline and no longest wait asks for more", first.title(), first.Runnable, first.noun(), span(end))
	case math.IsInf(end, 1):
		return fmt.Sprintf("%s is served elsewhere", first.title())
	}
	return fmt.Sprintf("%s: %d %s × %s end in %s without this pool; to be done in %s",
		first.title(), first.Runnable, first.noun(), span(p.typical(first)), span(end), span(first.goal))
}

// lingering tells why nodes that are too many stay for now.
func (p *planner) lingering(pool *Pool, d Decision) string {
	spare := nodes(d.Have - d.Want)
	switch left, idle := p.idleLeft(pool); {
	case !idle:
		return spare + " too many, all at work or starting"
	case left > 0:
		return fmt.Sprintf("%s too many, given back when idle for another %s", spare, span(left.Seconds()))
	}
	return spare + " too many, kept while paid for and there is work"
}

// typical returns a task's usual seconds.
func (p *planner) typical(w *load) float64 {
	if m := w.anywhere(); m.Count > 0 {
		return m.Mean
	}
	if w.Expected > 0 {
		return w.Expected
	}
	return w.guess
}

func (p *planner) index(w *load) int {
	for i := range p.work {
		if &p.work[i] == w {
			return i
		}
	}
	return -1
}

func (w *Work) title() string {
	if w.Name != "" {
		return w.Name
	}
	return w.Job
}

func (w *Work) noun() string {
	if w.Noun != "" {
		return w.Noun
	}
	return "tasks"
}

func nodes(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

func burstNodes(n int) string {
	if n == 1 {
		return "1 burst node"
	}
	return fmt.Sprintf("%d burst nodes", n)
}

// span writes seconds the way people say them: 8.4 s, 131 s, 14 min, 2.5 h, 3 days.
func span(s float64) string {
	switch d := time.Duration(min(s, 1e9) * float64(time.Second)); {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", s)
	case d < 5*time.Minute:
		return fmt.Sprintf("%.0f s", s)
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", s/60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%.1f h", s/3600)
	}
	return fmt.Sprintf("%.0f days", s/86400)
}
