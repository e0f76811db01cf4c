package autoscale

import (
	"strings"
	"time"
)

// timestampPart is a member of a timestamp.
type timestampPart struct {
	name string
	of   func(time.Time) float64
}

// timestampParts are the members of a timestamp, in UTC. Weekdays are numbered from 1, Monday; Sunday, which the
// documentation does not give, is 0 as in C and .NET.
var timestampParts = [...]timestampPart{
	{"year", func(t time.Time) float64 { return float64(t.Year()) }},
	{"month", func(t time.Time) float64 { return float64(t.Month()) }},
	{"day", func(t time.Time) float64 { return float64(t.Day()) }},
	{"weekday", func(t time.Time) float64 { return float64(t.Weekday()) }},
	{"hour", func(t time.Time) float64 { return float64(t.Hour()) }},
	{"minute", func(t time.Time) float64 { return float64(t.Minute()) }},
	{"second", func(t time.Time) float64 { return float64(t.Second()) }},
}

// timestampLayouts are the spellings that time("…") takes: W3C-DTF (its six granularities; a time without a zone is in UTC)
// and RFC 1123.
var timestampLayouts = [...]string{
	"2006",
	"2006-01",
	"2006-01-02",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	time.RFC3339, // Go takes fractions of a second after any of these
	"2006-01-02T15:04:05",
	time.RFC1123,
	time.RFC1123Z,
	"Mon, 2 Jan 2006 15:04:05 MST",
	"Mon, 2 Jan 2006 15:04:05 -0700",
}

// parseTimestamp reads a moment; false if it is in no spelling that time() takes.
func parseTimestamp(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range timestampLayouts {
		t, err := time.ParseInLocation(layout, text, time.UTC)
		if err != nil || t.Year() < 1 {
			continue
		}
		if zone, offset := t.Zone(); offset == 0 && zone != "UTC" && zone != "GMT" && zone != "" {
			return time.Time{}, false // a zone's name that does not say where it is
		}
		return t.UTC(), true
	}
	return time.Time{}, false
}
