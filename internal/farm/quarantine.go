package farm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// A node is judged by failures in a row. After some of one job's the job avoids it. If that job succeeds elsewhere, it is held
// against the node; and a node against which jobs of two owners stand, with nothing having succeeded there since, gets no work
// from anybody until it is released: two broken jobs condemn no node, because they succeed nowhere.

// condemning is of how many owners the jobs must be.
const condemning = 2

// blame counts a failed attempt against its node.
func (f *Farm) blame(now time.Time, a *attempt, cause Cause, reason string) {
	n, j := a.node, a.step.job
	if cause == CauseVerification || cause == CauseMemory || n.rec.State == NodeDeleted {
		return // that is the task's fault more likely than the node's
	}
	if n.rec.Failures == nil {
		n.rec.Failures = map[JobID]int{}
	}
	id := j.rec.ID
	n.rec.Failures[id]++
	f.touchNode(n)
	if n.rec.Failures[id] < j.rec.Failing.avoidAfter() || n.rec.Blocked[id] != "" {
		return
	}
	f.avoid(now, n, j, fmt.Sprintf("failed %d of its tasks in a row, last: %s", n.rec.Failures[id], reason))
	if slices.ContainsFunc(j.steps, func(s *step) bool { return s.rec.Succeeded.Len() > 0 }) {
		f.accuse(now, n, j)
	}
}

// avoid keeps a job off a node, as long as another could do its work.
func (f *Farm) avoid(now time.Time, n *node, j *job, reason string) {
	if n.rec.Blocked[j.rec.ID] != "" || n.rec.State == NodeDeleted {
		return
	}
	if n.rec.Blocked == nil {
		n.rec.Blocked = map[JobID]string{}
	}
	n.rec.Blocked[j.rec.ID] = reason
	j.avoids = append(j.avoids, n)
	f.touchNode(n)
	f.emit(Event{At: now, Kind: "node", Node: n.rec.ID, Job: j.rec.ID, Reason: "blocked for the job: " + reason})
}

// clearNode forgets what was held against a node on which a task of the job has succeeded.
func (f *Farm) clearNode(n *node, j *job) {
	if n.rec.Failures[j.rec.ID] == 0 && n.rec.Accused == nil {
		return
	}
	if n.rec.Blocked[j.rec.ID] == "" {
		delete(n.rec.Failures, j.rec.ID)
	}
	n.rec.Accused = nil
	n.tidy()
	f.touchNode(n)
}

// accuse holds against a node that it fails a job which succeeds elsewhere.
func (f *Farm) accuse(now time.Time, n *node, j *job) {
	if n.rec.Failures[j.rec.ID] < j.rec.Failing.avoidAfter() { // a user keeps the job off it
		return
	}
	if n.rec.Accused[j.rec.Owner] != "" || n.rec.State == NodeDeleted {
		return
	}
	accused := map[string]string{j.rec.Owner: fmt.Sprintf("job %s of %s: %s", j.rec.ID, j.rec.Owner, n.rec.Blocked[j.rec.ID])}
	maps.Copy(accused, n.rec.Accused)
	n.rec.Accused = accused
	f.touchNode(n)
	if len(accused) < condemning || n.rec.Quarantined != "" {
		return
	}
	var said []string
	for _, owner := range slices.Sorted(maps.Keys(accused)) {
		said = append(said, accused[owner])
	}
	n.rec.Quarantined = "fails what succeeds on other nodes; " + strings.Join(said, "; ")
	f.emit(Event{At: now, Kind: "node", Node: n.rec.ID, Pool: n.rec.Pool, Reason: "quarantined: " + n.rec.Quarantined})
	f.endIdle(n.sessions)
	if n.rec.Pool != "" && n.rec.State == NodeOnline { // a rented machine is replaced
		n.rec.Stop = true
		f.drain(now, n, "quarantined: "+n.rec.Quarantined)
	}
}

// pardon forgets which nodes failed a job.
func (f *Farm) pardon(j *job) {
	j.avoids = nil
	for _, n := range f.nodeList {
		if n.rec.Failures[j.rec.ID] > 0 || n.rec.Blocked[j.rec.ID] != "" {
			delete(n.rec.Failures, j.rec.ID)
			delete(n.rec.Blocked, j.rec.ID)
			n.tidy()
			f.touchNode(n)
		}
	}
}

// tidy makes empty maps nil, as they come back from the store.
func (n *node) tidy() {
	if len(n.rec.Failures) == 0 {
		n.rec.Failures = nil
	}
	if len(n.rec.Blocked) == 0 {
		n.rec.Blocked = nil
	}
}

// reavoid enters a loaded node into the lists of the jobs that avoid it.
func (f *Farm) reavoid(n *node) {
	for _, id := range slices.Sorted(maps.Keys(n.rec.Blocked)) {
		if j := f.jobs[id]; j != nil {
			j.avoids = append(j.avoids, n)
		}
	}
}

// barred reports whether a node is blocked for the step's job. A block holds only while another node could do the work:
// else the units' own retries decide.
func (f *Farm) barred(n *node, s *step) bool {
	if len(s.job.avoids) == 0 || n.rec.Blocked[s.job.rec.ID] == "" {
		return false
	}
	return slices.ContainsFunc(f.nodeList, func(o *node) bool {
		return o.rec.Blocked[s.job.rec.ID] == "" && o.rec.Quarantined == "" && (o.rec.State == NodeOnline || o.rec.State == NodeStarting) &&
			f.unfit(s, o) == nil
	})
}

// unblock forgets what was held against a node.
func (f *Farm) unblock(n *node) {
	for _, id := range slices.Sorted(maps.Keys(n.rec.Blocked)) {
		if j := f.jobs[id]; j != nil {
			j.avoids = drop(j.avoids, n)
		}
	}
	n.rec.Quarantined, n.rec.Accused, n.rec.Failures, n.rec.Blocked = "", nil, nil, nil
	f.touchNode(n)
}

func (c NodeRelease) apply(f *Farm, now time.Time) (any, error) {
	n, err := f.node(c.Node)
	if err != nil {
		return nil, err
	}
	if n.rec.Quarantined == "" && n.rec.Blocked == nil {
		return nil, fault.New(fault.Conflict, "node %s is neither quarantined nor avoided by a job", c.Node)
	}
	f.unblock(n)
	f.orders.add(n.rec.ID)
	f.emit(Event{At: now, Kind: "node", Node: n.rec.ID, Pool: n.rec.Pool, Reason: orElse(c.Reason, "released") + ": what it failed is forgotten"})
	return nil, nil
}
