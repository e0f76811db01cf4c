package textview

import (
	"fmt"
	"time"
)

// span writes a duration with two units at most: 8s, 1m05s, 3h20m, 2d4h.
func span(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// ago writes a moment relative to now; nothing for no moment.
func ago(at, now time.Time) string {
	switch {
	case at.IsZero():
		return ""
	case at.After(now.Add(time.Second)):
		return "in " + span(at.Sub(now))
	case now.Sub(at) < time.Second:
		return "now"
	}
	return span(now.Sub(at)) + " ago"
}

// seconds writes a measured time; nothing for none.
func seconds(s float64) string {
	if s <= 0 {
		return ""
	}
	return span(time.Duration(s * float64(time.Second)))
}

// size writes bytes in powers of 1024.
func size(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, u := float64(n)/1024, 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if v < 10 {
		return fmt.Sprintf("%.1f %ciB", v, units[u])
	}
	return fmt.Sprintf("%.0f %ciB", v, units[u])
}
