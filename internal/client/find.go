package client

import (
	"context"
	"fmt"
	"strings"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// findAmong is how many of the newest jobs a shortened id is looked up in.
const findAmong = 1000

// Find returns the job that a user means: its id, the beginning or the end of one, or a name, as long as only one job fits.
func (c *Client) Find(ctx context.Context, text string) (restv1.Job, error) {
	if text == "" {
		return restv1.Job{}, fault.WithHint(fault.New(fault.Invalid, "no job is named"), "see: spillway job list")
	}
	job, err := c.Job(ctx, text)
	if err == nil || fault.KindOf(err) != fault.NotFound {
		return job, err
	}
	jobs, listErr := c.Jobs(ctx, "", findAmong)
	if listErr != nil {
		return restv1.Job{}, listErr
	}
	for _, fits := range []func(restv1.Job) bool{
		func(j restv1.Job) bool { return strings.HasPrefix(j.ID, text) },
		func(j restv1.Job) bool { return len(text) >= 4 && strings.HasSuffix(j.ID, text) },
		func(j restv1.Job) bool { return j.Name == text },
	} {
		switch found := filter(jobs, fits); len(found) {
		case 0:
		case 1:
			return c.Job(ctx, found[0].ID)
		default:
			return restv1.Job{}, ambiguous(text, found)
		}
	}
	if near := nearest(text, jobs); near != nil {
		return restv1.Job{}, fault.WithHint(fault.New(fault.NotFound, "no job %q", text), "did you mean %s (%s)?", near.ID, near.Name)
	}
	return restv1.Job{}, fault.WithHint(fault.New(fault.NotFound, "no job %q", text), "see: spillway job list")
}

func filter(jobs []restv1.Job, fits func(restv1.Job) bool) []restv1.Job {
	var found []restv1.Job
	for _, j := range jobs {
		if fits(j) {
			found = append(found, j)
		}
	}
	return found
}

func ambiguous(text string, found []restv1.Job) error {
	names := make([]string, 0, 3)
	for _, j := range found[:min(3, len(found))] {
		names = append(names, fmt.Sprintf("%s (%s)", j.ID, j.Name))
	}
	more := ""
	if len(found) > 3 {
		more = ", …"
	}
	return fault.WithHint(fault.New(fault.Invalid, "%q fits %d jobs", text, len(found)), "name one of %s%s", strings.Join(names, ", "), more)
}

// nearest returns the job whose id or name is a slip of the keyboard away, or nil.
func nearest(text string, jobs []restv1.Job) *restv1.Job {
	best, limit := -1, 2+len(text)/4
	for i, j := range jobs {
		for _, name := range []string{j.ID, j.Name} {
			if d := distance(strings.ToLower(text), strings.ToLower(name), limit); d < limit {
				best, limit = i, d
			}
		}
	}
	if best < 0 {
		return nil
	}
	return &jobs[best]
}

// distance is the Levenshtein distance of two strings, or limit if it is not below it.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return min(row[len(b)], limit)
}

// Which names an attempt of a job the way users do.
type Which struct {
	Step string // a step's name or position; empty: the first, or the one of the task's attempt
	Task *int64 // frame number where the step counts frames, else index; nil: the newest attempt, failed ones first
}

// Pick returns the attempt that a user means.
func (c *Client) Pick(ctx context.Context, job restv1.Job, w Which) (restv1.Attempt, error) {
	q := AttemptQuery{Step: -1, Unit: -1, Limit: 200}
	if w.Step != "" || w.Task != nil {
		step, err := stepOf(job, w.Step)
		if err != nil {
			return restv1.Attempt{}, err
		}
		q.Step = step
	}
	if w.Task != nil {
		unit, err := UnitOf(job.Steps[q.Step], *w.Task)
		if err != nil {
			return restv1.Attempt{}, err
		}
		q.Unit = unit
	}
	list, err := c.Attempts(ctx, job.ID, q)
	if err != nil {
		return restv1.Attempt{}, err
	}
	if len(list) == 0 {
		return restv1.Attempt{}, fault.WithHint(fault.New(fault.NotFound, "nothing of this has been started yet"), "see: spillway job why %s", job.ID)
	}
	if w.Task == nil {
		for _, a := range list {
			if a.State == "failed" {
				return a, nil
			}
		}
	}
	return list[0], nil
}

func stepOf(job restv1.Job, name string) (int, error) {
	names := make([]string, len(job.Steps))
	for i, s := range job.Steps {
		if name == "" || s.Name == name || decimal(int64(i)) == name {
			return i, nil
		}
		names[i] = s.Name
	}
	return 0, fault.WithHint(fault.New(fault.NotFound, "job %s has no step %q", job.ID, name), "its steps: %s", strings.Join(names, ", "))
}

// UnitOf returns the index of a task from the number that users see.
func UnitOf(step restv1.Step, task int64) (int64, error) {
	unit := task
	if n := step.Numbering; n != nil && n.Every != 0 {
		unit = (task - n.First) / n.Every
		if n.First+unit*n.Every != task {
			unit = -1
		}
	}
	if unit < 0 || unit >= step.Units {
		return 0, fault.WithHint(fault.New(fault.NotFound, "step %s has no task %d", step.Name, task),
			"its tasks are %d to %d", TaskOf(step, 0), TaskOf(step, step.Units-1))
	}
	return unit, nil
}

// TaskOf returns the number that users see for a unit: its frame number where the step counts frames, else its index.
func TaskOf(step restv1.Step, unit int64) int64 {
	if n := step.Numbering; n != nil {
		return n.First + unit*n.Every
	}
	return unit
}
