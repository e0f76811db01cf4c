package agent

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
)

func progressReport(attempt int, percent float64, end bool) *agentv1.Report {
	u := &agentv1.AttemptUpdate{Attempt: fmt.Sprint(attempt), Progress: percent}
	if end {
		u.End = &agentv1.AttemptEnd{}
	}
	return &agentv1.Report{Report: &agentv1.Report_Attempt{Attempt: u}}
}

func TestNewerProgressReplacesWhatWaits(t *testing.T) {
	o := newOutbox()
	for i := range 1000 {
		o.put("attempt/1", progressReport(1, float64(i), false))
	}
	if r := o.take(); r.Seq != 1 || r.GetAttempt().Progress != 999 {
		t.Errorf("took %v", r)
	}
	if r := o.take(); r != nil {
		t.Errorf("more: %v", r)
	}
}

// Whatever breaks, every end arrives, numbers go up by one, and the order in which things were put is kept.
func TestNothingIsLostOverBrokenConnections(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newOutbox()
		put, ended := 0, make(map[string]bool)
		var inFlight []*agentv1.Report
		var durable uint64 // what the server has acknowledged or may have
		deliver := func() {
			if len(inFlight) == 0 {
				return
			}
			r := inFlight[0]
			inFlight = inFlight[1:]
			if r.Seq > durable+1 {
				t.Fatalf("report %d after %d", r.Seq, durable)
			}
			durable = max(durable, r.Seq)
			if r.GetAttempt().End != nil {
				ended[r.GetAttempt().Attempt] = true
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"progress": func(*rapid.T) { o.put(fmt.Sprint("attempt/", put), progressReport(put, 1, false)) },
			"end":      func(*rapid.T) { o.put("", progressReport(put, 100, true)); put++ },
			"send": func(*rapid.T) {
				if r := o.take(); r != nil {
					inFlight = append(inFlight, r)
				}
			},
			"deliver": func(*rapid.T) { deliver() },
			"ack":     func(*rapid.T) { o.ack(durable) },
			"break":   func(*rapid.T) { inFlight = nil; o.rewind() },
		})
		inFlight = nil
		o.rewind()
		for r := o.take(); r != nil || len(inFlight) > 0; r = o.take() {
			if r != nil {
				inFlight = append(inFlight, r)
			}
			deliver()
			o.ack(durable)
		}
		if len(ended) != put || !o.empty() {
			t.Fatalf("%d of %d ends arrived, empty %v", len(ended), put, o.empty())
		}
	})
}
