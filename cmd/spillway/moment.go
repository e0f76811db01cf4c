package main

import (
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// moments are the ways in which people write a time, in their own zone.
var moments = []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04:05"}

// moment reads a time: a date, a date and a time, or how long ago. None is the zero time.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range moments {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	var ago config.Duration
	if err := ago.UnmarshalText([]byte(text)); err == nil && ago >= 0 {
		return now.Add(-time.Duration(ago)), nil
	}
	return time.Time{}, fault.WithHint(fault.New(fault.Invalid, "%s: %q is no time", flag, text), "write 2026-11-24, 2026-11-24T18:00, or how long ago: 12h, 7d")
}
