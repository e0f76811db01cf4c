package textview

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// barWidth is how many characters a progress bar has.
const barWidth = 24

// Live shows a job as it goes: a line for each thing worth telling, and, on a terminal, a bar below that is redrawn.
type Live struct {
	W        io.Writer
	Terminal bool

	bar bool // a bar is on the last line
}

// Event writes one line of history; frame is the number users know the task by.
func (l *Live) Event(e restv1.Event, step string, frame int64) error {
	what := ""
	switch e.Kind {
	case "attempt", "unit":
		what = fmt.Sprintf("%s %d", step, frame)
	case "node":
		what = e.Node
	case "pool":
		what = "pool " + e.Pool
	case "job":
		what = "job"
	default:
		what = e.Kind
	}
	change := e.To
	if e.Node != "" && e.Kind == "attempt" && !strings.Contains(e.Reason, e.Node) {
		change += " on " + e.Node
	}
	return l.line(fmt.Sprintf("%s  %-14s %-10s %s", e.At.Local().Format(time.TimeOnly), what, change, e.Reason))
}

// Job draws the bar.
func (l *Live) Job(j restv1.Job, now time.Time) error {
	if !l.Terminal {
		return nil
	}
	c, units := sum(j)
	filled := 0
	if units > 0 {
		filled = int(c.Succeeded * barWidth / units)
	}
	text := fmt.Sprintf("%s%s %d/%d", strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled), c.Succeeded, units)
	for _, part := range []struct {
		n    int64
		name string
	}{{c.Running, "running"}, {c.Landing, "landing"}, {c.Failed, "failed"}} {
		if part.n > 0 {
			text += fmt.Sprintf("  %d %s", part.n, part.name)
		}
	}
	if at := expected(j, now); at != "" {
		text += "  done " + at
	}
	l.erase()
	l.bar = true
	_, err := fmt.Fprint(l.W, clean(text))
	return err
}

// Done writes how a job ended.
func (l *Live) Done(j restv1.Job) error {
	took := ""
	if !j.Ended.IsZero() {
		took = " after " + span(j.Ended.Sub(j.Submitted))
	}
	return l.line(fmt.Sprintf("%s %s%s: %s", j.Name, j.State, took, j.Reason))
}

// End leaves the bar as it is and goes to a new line.
func (l *Live) End() {
	if l.bar {
		fmt.Fprintln(l.W)
		l.bar = false
	}
}

func (l *Live) line(text string) error {
	l.erase()
	_, err := fmt.Fprintln(l.W, strings.TrimRight(clean(text), " "))
	return err
}

// erase takes the bar away: carriage return, erase to the end of the line (ECMA-48 EL).
func (l *Live) erase() {
	if l.bar {
		fmt.Fprint(l.W, "\r\x1b[K")
		l.bar = false
	}
}
