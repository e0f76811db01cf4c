package textview

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Prospect writes what becomes of a job.
func Prospect(w io.Writer, p restv1.Prospect, now time.Time) error {
	done := "nobody knows: no task has ended, and no estimate was given"
	switch {
	case !p.Done.IsZero():
		done = moment(p.Done, now)
		if p.Late {
			done += ", too late"
		}
	case p.Known:
		done = "never: no node can do all of it"
	}
	nodes := "none"
	if len(p.Nodes) > 0 {
		var parts []string
		for _, pool := range slices.Sorted(maps.Keys(p.Nodes)) {
			parts = append(parts, fmt.Sprintf("%d of %s", p.Nodes[pool], pool))
		}
		nodes = strings.Join(parts, ", ")
	}
	t := newTable("", "")
	t.row("done", done)
	t.row("rented nodes", nodes)
	t.row("costs", strings.TrimSpace(fmt.Sprintf("%.2f %s", p.Extra, p.Currency)))
	if p.Cost > p.Extra {
		t.row("all rented nodes", strings.TrimSpace(fmt.Sprintf("%.2f %s", p.Cost, p.Currency)))
	}
	if p.Cap != "" {
		t.row("capped by", p.Cap)
	}
	return t.write(w)
}

// Decisions writes what the burst planner decided.
func Decisions(w io.Writer, list []restv1.Decision, now time.Time) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, "Nothing has been decided yet.")
		return err
	}
	t := newTable("WHEN", "POOL", "HAD", "ASKED", "WANTED", "CAP", "TASKS", "NODE-HOURS", "WHY")
	for _, d := range list {
		hours := ""
		if d.Seen.Seconds > 0 {
			hours = fmt.Sprintf("%.1f", d.Seen.Seconds/3600)
		}
		t.row(ago(d.At, now), d.Pool, d.Have, d.Asked, d.Want, d.Cap, some(d.Seen.Runnable), hours, d.Reason)
	}
	return t.write(w)
}
