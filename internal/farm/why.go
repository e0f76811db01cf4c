package farm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Why explains where a job stands and what it waits for.
type Why struct {
	Job    JobID     `json:"job"`
	State  JobState  `json:"state"`
	Reason string    `json:"reason"`
	Lines  []string  `json:"lines"` // for people, most important first
	Steps  []StepWhy `json:"steps"`
}

// StepWhy explains where a step stands.
type StepWhy struct {
	Name      string       `json:"name"`
	Counts    Counts       `json:"counts"`
	Runnable  int64        `json:"runnable"` // pending and free to start
	BackOff   int64        `json:"backOff"`  // pending until BackOffTo
	BackOffTo time.Time    `json:"backOffTo,omitzero"`
	WaitsFor  []StepWait   `json:"waitsFor,omitempty"`
	After     []string     `json:"after,omitempty"`    // what else it waits for: jobs, single tasks of other steps
	Held      []string     `json:"held,omitempty"`     // what keeps it from every node: a quota, a share, a cap of the job
	Failures  []CauseCount `json:"failures,omitempty"` // by cause, most frequent first
	Avoided   []string     `json:"avoided,omitempty"`  // nodes that fail the job's tasks, and how
	Nodes     int          `json:"nodes"`              // known
	Unfit     []NodeReason `json:"unfit,omitempty"`    // why nodes are not taking its tasks, by number of nodes
}

// StepWait is a dependency that is not met.
type StepWait struct {
	Name      string `json:"name"`
	Succeeded int64  `json:"succeeded"`
	Units     int64  `json:"units"`
	Failed    int64  `json:"failed,omitempty"` // it will never be met
}

// CauseCount is how often attempts at a step's tasks failed by one cause.
type CauseCount struct {
	Cause    Cause `json:"cause"`
	Attempts int   `json:"attempts"`
	Tasks    int   `json:"tasks"`
	Retries  int   `json:"retries"` // that a task has after this cause
}

// NodeReason counts the nodes that one reason keeps from a step.
type NodeReason struct {
	Reason string `json:"reason"` // "too little memory"
	Nodes  int    `json:"nodes"`
}

// Why explains where a job stands and what it waits for.
func (f *Farm) Why(now time.Time, id JobID) (Why, error) {
	j, err := f.job(id)
	if err != nil {
		return Why{}, err
	}
	w := Why{Job: id, State: j.rec.State, Reason: j.rec.Reason, Lines: []string{j.rec.State.String() + ": " + j.rec.Reason}}
	for _, s := range j.steps {
		sw := f.whyStep(now, s)
		w.Steps = append(w.Steps, sw)
		if !j.rec.State.Over() {
			w.Lines = append(w.Lines, sw.lines(now)...)
		}
	}
	for _, n := range j.avoids {
		w.Lines = append(w.Lines, fmt.Sprintf("the job avoids node %s, which %s", n.rec.ID, n.rec.Blocked[id]))
	}
	w.Lines = append(w.Lines, f.whyAttempts(now, j)...)
	for _, k := range slices.SortedFunc(maps.Keys(f.openPriming), comparePrimings) {
		if p := f.primings[k]; k.job == id {
			w.Lines = append(w.Lines, fmt.Sprintf("its assets are being loaded at %s: %d of %d files, %d of %d bytes",
				p.Filer, p.FilesDone, p.Files, p.BytesDone, p.Bytes))
		}
	}
	return w, nil
}

func (f *Farm) whyStep(now time.Time, s *step) StepWhy {
	w := StepWhy{Name: s.rec.Name, Counts: s.counts(), Nodes: len(f.nodeList)}
	w.Failures = s.causes()
	for _, n := range s.job.avoids {
		w.Avoided = append(w.Avoided, fmt.Sprintf("node %s %s", n.rec.ID, n.rec.Blocked[s.job.rec.ID]))
	}
	if !s.rec.HeldUntil.IsZero() {
		w.Held = append(w.Held, "a program was denied a licence; the next task is tried at "+s.rec.HeldUntil.Format(time.TimeOnly)+" UTC")
	}
	for _, until := range s.rec.BackOff {
		w.BackOff++
		if w.BackOffTo.IsZero() || until.Before(w.BackOffTo) {
			w.BackOffTo = until
		}
	}
	for _, d := range s.rec.DependsOn {
		if dep := s.job.steps[d]; !dep.complete() {
			w.WaitsFor = append(w.WaitsFor, StepWait{
				Name: dep.rec.Name, Succeeded: dep.rec.Succeeded.Len(), Units: dep.rec.Units, Failed: dep.rec.Failed.Len() + dep.rec.Canceled.Len(),
			})
		}
	}
	if s.pending() > 0 {
		w.After = f.whyAfter(s)
	}
	if len(w.WaitsFor) > 0 || s.pending() == 0 || !s.afterMet(f) {
		return w
	}
	w.Runnable = s.free()
	if q := f.queueOf(s.job); w.Runnable > 0 {
		for _, held := range []string{q.why(&s.needs), s.job.whyCapped()} {
			if held != "" {
				w.Held = append(w.Held, held)
			}
		}
		for _, b := range f.budgetsOf(s.job) {
			if b.rec.Level != BudgetOpen {
				w.Held = append(w.Held, b.rec.String()+": "+b.says())
			}
		}
		if turn := f.behind(q); turn != "" && len(w.Held) == 0 {
			w.Held = append(w.Held, turn)
		}
	}
	counts := map[string]int{}
	for _, n := range f.nodeList {
		counts[f.whyNode(now, n, s)]++
	}
	for reason, n := range counts {
		w.Unfit = append(w.Unfit, NodeReason{reason, n})
	}
	slices.SortFunc(w.Unfit, func(a, b NodeReason) int {
		return cmp.Or(-cmp.Compare(a.Nodes, b.Nodes), cmp.Compare(a.Reason, b.Reason))
	})
	return w
}

