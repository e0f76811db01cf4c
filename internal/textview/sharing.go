package textview

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Limits writes a list of limits.
func Limits(w io.Writer, limits []restv1.Limit, now time.Time) error {
	if len(limits) == 0 {
		_, err := fmt.Fprintln(w, "No limits yet. Make one: spillway limit set NAME --seats N")
		return err
	}
	t := newTable("LIMIT", "SEATS", "PER", "HELD", "SETTLING", "OUTSIDE", "FREE", "REPORTED", "NODES", "NOTE")
	for _, l := range limits {
		note := ""
		switch {
		case l.Closed && l.Reported.IsZero():
			note = "closed until its use outside the farm is reported"
		case l.Closed:
			note = "closed: no report for too long"
		case l.Overdue && l.Stale == "ignore":
			note = "no report for too long: only the farm's use counts"
		case l.Overdue:
			note = "no report for too long: the last one counts"
		}
		t.row(l.ID, l.Seats, l.Per, l.Held, some(int64(l.Settling)), some(int64(l.Outside)), l.Free, ago(l.Reported, now),
			strings.Join(l.Nodes, " "), note)
	}
	return t.write(w)
}

// Queues writes a list of queues.
func Queues(w io.Writer, queues []restv1.Queue) error {
	t := newTable("QUEUE", "WEIGHT", "JOBS", "TASKS", "VCPUS", "MEMORY", "GPUS", "SHARE", "FAIR", "QUOTA", "NOTE")
	for _, q := range queues {
		memory, note := "", ""
		if q.Used.MemoryMiB > 0 {
			memory = size(uint64(q.Used.MemoryMiB) << 20)
		}
		if q.Paused {
			note = "paused"
		}
		t.row(q.ID, fmt.Sprintf("%.4g", q.Weight), q.Jobs, q.Used.Tasks, vcpus(q.Used.VCPUs), memory, some(q.Used.GPUs),
			fmt.Sprintf("%.0f%%", 100*q.Share), fmt.Sprintf("%.0f%%", 100*q.Fair), quota(q.Quota), note)
	}
	return t.write(w)
}

// quota writes what a queue may take at most.
func quota(a restv1.Amounts) string {
	var parts []string
	if a.Tasks > 0 {
		parts = append(parts, fmt.Sprintf("%d tasks", a.Tasks))
	}
	if a.VCPUs > 0 {
		parts = append(parts, vcpus(a.VCPUs)+" vcpus")
	}
	if a.MemoryMiB > 0 {
		parts = append(parts, size(uint64(a.MemoryMiB)<<20))
	}
	if a.GPUs > 0 {
		parts = append(parts, fmt.Sprintf("%d GPUs", a.GPUs))
	}
	return strings.Join(parts, ", ")
}
