package server

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/internal/server/rest"
)

var _ rest.Jobs = (*Server)(nil)

// Cancel stops a job.
func (s *Server) Cancel(ctx context.Context, id string) (restv1.Job, error) {
	return s.change(ctx, id, farm.CancelJob{Job: farm.JobID(id), Reason: "canceled by " + asker(ctx)})
}

// Retry makes a job's failed and canceled units pending again.
func (s *Server) Retry(ctx context.Context, id string) (restv1.Job, error) {
	return s.change(ctx, id, farm.RetryJob{Job: farm.JobID(id), Reason: "tried again by " + asker(ctx)})
}

// Bulk does something to many jobs.
func (s *Server) Bulk(ctx context.Context, b restv1.Bulk) (restv1.BulkDone, error) {
	c := farm.ForJobs{
		Verb: farm.Verb(b.Verb), DryRun: b.DryRun, Reason: bulkReasons[b.Verb] + " by " + asker(ctx),
		Filter: farm.JobFilter{Owner: b.Owner, Project: b.Project, Queue: farm.QueueID(b.Queue), Name: b.Name},
	}
	for _, id := range b.Jobs {
		c.Filter.Jobs = append(c.Filter.Jobs, farm.JobID(id))
	}
	if b.State != "" {
		var state farm.JobState
		if err := state.UnmarshalText([]byte(b.State)); err != nil {
			return restv1.BulkDone{}, fault.Wrap(fault.Invalid, err, "the filter")
		}
		c.Filter.State = &state
	}
	if change := b.Change; change != nil {
		c.Change = farm.ChangeJob{
			Priority: change.Priority, MaxTasks: change.MaxTasks, MaxNodes: change.MaxNodes, MaxRetries: change.Retries, Deadline: change.Deadline,
			AvoidAfter: change.AvoidNodeAfter, StopAfter: change.PauseAfter,
		}
		if change.Queue != nil {
			queue := farm.QueueID(*change.Queue)
			c.Change.Queue = &queue
		}
		if p := change.PauseAfter; p != nil && *p == 0 {
			never := -1
			c.Change.StopAfter = &never
		}
		if change.NoDeadline {
			c.Change.Deadline = &time.Time{}
		}
	}
	if who := access.CallerOf(ctx); who != nil {
		c.Sees = func(b farm.Belongs) bool { return who.May(access.SeeJobs, b.Project, b.Owner) }
		c.May = func(b farm.Belongs) error {
			if !who.May(access.ControlOwn, b.Project, b.Owner) && !who.May(access.ControlJobs, b.Project, b.Owner) {
				return fault.New(fault.Denied, "it is %s's, and %s may not %s the jobs of others", b.Owner, who.Name, c.Verb)
			}
			return nil
		}
	}
	do := s.do
	if c.DryRun {
		do = s.loop.Do // nothing to audit
	}
	result, err := do(ctx, c)
	if err != nil {
		return restv1.BulkDone{}, err
	}
	s.planner.changed()
	s.planner.wake()
	var out restv1.BulkDone
	if done, ok := result.(*farm.JobsDone); ok {
		for _, id := range done.Done {
			out.Done = append(out.Done, string(id))
		}
		for _, k := range done.Skipped {
			out.Skipped = append(out.Skipped, restv1.Skipped{Job: string(k.Job), Why: k.Why})
		}
	}
	return out, nil
}

// bulkReasons are what jobs say of a change made to many.
var bulkReasons = map[string]string{
	"cancel": "canceled", "retry": "tried again", "pause": "paused", "resume": "resumed", "change": "changed",
}

func (s *Server) change(ctx context.Context, id string, c farm.Command) (restv1.Job, error) {
	if _, err := s.do(ctx, c); err != nil {
		return restv1.Job{}, err
	}
	s.planner.changed()
	s.planner.wake()
	return s.Job(ctx, id)
}

