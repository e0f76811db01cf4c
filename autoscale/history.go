package autoscale

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// Measurement is what was measured at a moment, by variable.
type Measurement struct {
	Time   time.Time          `json:"time"`
	Values map[string]float64 `json:"values"`
}

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

// Add notes a measurement. What is not later than a variable's newest sample, is no finite number or is under an unknown name
// is left out; an alias stands for its variable.
func (h *History) Add(m Measurement) {
	for _, name := range slices.Sorted(maps.Keys(m.Values)) { // in order, should a variable be there under two names
		x := m.Values[name]
		v := vocabulary().services[name]
		if v == nil || v.Writable || math.IsNaN(x) || math.IsInf(x, 0) {
			continue
		}
		name = v.canonical()
		all := h.series[name]
		if len(all) > 0 && !m.Time.After(all[len(all)-1].Time) {
			continue
		}
		if len(all) >= 2*h.keep { // into a new array: a snapshot may read the old one
			all = slices.Clone(all[len(all)-h.keep+1:])
		}
		h.series[name] = append(all, Sample{Time: m.Time, Value: x})
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

// Measurements returns the history by moments, the oldest first.
func (h *History) Measurements() []Measurement {
	byTime := map[time.Time]map[string]float64{}
	for name := range h.series {
		for _, s := range h.Of(name) {
			at := s.Time.UTC().Round(0)
			if byTime[at] == nil {
				byTime[at] = map[string]float64{}
			}
			byTime[at][name] = s.Value
		}
	}
	out := make([]Measurement, 0, len(byTime))
	for _, at := range slices.SortedFunc(maps.Keys(byTime), time.Time.Compare) {
		out = append(out, Measurement{Time: at, Values: byTime[at]})
	}
	return out
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

// FromRecording makes a history of recorded measurements, in any order, and keeps them all. The period is the shortest time
// between two of them, SamplePeriod if there are not two.
func FromRecording(recorded []Measurement) *History {
	recorded = slices.SortedStableFunc(slices.Values(recorded), func(a, b Measurement) int { return a.Time.Compare(b.Time) })
	period := time.Duration(0)
	for i := range recorded {
		if i > 0 {
			if after := recorded[i].Time.Sub(recorded[i-1].Time).Round(time.Second); after > 0 {
				period = min(cmp.Or(period, after), after)
			}
		}
	}
	h := NewHistory(cmp.Or(period, SamplePeriod), len(recorded))
	for _, m := range recorded {
		h.Add(m)
	}
	return h
}
