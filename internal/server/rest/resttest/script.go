package resttest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Node puts a node into the farm or changes it, with a reason.
func (f *Farm) Node(n restv1.Node, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from := ""
	if old := f.nodes[n.ID]; old != nil {
		from, n.Created = old.State, old.Created
	} else {
		n.Created = f.now().UTC()
	}
	n.Reason, n.LastSeen = reason, f.now().UTC()
	f.nodes[n.ID] = &n
	f.record(restv1.Event{Kind: "node", Node: n.ID, Pool: n.Pool, From: from, To: n.State, Reason: reason})
}

// Pool sets an elastic pool.
func (f *Farm) Pool(p restv1.Pool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.pools {
		if f.pools[i].ID == p.ID {
			f.pools[i] = p
			return
		}
	}
	f.pools = append(f.pools, p)
}

// Decide records a decision of the planner.
func (f *Farm) Decide(pool string, have, want int, reason, capped string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.decisions = append(f.decisions, restv1.Decision{
		ID: f.id("d"), At: f.now().UTC(), Pool: pool, Have: have, Want: want, Reason: reason, Cap: capped,
	})
	for i := range f.pools {
		if f.pools[i].ID == pool {
			f.pools[i].Wanted, f.pools[i].Reason, f.pools[i].Decided = want, reason, f.now().UTC()
		}
	}
	f.record(restv1.Event{Kind: "pool", Pool: pool, From: fmt.Sprint(have), To: fmt.Sprint(want), Reason: reason})
}

// SetFilers sets what Filers answers.
func (f *Farm) SetFilers(list ...restv1.Filer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.filers = list
}

// Start assigns a unit to a node and starts it; it returns the attempt.
func (f *Farm) Start(jobID string, step int, unit int64, node string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.find(jobID)
	if err != nil {
		return ""
	}
	at := [2]int64{int64(step), unit}
	u := j.units[at]
	if u == nil {
		u = &restv1.Unit{Unit: unit}
		j.units[at] = u
	}
	now := f.now().UTC()
	a := &attempt{Attempt: restv1.Attempt{
		ID: f.id("a"), Job: jobID, Step: step, Unit: unit, Number: u.Number + 1, Node: node, State: "running",
		Reason: "started on " + node, Assigned: now, Started: now,
	}, pictures: map[int][]byte{}}
	if n := f.nodes[node]; n != nil {
		a.Site = n.Site
	}
	if j.Started.IsZero() {
		j.Started = now
	}
	f.attempts[a.ID] = a
	f.order = append(f.order, a.ID)
	*u = restv1.Unit{Unit: unit, State: "running", Attempt: a.ID, AttemptState: a.State, Number: a.Number, Node: node, Site: a.Site, Reason: a.Reason}
	f.record(restv1.Event{Kind: "attempt", Job: jobID, Step: step, Unit: unit, Attempt: a.ID, Node: node, From: "ordered", To: "running", Reason: a.Reason})
	return a.ID
}

// Progress notes how far a running attempt is.
func (f *Farm) Progress(id string, part float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.attempts[id]
	a.Progress = part
	if j, err := f.find(a.Job); err == nil {
		j.units[[2]int64{int64(a.Step), a.Unit}].Progress = part
	}
}

// Print appends to an attempt's log.
func (f *Farm) Print(id, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.attempts[id]
	a.log = append(a.log, text...)
	a.LogBytes = uint64(len(a.log))
	close(f.changed)
	f.changed = make(chan struct{})
}

// unitStates says what an attempt's state makes of its unit.
var unitStates = map[string]string{
	"landing": "landing", "fencing": "fencing", "succeeded": "succeeded", "failed": "failed", "canceled": "canceled", "lost": "pending",
}

// Move changes an attempt's state, with a reason, and its unit's.
func (f *Farm) Move(id, state, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moveAttempt(id, state, reason)
}

func (f *Farm) moveAttempt(id, state, reason string) {
	a := f.attempts[id]
	from, now := a.State, f.now().UTC()
	a.State, a.Reason = state, reason
	switch state {
	case "landing", "fencing", "failed", "canceled":
		a.Ended, a.RunSeconds = now, now.Sub(a.Started).Seconds()
	case "succeeded":
		a.Landed, a.Progress = now, 1
		if a.Ended.IsZero() {
			a.Ended, a.RunSeconds = now, now.Sub(a.Started).Seconds()
		}
	}
	if j, err := f.find(a.Job); err == nil {
		u := j.units[[2]int64{int64(a.Step), a.Unit}]
		if u.Attempt == id {
			u.State, u.AttemptState, u.Reason, u.Seconds = unitStates[state], state, reason, a.RunSeconds
		}
	}
	f.record(restv1.Event{Kind: "attempt", Job: a.Job, Step: a.Step, Unit: a.Unit, Attempt: id, Node: a.Node, From: from, To: state, Reason: reason})
}

// Fail ends an attempt badly.
func (f *Farm) Fail(id string, exit int, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts[id].ExitCode, f.attempts[id].Cause = exit, "task error"
	f.moveAttempt(id, "failed", reason)
}

// Output gives an attempt an output, with the storage's receipt if landed; picture may be nil.
func (f *Farm) Output(id, path string, width, height uint32, picture []byte, landed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.attempts[id]
	sum := sha256.Sum256(picture)
	o := restv1.Output{
		Location: "nas", Path: path, Size: uint64(len(picture)), SHA256: hex.EncodeToString(sum[:]), Kind: "png", Width: width, Height: height,
	}
	if landed {
		o.Receipt = &restv1.Receipt{Filer: "edge", Serial: uint64(f.ids), Size: o.Size, SHA256: o.SHA256, Issued: f.now().UTC()}
	}
	a.pictures[len(a.Outputs)] = picture
	a.Outputs = append(a.Outputs, o)
}

// Remove notes an unfinished file that was taken away after the fence.
func (f *Farm) Remove(id, path string, size uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts[id].Removed = append(f.attempts[id].Removed, restv1.Removed{Location: "nas", Path: path, Size: size})
}

// Prime sets how far a job's shared assets are at a filer.
func (f *Farm) Prime(jobID, filer, state string, done, total uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.find(jobID)
	if err != nil {
		return
	}
	p := restv1.Priming{Job: jobID, Filer: filer, State: state, Reason: "before nodes at cloud wake", Files: 40, FilesDone: 40 * done / max(total, 1), Bytes: total, BytesDone: done, Started: f.now().UTC().Add(-time.Second)}
	j.Priming = []restv1.Priming{p}
	f.record(restv1.Event{Kind: "priming", Job: jobID, To: state, Reason: fmt.Sprintf("%d of %d MB are at %s", done>>20, total>>20, filer)})
}
