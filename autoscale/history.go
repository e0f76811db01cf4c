package autoscale

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// History is a bounded store of samples: of each variable the newest ones. It is not safe for use by several goroutines at
// once, but a Snapshot is.
type History struct {
	period time.Duration
	keep   int
	series map[string][]Sample
}

var _ Samples = (*History)(nil)

// NewHistory makes an empty history that keeps so many samples of each variable, taken once in a period.
func NewHistory(period time.Duration, keep int) *History {
	return &History{period: max(period, time.Millisecond), keep: max(keep, 1), series: map[string][]Sample{}}
}

// Period returns the time between two samples.
func (h *History) Period() time.Duration { return h.period }

// Of returns a variable's samples, the oldest first.
func (h *History) Of(variable string) []Sample {
	all := h.series[variable]
	return all[max(0, len(all)-h.keep):]
}

// Add notes what was measured at a moment, by variable. What is not later than a variable's newest sample, or no finite
// number, is left out.
func (h *History) Add(at time.Time, measured map[string]float64) {
	for name, x := range measured {
		all := h.series[name]
		if math.IsNaN(x) || math.IsInf(x, 0) || len(all) > 0 && !at.After(all[len(all)-1].Time) {
			continue
		}
		if len(all) >= 2*h.keep { // into a new array: a snapshot may read the old one
			all = slices.Clone(all[len(all)-h.keep+1:])
		}
		h.series[name] = append(all, Sample{Time: at, Value: x})
	}
}

// Snapshot returns what the history holds now. Samples that are added later are not in it, and it is not to be added to.
func (h *History) Snapshot() *History {
	s := &History{period: h.period, keep: h.keep, series: make(map[string][]Sample, len(h.series))}
	for name := range h.series {
		s.series[name] = slices.Clip(h.Of(name))
	}
	return s
}

// recording is a history as JSON.
type recording struct {
	Period  float64             `json:"periodSeconds"`
	Samples map[string][]Sample `json:"samples"` // by variable
}

// MarshalJSON writes the history: {"periodSeconds":30,"samples":{"$ActiveTasks":[{"time":"…","value":3}]}}.
func (h *History) MarshalJSON() ([]byte, error) {
	r := recording{Period: h.period.Seconds(), Samples: map[string][]Sample{}}
	for name := range h.series {
		r.Samples[name] = h.Of(name)
	}
	return json.Marshal(r)
}

// maxRecorded is how many samples of a variable a recording may hold: two weeks.
const maxRecorded = 14 * 24 * 120

// UnmarshalJSON reads what MarshalJSON writes. Samples may be in any order; variables must be ones that formulas know.
func (h *History) UnmarshalJSON(data []byte) error {
	r := recording{Period: SamplePeriod.Seconds()}
	if err := json.Unmarshal(data, &r); err != nil {
		return fmt.Errorf("read samples: %w", err)
	}
	if !(r.Period >= 0.001 && r.Period <= 86400) {
		return fmt.Errorf("read samples: a period of %s s is not between 0.001 and 86400", formatDouble(r.Period))
	}
	out := NewHistory(time.Duration(r.Period*float64(time.Second)), 1)
	for name, all := range r.Samples {
		v := vocabulary().services[name]
		if v == nil || v.Writable {
			return fmt.Errorf("read samples: %s is no variable with samples", name)
		}
		if len(all) > maxRecorded {
			return fmt.Errorf("read samples: %d samples of %s are more than %d", len(all), name, maxRecorded)
		}
		if _, twice := out.series[v.canonical()]; twice {
			return fmt.Errorf("read samples: %s is there under two names", v.canonical())
		}
		slices.SortStableFunc(all, func(a, b Sample) int { return a.Time.Compare(b.Time) })
		out.keep = max(out.keep, len(all))
		out.series[v.canonical()] = all
	}
	*h = *out
	return nil
}

// Newest returns the time of the newest sample of all; zero if there is none.
func (h *History) Newest() time.Time {
	var newest time.Time
	for name := range h.series {
		if all := h.Of(name); len(all) > 0 && all[len(all)-1].Time.After(newest) {
			newest = all[len(all)-1].Time
		}
	}
	return newest
}
