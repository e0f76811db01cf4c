package farm

import (
	"fmt"
	"slices"
)

// Check verifies the farm's invariants; it is for tests, and costs a whole scan.
func (f *Farm) Check() error {
	if f.defect != nil {
		return f.defect
	}
	for _, j := range f.jobList {
		for _, s := range j.steps {
			was := s.waits.Clone()
			if s.rewait(f); !was.Equal(&s.waits) {
				return fmt.Errorf("job %s, step %s: %v wait, and should: %v", j.rec.ID, s.rec.Name, was.runs, s.waits.runs)
			}
			if err := s.check(); err != nil {
				return fmt.Errorf("job %s, step %s: %w", j.rec.ID, s.rec.Name, err)
			}
		}
		if err := f.checkJob(j); err != nil {
			return fmt.Errorf("job %s: %w", j.rec.ID, err)
		}
	}
	for _, n := range f.nodeList {
		if err := n.check(); err != nil {
			return fmt.Errorf("node %s: %w", n.rec.ID, err)
		}
	}
	if err := f.checkShares(); err != nil {
		return err
	}
	for _, l := range f.limitList {
		if err := f.checkLimit(l); err != nil {
			return fmt.Errorf("limit %s: %w", l.rec.ID, err)
		}
	}
	if err := f.checkBudgets(); err != nil {
		return err
	}
	if err := f.checkPeople(); err != nil {
		return err
	}
	return f.checkIndexes()
}

// check recounts a step: its sets are disjoint and within its units, exactly the active units have one attempt that is not
// over, and the counters are what a count gives.
func (s *step) check() error {
	sets := []*UnitSet{&s.rec.Active, &s.rec.Succeeded, &s.rec.Failed, &s.rec.Canceled}
	var union UnitSet
	var sum int64
	for _, set := range sets {
		union.AddSet(set)
		sum += set.Len()
	}
	if union.Len() != sum {
		return fmt.Errorf("a unit is in two sets")
	}
	for first, last := range s.rec.Skipped.Runs {
		for u := first; u <= last; u++ {
			if !s.rec.Succeeded.Contains(u) && !s.rec.Active.Contains(u) {
				return fmt.Errorf("unit %d is skipped, and neither done nor on its way", u)
			}
		}
	}
	for u, causes := range s.rec.ByCause {
		sum := 0
		for cause, n := range causes {
			if sum += n; !slices.Contains(Retried, cause) {
				return fmt.Errorf("unit %d has failed by %s, which costs no retry", u, cause)
			}
		}
		if sum != s.rec.Failures[u] {
			return fmt.Errorf("unit %d has failed %d times, by cause %v", u, s.rec.Failures[u], causes)
		}
	}
	for u := range s.rec.BackOff {
		if union.Contains(u) {
			return fmt.Errorf("unit %d is held back, and not pending", u)
		}
		union.Add(u)
	}
	for first, last := range s.waits.Runs {
		union.AddRange(first, last)
	}
	if !slices.Equal(union.runs, s.taken.runs) || union.n != s.taken.n {
		return fmt.Errorf("taken is %v and should be %v", s.taken.runs, union.runs)
	}
	if last, ok := NextMissing(s.rec.Units, maxUnit, &union); !ok || last != s.rec.Units {
		return fmt.Errorf("a unit beyond the last of %d is in a set", s.rec.Units)
	}
	live, recount := map[int64]int{}, &step{}
	for _, a := range s.job.attempts {
		if a.step != s {
			continue
		}
		recount.count(a.rec.State, +1)
		if !a.rec.State.Over() {
			live[a.rec.Unit.Unit]++
			if s.last[a.rec.Unit.Unit] != a {
				return fmt.Errorf("unit %d: attempt %s lives and is not its last", a.rec.Unit.Unit, a.rec.ID)
			}
		}
	}
	if recount.assigned != s.assigned || recount.running != s.running || recount.landing != s.landing || recount.fencing != s.fencing {
		return fmt.Errorf("counters are %+v, a count gives %+v", s.counts(), recount.counts())
	}
	for u, n := range live {
		if n != 1 || !s.rec.Active.Contains(u) {
			return fmt.Errorf("unit %d has %d live attempts, active: %v", u, n, s.rec.Active.Contains(u))
		}
	}
	if int64(len(live)) != s.rec.Active.Len() {
		return fmt.Errorf("%d units are active, %d have a live attempt", s.rec.Active.Len(), len(live))
	}
	return nil
}

