package textview

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spillway/spillway/api/restv1"
)

// Usage writes who used what, and the bills that it was shared from.
func Usage(w io.Writer, u restv1.Usage) error {
	if len(u.Lines) == 0 {
		fmt.Fprintln(w, "Nothing was used in that time. What still runs is counted when it has ended.")
	} else {
		t := newTable(strings.ToUpper(u.By), "NAME", "ATTEMPTS", "TIME", "OF IT GOOD", "CPU", "LOST", "NODE TIME", "COST")
		total := u.Total
		total.Key = "total"
		for _, l := range append(append([]restv1.UsageLine{}, u.Lines...), total) {
			key, good := l.Key, ""
			if key == "" {
				key = "(none)"
			}
			if l.Seconds > 0 {
				good = fmt.Sprintf("%.0f%%", 100*l.GoodSeconds/l.Seconds)
			}
			t.row(key, l.Name, l.Attempts, seconds(l.Seconds), good, seconds(l.CPUSeconds), seconds(l.LostSeconds), seconds(l.NodeSeconds), money(l.Cost, u.Currency))
		}
		if err := t.write(w); err != nil {
			return err
		}
	}
	b := u.Bills
	if b == nil || b.Machines == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\n%d rented machines were paid for %s: %s, of which %s is shared above or with what was left out, %s was used by nobody%s\n",
		b.Machines, span0(b.NodeSeconds), amount(b.Cost, u.Currency), amount(b.Shared, u.Currency), amount(b.Unused, u.Currency), carried(b, u.Currency))
	return err
}

// span0 is seconds, with a word for none.
func span0(s float64) string {
	if s <= 0 {
		return "no time"
	}
	return seconds(s)
}

func carried(b *restv1.Bills, currency string) string {
	if b.Carried < 0.005 && b.Carried > -0.005 {
		return ""
	}
	return fmt.Sprintf(", and %s belongs to attempts that ended before or after", amount(b.Carried, currency))
}

// money writes a cost; nothing for none.
func money(x float64, currency string) string {
	if x == 0 {
		return ""
	}
	return amount(x, currency)
}

func amount(x float64, currency string) string {
	return strings.TrimSpace(fmt.Sprintf("%.2f %s", x, currency))
}

// UsageCSV writes the lines for spreadsheets (RFC 4180), in seconds, with a point before decimals.
func UsageCSV(w io.Writer, u restv1.Usage) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{u.By, "name", "attempts", "seconds", "good_seconds", "cpu_seconds", "lost_seconds", "node_seconds", "cost", "currency"})
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	for _, l := range u.Lines {
		_ = out.Write([]string{
			l.Key, l.Name, strconv.FormatInt(l.Attempts, 10), number(l.Seconds), number(l.GoodSeconds), number(l.CPUSeconds),
			number(l.LostSeconds), number(l.NodeSeconds), number(l.Cost), u.Currency,
		})
	}
	out.Flush()
	return out.Error()
}