// whyNode says in the scheduler's terms why a node does not take a task of the step now; "free" if it would.
func (f *Farm) whyNode(now time.Time, n *node, s *step) string {
	if short := f.unfit(s, n); short != nil {
		return short.reason
	}
	if reason := f.usable(n); reason != "" {
		return reason
	}
	switch {
	case f.barred(n, s):
		return "blocked for the job: " + n.rec.Blocked[s.job.rec.ID]
	case !n.room(&s.needs):
		return "busy"
	case !s.job.admits(n):
		return "the job uses as many nodes as it may"
	case f.limited(s, n.rec.ID) != nil:
		return f.limited(s, n.rec.ID).why()
	case !f.primed(s.job, n.rec.Site):
		return "waits until " + string(n.rec.Site) + " is primed"
	}
	if b, _ := f.unpaid(now, s, n); b != nil {
		return b.rec.String() + " is used up"
	}
	return "free"
}

// causes counts the step's failed attempts.
func (s *step) causes() []CauseCount {
	by := map[Cause]*CauseCount{}
	for _, causes := range s.rec.ByCause {
		for cause, n := range causes {
			if by[cause] == nil {
				by[cause] = &CauseCount{Cause: cause, Retries: s.job.budget(cause)}
			}
			by[cause].Attempts += n
			by[cause].Tasks++
		}
	}
	var out []CauseCount
	for _, c := range by {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b CauseCount) int {
		return cmp.Or(-cmp.Compare(a.Attempts, b.Attempts), cmp.Compare(a.Cause, b.Cause))
	})
	return out
}

func (c *CauseCount) String() string {
	return fmt.Sprintf("%d attempts at %d tasks failed by %s, which has %d retries", c.Attempts, c.Tasks, c.Cause, c.Retries)
}

// whyCapped says which of its own bounds the job has reached, or "".
func (j *job) whyCapped() string {
	switch {
	case j.capped():
		return fmt.Sprintf("the job runs %d tasks at once, and may run %d", j.running, j.rec.MaxTasks)
	case j.rec.MaxNodes > 0 && len(j.nodes) >= j.rec.MaxNodes:
		return fmt.Sprintf("the job uses %d nodes, and may use %d", len(j.nodes), j.rec.MaxNodes)
	}
	return ""
}

func (w *StepWhy) lines(now time.Time) []string {
	var lines []string
	for _, d := range w.WaitsFor {
		line := fmt.Sprintf("step %s waits for %s: %d of %d done", w.Name, d.Name, d.Succeeded, d.Units)
		if d.Failed > 0 {
			line += fmt.Sprintf(", %d failed or canceled", d.Failed)
		}
		lines = append(lines, line)
	}
	for _, after := range w.After {
		lines = append(lines, fmt.Sprintf("step %s: %s", w.Name, after))
	}
	if w.Runnable > 0 {
		lines = append(lines, fmt.Sprintf("step %s: %d tasks could start; %s", w.Name, w.Runnable, nodesLine(w)))
	}
	for _, held := range w.Held {
		lines = append(lines, fmt.Sprintf("step %s: %s", w.Name, held))
	}
	for i := range w.Failures {
		lines = append(lines, fmt.Sprintf("step %s: %s", w.Name, w.Failures[i].String()))
	}
	if w.BackOff > 0 {
		lines = append(lines, fmt.Sprintf("step %s: %d tasks wait after a failure, the first for %s more",
			w.Name, w.BackOff, max(0, w.BackOffTo.Sub(now)).Round(time.Second)))
	}
	return lines
}

// nodesLine is "12 nodes: 8 too little memory, 4 busy".
func nodesLine(w *StepWhy) string {
	if w.Nodes == 0 {
		return "there are no nodes"
	}
	line := fmt.Sprintf("%d nodes: ", w.Nodes)
	for i, r := range w.Unfit {
		if i > 0 {
			line += ", "
		}
		line += fmt.Sprintf("%d %s", r.Nodes, r.Reason)
	}
	return line
}

// whyAttempts says what attempts wait for that run no more: the storage, or a fence. At most ten are named.
func (f *Farm) whyAttempts(now time.Time, j *job) []string {
	const most = 10
	var lines []string
	more := 0
	for _, a := range j.live {
		if a.rec.State != AttemptLanding && a.rec.State != AttemptFencing && a.rec.State != AttemptWarming {
			continue
		}
		if len(lines) == most {
			more++
			continue
		}
		since := a.rec.Ended
		if since.IsZero() {
			since = a.rec.Assigned
		}
		lines = append(lines, fmt.Sprintf("task %d of %s is %s for %s: %s", a.rec.Unit.Unit, a.step.rec.Name, a.rec.State,
			max(0, now.Sub(since)).Round(time.Second), a.rec.Reason))
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more tasks like these", more))
	}
	return lines
}