func (f *Farm) checkJob(j *job) error {
	var live []*attempt
	for _, a := range j.attempts {
		if !a.rec.State.Over() {
			live = append(live, a)
		}
	}
	if !slices.Equal(live, j.live) {
		return fmt.Errorf("%d live attempts are known, there are %d", len(j.live), len(live))
	}
	complete := true
	for _, s := range j.steps {
		complete = complete && s.complete()
		if j.rec.State == JobCanceled && s.pending() > 0 {
			return fmt.Errorf("it is canceled with pending tasks in %s", s.rec.Name)
		}
	}
	for _, n := range f.nodeList {
		if blocked := n.rec.Blocked[j.rec.ID] != ""; blocked != slices.Contains(j.avoids, n) {
			return fmt.Errorf("node %s is blocked: %v, and avoided: %v", n.rec.ID, blocked, !blocked)
		}
	}
	if complete != (j.rec.State == JobSucceeded) && j.rec.State != JobCanceled {
		return fmt.Errorf("complete: %v, state: %s", complete, j.rec.State)
	}
	if slices.Contains(f.queue, j) == j.rec.State.Over() {
		return fmt.Errorf("state %s, and served: %v", j.rec.State, !j.rec.State.Over())
	}
	return nil
}

func (n *node) check() error {
	used := n.used
	n.recount()
	if used.VCPUs != n.used.VCPUs || used.MemoryMiB != n.used.MemoryMiB {
		return fmt.Errorf("uses %+v, a count gives %+v", used, n.used)
	}
	const dust = 1e-6
	c := &n.rec.Capacity
	if used.VCPUs > c.VCPUs+dust || used.MemoryMiB > c.MemoryMiB || used.GPUs > c.GPUs || used.ScratchGiB > c.ScratchGiB {
		return fmt.Errorf("uses %+v of %+v", used, *c)
	}
	busy := map[SessionID]bool{}
	for _, a := range n.live {
		if busy[a.rec.Session] {
			return fmt.Errorf("two attempts in session %s", a.rec.Session)
		}
		busy[a.rec.Session] = true
	}
	for _, s := range n.sessions {
		if n.rec.Quarantined != "" && s.attempt == nil && !s.rec.Ending {
			return fmt.Errorf("is quarantined and keeps session %s", s.rec.ID)
		}
	}
	if n.rec.State != NodeOnline && n.rec.State != NodeDraining && len(n.live) > 0 {
		return fmt.Errorf("is %s with %d attempts on it", n.rec.State, len(n.live))
	}
	if len(n.fencing) > 0 && !n.unfenced() && n.rec.State != NodeLost {
		return fmt.Errorf("%d attempts wait for a fence that nobody owes", len(n.fencing))
	}
	return nil
}

