package resttest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// Submit accepts any template with a "name:" or "name" key: a job of one step "Render" of ten units.
func (f *Farm) Submit(ctx context.Context, s restv1.Submission, key string) (restv1.Job, bool, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Job{}, false, err
	}
	defer unlock()
	content := fmt.Sprint(s)
	if old, ok := f.keys[key]; ok && key != "" {
		if old.of != content {
			return restv1.Job{}, false, fault.New(fault.Conflict, "the key %q was used for another job", key)
		}
		j, err := f.find(old.job)
		return f.view(j), false, err
	}
	if !strings.Contains(s.Template, "name") {
		return restv1.Job{}, false, fault.WithHint(fault.New(fault.Invalid, "template:1:1: name is missing"), "see: spillway openjd check")
	}
	name := s.Name
	if name == "" {
		name = "untitled"
	}
	j := f.add(restv1.Job{
		Name: name, Owner: s.Owner, Project: s.Project, Parameters: s.Parameters, Priority: 50, Queue: "default",
		Steps: []restv1.Step{{Name: "Render", Units: 10}},
	})
	if key != "" {
		f.keys[key] = submitted{j.ID, content}
	}
	return f.view(j), true, nil
}

// Add puts a job into the farm, active, and returns its id.
func (f *Farm) Add(j restv1.Job) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.add(j).ID
}

func (f *Farm) add(v restv1.Job) *job {
	v.ID, v.State, v.Reason, v.Submitted = f.id("j"), "active", "submitted", f.now().UTC()
	j := &job{Job: v, units: map[[2]int64]*restv1.Unit{}}
	f.jobs = append(f.jobs, j)
	f.record(restv1.Event{Kind: "job", Job: v.ID, To: "active", Reason: "submitted"})
	return j
}

// Change edits a job and tells of it.
func (f *Farm) Change(id, reason string, edit func(*restv1.Job)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.find(id)
	if err != nil {
		return
	}
	from := j.State
	edit(&j.Job)
	j.Reason = reason
	if j.State != "active" && j.State != "paused" {
		j.Ended = f.now().UTC()
	}
	f.record(restv1.Event{Kind: "job", Job: id, From: from, To: j.State, Reason: reason})
}

// Explain sets what Why answers.
func (f *Farm) Explain(id, summary string, reasons ...restv1.WhyReason) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if j, err := f.find(id); err == nil {
		j.why = restv1.Why{Summary: summary, Reasons: reasons}
	}
}

// Cancel implements rest.Jobs.
func (f *Farm) Cancel(ctx context.Context, id string) (restv1.Job, error) {
	return f.act(ctx, id, func(j *job) error {
		if j.State == "succeeded" || j.State == "failed" {
			return fault.New(fault.Conflict, "job %s has ended already (%s)", id, j.State)
		}
		f.move(j, "canceled", "canceled by hand")
		return nil
	})
}

// Retry implements rest.Jobs.
func (f *Farm) Retry(ctx context.Context, id string) (restv1.Job, error) {
	return f.act(ctx, id, func(j *job) error {
		n := 0
		for at, u := range j.units {
			if u.State == "failed" || u.State == "canceled" {
				delete(j.units, at)
				n++
			}
		}
		if n == 0 {
			return fault.New(fault.Conflict, "job %s has no failed or canceled tasks", id)
		}
		f.move(j, "active", fmt.Sprintf("retry of %d tasks", n))
		return nil
	})
}

// Tasks changes nothing.
func (f *Farm) Tasks(ctx context.Context, id string, _ restv1.TaskChange) (restv1.TasksDone, error) {
	_, err := f.act(ctx, id, func(*job) error { return nil })
	return restv1.TasksDone{}, err
}

// Order accepts any order.
func (f *Farm) Order(ctx context.Context, id string, _ restv1.OrderChange) (restv1.Job, error) {
	return f.act(ctx, id, func(*job) error { return nil })
}

func (f *Farm) act(ctx context.Context, id string, do func(*job) error) (restv1.Job, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Job{}, err
	}
	defer unlock()
	j, err := f.find(id)
	if err != nil {
		return restv1.Job{}, err
	}
	if err := do(j); err != nil {
		return restv1.Job{}, err
	}
	return f.view(j), nil
}

func (f *Farm) move(j *job, state, reason string) {
	if j.State == state {
		return
	}
	f.record(restv1.Event{Kind: "job", Job: j.ID, From: j.State, To: state, Reason: reason})
	j.State, j.Reason = state, reason
}

// Jobs implements rest.Jobs.
func (f *Farm) Jobs(ctx context.Context, q rest.JobFilter) ([]restv1.Job, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []restv1.Job
	for _, j := range slices.Backward(f.jobs) {
		if q.State != "" && j.State != q.State || q.Before != "" && j.ID >= q.Before {
			continue
		}
		v := f.view(j)
		v.Parameters = nil
		if list = append(list, v); len(list) == q.Limit {
			break
		}
	}
	return list, nil
}

// Job implements rest.Jobs.
func (f *Farm) Job(ctx context.Context, id string) (restv1.Job, error) {
	return f.act(ctx, id, func(*job) error { return nil })
}

// Units implements rest.Jobs.
func (f *Farm) Units(ctx context.Context, id string, step int, from int64, limit int) (restv1.UnitPage, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.UnitPage{}, err
	}
	defer unlock()
	j, err := f.find(id)
	if err != nil {
		return restv1.UnitPage{}, err
	}
	if step >= len(j.Steps) {
		return restv1.UnitPage{}, fault.New(fault.NotFound, "job %s has no step %d", id, step)
	}
	page := restv1.UnitPage{Step: step, Total: j.Steps[step].Units, Counts: f.view(j).Steps[step].Counts}
	for i := from; i < page.Total; i++ {
		u := j.units[[2]int64{int64(step), i}]
		if u == nil || u.State == "pending" {
			continue
		}
		if len(page.Units) == limit {
			page.Next = &u.Unit
			break
		}
		page.Units = append(page.Units, *u)
	}
	return page, nil
}

// Attempts implements rest.Jobs.
func (f *Farm) Attempts(ctx context.Context, id string, q rest.AttemptFilter) ([]restv1.Attempt, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if _, err := f.find(id); err != nil {
		return nil, err
	}
	var list []restv1.Attempt
	for _, name := range slices.Backward(f.order) {
		a := f.attempts[name]
		if a.Job != id || q.Step != nil && a.Step != *q.Step || q.Unit != nil && a.Unit != *q.Unit {
			continue
		}
		if list = append(list, a.Attempt); len(list) == q.Limit {
			break
		}
	}
	return list, nil
}

// Why implements rest.Jobs.
func (f *Farm) Why(ctx context.Context, id string) (restv1.Why, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.Why{}, err
	}
	defer unlock()
	j, err := f.find(id)
	if err != nil {
		return restv1.Why{}, err
	}
	w := j.why
	w.Job = id
	return w, nil
}