// Jobs lists jobs, newest first.
func (s *Server) Jobs(ctx context.Context, filter rest.JobFilter) ([]restv1.Job, error) {
	var views []farm.JobView
	if err := s.loop.View(ctx, func(f *farm.Farm) { views = f.Jobs() }); err != nil {
		return nil, err
	}
	expected, err := s.planner.expect(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	sees := s.sees(ctx)
	var out []restv1.Job
	for i := range views {
		if sees != nil && !sees(views[i].ID) {
			continue
		}
		if filter.State != "" && views[i].State.String() != filter.State {
			continue
		}
		if len(out) >= filter.Limit {
			break
		}
		job := wireJob(&views[i], expected, now)
		job.Parameters = nil
		out = append(out, job)
	}
	return out, nil
}

// Job returns one job with everything known of it.
func (s *Server) Job(ctx context.Context, id string) (restv1.Job, error) {
	var view farm.JobView
	var primings []farm.Priming
	known := false
	err := s.loop.View(ctx, func(f *farm.Farm) {
		view, known = f.Job(farm.JobID(id))
		primings = f.Primings()
	})
	if err != nil {
		return restv1.Job{}, err
	}
	if !known {
		return restv1.Job{}, noJob(id)
	}
	expected, err := s.planner.expect(ctx)
	if err != nil {
		return restv1.Job{}, err
	}
	job := wireJob(&view, expected, time.Now())
	for _, p := range primings {
		if string(p.Job) == id {
			job.Priming = append(job.Priming, wirePriming(p))
		}
	}
	entry, err := s.entry(ctx, farm.JobID(id))
	if err != nil {
		return restv1.Job{}, err
	}
	for i := range job.Steps {
		job.Steps[i].Numbering = numbering(entry, i)
	}
	return job, nil
}

func noJob(id string) error {
	return fault.WithHint(fault.New(fault.NotFound, "there is no job %s", id), "see: spillway job list")
}

// entry returns a job's compiled template.
func (s *Server) entry(ctx context.Context, id farm.JobID) (*catalog.Entry, error) {
	var job farm.Job
	known := false
	if err := s.loop.View(ctx, func(f *farm.Farm) { job, known = f.Spec(id) }); err != nil {
		return nil, err
	}
	if !known {
		return nil, noJob(string(id))
	}
	return s.catalog.Of(&job)
}

// Units lists what is known of a step's units.
func (s *Server) Units(ctx context.Context, id string, step int, from int64, limit int) (restv1.UnitPage, error) {
	page := restv1.UnitPage{Step: step}
	var units []farm.UnitView
	var attempts map[farm.AttemptID]farm.Attempt
	var failed error
	err := s.loop.View(ctx, func(f *farm.Farm) {
		var next int64
		if units, next, failed = f.Units(farm.JobID(id), step, from, limit); failed != nil {
			return
		}
		if next >= 0 {
			page.Next = &next
		}
		job, _ := f.Job(farm.JobID(id))
		page.Total, page.Counts = job.Steps[step].Units, wireCounts(job.Counts[step])
		attempts = make(map[farm.AttemptID]farm.Attempt, len(units))
		for _, u := range units {
			if a, ok := f.Attempt(u.Attempt); ok {
				attempts[a.ID] = a
			}
		}
	})
	if err := cmp.Or(err, failed); err != nil {
		return page, err
	}
	entry, err := s.entry(ctx, farm.JobID(id))
	if err != nil {
		return page, err
	}
	for _, u := range units {
		page.Units = append(page.Units, s.wireUnit(entry, step, u, attempts))
	}
	return page, nil
}

func (s *Server) wireUnit(entry *catalog.Entry, step int, u farm.UnitView, attempts map[farm.AttemptID]farm.Attempt) restv1.Unit {
	out := restv1.Unit{
		Unit: u.Unit, State: u.State.String(), Attempt: string(u.Attempt), Number: u.Attempts, Node: string(u.Node), Site: string(u.Site),
		Reason: u.Reason, Skipped: u.Skipped,
	}
	out.Params, _ = entry.Values(step, u.Unit)
	a, ok := attempts[u.Attempt]
	if !ok {
		return out
	}
	out.AttemptState, out.Seconds, out.Number = a.State.String(), a.RunTime.Seconds(), a.Number
	if u.State == farm.UnitAssigned && a.State == farm.AttemptRunning {
		out.State = "running"
		out.Progress = s.progress(a.ID)
		if !a.Started.IsZero() {
			out.Seconds = time.Since(a.Started).Seconds()
		}
	}
	return out
}

// progress returns how far a running attempt is, 0 to 1.
func (s *Server) progress(id farm.AttemptID) float64 {
	p, ok := s.hub.Progress(id)
	if !ok || !(p.Percent > 0) {
		return 0
	}
	return min(p.Percent/100, 1)
}

// Attempts lists attempts of a job, newest first.
func (s *Server) Attempts(ctx context.Context, id string, filter rest.AttemptFilter) ([]restv1.Attempt, error) {
	var all []farm.Attempt
	known := false
	err := s.loop.View(ctx, func(f *farm.Farm) {
		if _, known = f.Spec(farm.JobID(id)); known {
			all = f.Attempts(farm.JobID(id))
		}
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, noJob(id)
	}
	var out []restv1.Attempt
	for i := range slices.Backward(all) {
		a := &all[i]
		if filter.Step != nil && a.Unit.Step != *filter.Step || filter.Unit != nil && a.Unit.Unit != *filter.Unit {
			continue
		}
		if len(out) >= filter.Limit {
			break
		}
		out = append(out, s.wireAttempt(a))
	}
	return out, nil
}

// Why explains what a job waits for.
func (s *Server) Why(ctx context.Context, id string) (restv1.Why, error) {
	var why farm.Why
	var failed error
	err := s.loop.View(ctx, func(f *farm.Farm) { why, failed = f.Why(time.Now(), farm.JobID(id)) })
	if err := cmp.Or(err, failed); err != nil {
		return restv1.Why{}, err
	}
	out := restv1.Why{Job: id, Summary: why.Reason}
	if len(why.Lines) > 0 {
		out.Summary = why.Lines[0]
	}
	for _, step := range why.Steps {
		out.Reasons = append(out.Reasons, whyStep(step)...)
	}
	return out, nil
}

func whyStep(step farm.StepWhy) []restv1.WhyReason {
	var out []restv1.WhyReason
	add := func(count int64, of, text string) {
		if count > 0 {
			out = append(out, restv1.WhyReason{Step: step.Name, Count: count, Of: of, Text: text})
		}
	}
	add(step.Runnable, "units", "free to start, waiting for a node")
	add(step.BackOff, "units", "waiting after a failure")
	add(step.Counts.Landing, "units", "waiting for their files to land")
	add(step.Counts.Fencing, "units", "waiting for a fence")
	add(step.Counts.Failed, "units", "failed for good")
	for _, c := range step.Failures {
		add(int64(c.Attempts), "attempts", fmt.Sprintf("failed by %s, at %d tasks; each has %d retries after it", c.Cause, c.Tasks, c.Retries))
	}
	for _, avoided := range step.Avoided {
		add(1, "nodes", "avoided by the job: "+avoided)
	}
	for _, w := range step.WaitsFor {
		text := "waiting for step " + w.Name + ": " + strconv.FormatInt(w.Succeeded, 10) + " of " + strconv.FormatInt(w.Units, 10) + " done"
		add(step.Counts.Pending, "units", text)
	}
	for _, after := range step.After {
		add(step.Counts.Pending, "units", after)
	}
	for _, held := range step.Held {
		add(max(1, step.Runnable), "units", held)
	}
	for _, n := range step.Unfit {
		add(int64(n.Nodes), "nodes", n.Reason)
	}
	return out
}
