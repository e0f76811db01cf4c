package burst

// Decision is what is to be done with a pool now, and why.
type Decision struct {
	Pool  string
	Have  int // nodes that are there or on their way, without draining ones
	Asked int // nodes that the goals ask for, were there no limits
	Want  int // nodes that there should be; what follows may lag behind it

	Create  int      // new nodes to make now
	Resume  []string // draining nodes to keep after all
	Release []string // nodes to drain and then delete
	Prime   []string // jobs whose assets must be loaded at the pool's site before nodes are woken

	Seen   Seen
	Job    string // whose work decided; empty: none
	Cap    string // what kept Want from being what the goals need: one of Caps; empty: nothing
	Reason string // one sentence with numbers, for people
}

// Caps are what can keep a pool from having what the goals need.
func Caps() []string { return []string{"max", "vcpus", "quota", "hourly", "budget", "stopped"} }

// Seen is what a decision is founded on: the work that the pool could do.
type Seen struct {
	Runnable int64   // tasks that could start now
	Running  int     // tasks that run, wherever
	Later    int64   // tasks that wait for others
	Seconds  float64 // of one node of the pool for all that could start; tasks of unknown length count as nothing
	Home     int     // the studio's own nodes that could do some of it
	Late     int     // works that would miss their goals without rented nodes
}

// Changes reports whether there is anything to do.
func (d Decision) Changes() bool {
	return d.Create > 0 || len(d.Resume) > 0 || len(d.Release) > 0 || len(d.Prime) > 0
}

// seen sums up what a pool could do.
func (p *planner) seen(pool int, t target) Seen {
	var s Seen
	at := len(p.in.Home) + pool
	home := make([]bool, len(p.in.Home))
	for i := range p.work {
		w := &p.work[i]
		if w.slots[at] == 0 {
			continue
		}
		s.Runnable += w.Runnable
		s.Running += len(w.Running)
		s.Later += w.Later
		s.Seconds += float64(w.Runnable) * w.seconds[at] / w.slots[at]
		for h := range home {
			home[h] = home[h] || w.slots[h] > 0
		}
	}
	for h, can := range home {
		if can {
			s.Home += p.in.Home[h].Nodes
		}
	}
	for _, i := range t.missed {
		if p.work[i].slots[at] > 0 {
			s.Late++
		}
	}
	return s
}
