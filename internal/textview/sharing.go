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