// checkShares counts anew what queues and jobs take, and looks whether every node stands where the scheduler has to find it.
func (f *Farm) checkShares() error {
	f.refile()
	used := map[QueueID]*Amounts{}
	for _, q := range f.queueList {
		used[q.rec.ID] = &Amounts{}
	}
	for _, j := range f.jobList {
		again := &job{rec: Job{MaxNodes: j.rec.MaxNodes}}
		for _, a := range j.live {
			if a.rec.State.OnNode() {
				used[j.rec.Queue].add(a.needs().taken())
				again.occupy(a.rec.Node, +1)
			}
		}
		if again.running != j.running || len(again.nodes) != len(j.nodes) {
			return fmt.Errorf("job %s runs %d tasks on %v, a count gives %d on %v", j.rec.ID, j.running, j.nodes, again.running, again.nodes)
		}
	}
	for _, q := range f.queueList {
		if q.used != *used[q.rec.ID] {
			return fmt.Errorf("queue %s takes %+v, a count gives %+v", q.rec.ID, q.used, *used[q.rec.ID])
		}
	}
	var supply Amounts
	for _, n := range f.nodeList {
		if n.offers() {
			supply.add(Amounts{VCPUs: n.rec.Capacity.VCPUs, MemoryMiB: n.rec.Capacity.MemoryMiB, GPUs: uint64(n.rec.Capacity.GPUs)})
		}
		switch open := f.ready(n) && !n.spent(); {
		case open != (n.bucket != nil):
			return fmt.Errorf("node %s is open: %v, and found by the scheduler: %v", n.rec.ID, open, n.bucket != nil)
		case open && (n.bucket.use != useOf(n) || n.bucket.nodes[n.place] != n || n.bucket.group.class != n.class || n.bucket.group.site != n.rec.Site):
			return fmt.Errorf("node %s stands in the wrong place", n.rec.ID)
		}
	}
	if supply != f.supply {
		return fmt.Errorf("the farm offers %+v, a count gives %+v", f.supply, supply)
	}
	for _, s := range f.sessions {
		if idle := s.attempt == nil && !s.rec.Ending; idle != slices.Contains(s.step.idle, s) {
			return fmt.Errorf("session %s is idle: %v, and listed as something else", s.rec.ID, idle)
		}
	}
	return nil
}

// checkLimit counts anew who takes of a limit.
func (f *Farm) checkLimit(l *limit) error {
	again := &limit{rec: cloneLimit(&l.rec)}
	f.recountLimit(again)
	if again.held != l.held || again.settling != l.settling || len(again.nodes) != len(l.nodes) {
		return fmt.Errorf("%d seats held on %d nodes and %d settling, a count gives %d on %d and %d", l.held, len(l.nodes), l.settling,
			again.held, len(again.nodes), again.settling)
	}
	for id, h := range again.nodes {
		if got := l.nodes[id]; got == nil || *got != *h {
			return fmt.Errorf("node %s holds %+v, a count gives %+v", id, got, h)
		}
	}
	return nil
}

// checkIndexes compares what is kept to answer quickly with a scan.
func (f *Farm) checkIndexes() error {
	for id, a := range f.attempts {
		if f.warming.has(id) != (a.rec.State == AttemptWarming) || f.landing.has(id) != (a.rec.State == AttemptLanding) {
			return fmt.Errorf("attempt %s is %s and indexed as something else", id, a.rec.State)
		}
		onNode, inFence := slices.Contains(a.node.live, a), slices.Contains(a.node.fencing, a)
		if onNode != a.rec.State.OnNode() || inFence != (a.rec.State == AttemptFencing) {
			return fmt.Errorf("attempt %s is %s; on its node: %v, in its fence: %v", id, a.rec.State, onNode, inFence)
		}
	}
	for id, s := range f.sessions {
		if s.attempt != nil && (s.attempt.rec.Session != id || !s.attempt.rec.State.OnNode()) {
			return fmt.Errorf("session %s is held by attempt %s, which is %s", id, s.attempt.rec.ID, s.attempt.rec.State)
		}
		if s.node.rec.State == NodeDeleted || s.node.rec.State == NodeDeleting {
			return fmt.Errorf("session %s is on node %s, which is %s", id, s.rec.Node, s.node.rec.State)
		}
	}
	for k, p := range f.primings {
		if _, open := f.openPriming[k]; open == p.State.Over() {
			return fmt.Errorf("priming %v is %s, and open: %v", k, p.State, open)
		}
	}
	for id, n := range f.nodes {
		if f.creating.has(id) != (n.rec.State == NodeCreating) {
			return fmt.Errorf("node %s is %s, and to be created: %v", id, n.rec.State, f.creating.has(id))
		}
	}
	return nil
}
