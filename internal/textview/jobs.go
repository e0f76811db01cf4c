package textview

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Jobs writes a list of jobs.
func Jobs(w io.Writer, jobs []restv1.Job, now time.Time) error {
	if len(jobs) == 0 {
		_, err := fmt.Fprintln(w, "No jobs yet. Submit one: spillway job submit FOLDER")
		return err
	}
	t := newTable("ID", "NAME", "STATE", "DONE", "RUNNING", "FAILED", "SUBMITTED", "BY", "EXPECTED", "WHY")
	for _, j := range jobs {
		c, units := sum(j)
		t.row(j.ID, j.Name, j.State, fmt.Sprintf("%d/%d", c.Succeeded, units), some(c.Running+c.Landing), some(c.Failed),
			ago(j.Submitted, now), j.Owner, expected(j, now), j.Reason)
	}
	return t.write(w)
}

// Job writes everything about one job.
func Job(w io.Writer, j restv1.Job, why *restv1.Why, now time.Time) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		if text := clean(fmt.Sprintf(format, args...)); text != "" {
			fmt.Fprintf(&b, "%-11s%s\n", name, text)
		}
	}
	line("job", "%s  %s", j.ID, j.Name)
	line("state", "%s: %s", j.State, j.Reason)
	line("owner", "%s", j.Owner)
	line("project", "%s", j.Project)
	line("queue", "%s, priority %d", j.Queue, j.Priority)
	line("submitted", "%s", moment(j.Submitted, now))
	line("started", "%s", moment(j.Started, now))
	line("ended", "%s", moment(j.Ended, now))
	line("deadline", "%s", moment(j.Deadline, now))
	if j.Forecast != nil && j.Ended.IsZero() {
		line("expected", "%s", moment(j.Forecast.At, now))
		line("at home", "%s", moment(j.Forecast.AtHome, now))
	}
	for _, p := range j.Priming {
		line("priming", "%s: %s, %s of %s, %d of %d files", p.Filer, p.State, size(p.BytesDone), size(p.Bytes), p.FilesDone, p.Files)
	}
	for _, name := range sorted(j.Parameters) {
		line("parameter", "%s = %s", name, j.Parameters[name])
	}
	if why != nil && why.Summary != "" && j.Ended.IsZero() {
		line("why", "%s", why.Summary)
	}
	if _, err := fmt.Fprintln(w, b.String()); err != nil {
		return err
	}
	t := newTable("STEP", "TASKS", "DONE", "RUNNING", "LANDING", "WAITING", "FENCING", "FAILED", "CANCELED", "EACH", "AFTER")
	for _, s := range j.Steps {
		c := s.Counts
		t.row(s.Name, s.Units, c.Succeeded, some(c.Running+c.Assigned), some(c.Landing), some(c.Pending), some(c.Fencing), some(c.Failed),
			some(c.Canceled), seconds(s.EstimateSeconds), after(j, s))
	}
	return t.write(w)
}

// Why writes why a job waits.
func Why(w io.Writer, why restv1.Why) error {
	if _, err := fmt.Fprintln(w, clean(why.Summary)); err != nil {
		return err
	}
	for _, r := range why.Reasons {
		step := ""
		if r.Step != "" {
			step = r.Step + ": "
		}
		of := r.Of
		if r.Count == 1 {
			of = strings.TrimSuffix(of, "s")
		}
		if _, err := fmt.Fprintf(w, "  %s%d %s: %s\n", clean(step), r.Count, of, clean(r.Text)); err != nil {
			return err
		}
	}
	return nil
}

func sum(j restv1.Job) (c restv1.Counts, units int64) {
	for _, s := range j.Steps {
		units += s.Units
		c.Pending += s.Counts.Pending
		c.Running += s.Counts.Running + s.Counts.Assigned
		c.Landing += s.Counts.Landing
		c.Fencing += s.Counts.Fencing
		c.Succeeded += s.Counts.Succeeded
		c.Failed += s.Counts.Failed
		c.Canceled += s.Counts.Canceled
	}
	return c, units
}

func after(j restv1.Job, s restv1.Step) string {
	names := make([]string, 0, len(s.DependsOn))
	for _, i := range s.DependsOn {
		if i >= 0 && i < len(j.Steps) {
			names = append(names, j.Steps[i].Name)
		}
	}
	return strings.Join(names, ", ")
}

func expected(j restv1.Job, now time.Time) string {
	if j.Forecast == nil || !j.Ended.IsZero() {
		return ""
	}
	text := ago(j.Forecast.At, now)
	if !j.Deadline.IsZero() && j.Forecast.At.After(j.Deadline) {
		text += " (late)"
	}
	return text
}

// moment writes a time of day with its distance.
func moment(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	layout := time.TimeOnly
	if at.Sub(now).Abs() > 20*time.Hour {
		layout = time.DateTime
	}
	return at.Local().Format(layout) + " (" + ago(at, now) + ")"
}

// some writes a count, nothing for none.
func some(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
