package notice

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// document is what the service says is scheduled.
type document struct {
	Events []struct {
		EventID     string   `json:"EventId"`
		EventType   string   `json:"EventType"`
		Resources   []string `json:"Resources"`
		EventStatus string   `json:"EventStatus"` // Scheduled or Started
		NotBefore   string   `json:"NotBefore"`   // RFC 1123 in GMT; empty once it has started
		EventSource string   `json:"EventSource"`
	} `json:"Events"`
}

// first returns the event that takes the machine of that name away first.
func first(raw []byte, name string) (found Event, ok bool, err error) {
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return Event{}, false, fault.Wrap(fault.Unavailable, err, "the metadata service's events")
	}
	for _, e := range d.Events {
		kind := Kind(e.EventType)
		ours := slices.ContainsFunc(e.Resources, func(r string) bool { return strings.EqualFold(r, name) })
		if !ours || e.EventID == "" || !slices.Contains([]Kind{Preempt, Terminate, Reboot, Redeploy}, kind) {
			continue
		}
		next := Event{ID: e.EventID, Kind: kind, Source: e.EventSource}
		if e.EventStatus != "Started" {
			if next.Before, err = time.Parse(time.RFC1123, e.NotBefore); err != nil {
				next.Before = time.Time{} // not said in a way that can be read: now
			}
		}
		if !ok || next.Before.Before(found.Before) {
			found, ok = next, true
		}
	}
	return found, ok, nil
}
