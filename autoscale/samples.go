package autoscale

import (
	"math"
	"sort"
	"time"
)

// Samples are what is known of a pool's recent past. A formula reads them while it is evaluated; they must not change
// meanwhile.
type Samples interface {
	// Period is the time between two samples of a variable; the service's is 30 s. It is positive.
	Period() time.Duration
	// Of returns the samples of a variable such as "$ActiveTasks" (never an alias), the oldest first; none if it is not
	// measured. The caller does not write to them.
	Of(variable string) []Sample
}

// Sample is a variable's value at a moment.
type Sample struct {
	Time  time.Time
	Value float64
}

// SamplePeriod is how often the service takes samples.
const SamplePeriod = 30 * time.Second

// noSamples is what is known where nothing has been measured.
type noSamples struct{}

func (noSamples) Period() time.Duration { return SamplePeriod }
func (noSamples) Of(string) []Sample    { return nil }

// window is a span of time that a formula asks for. A bound that was given as an interval back from now stands beside the
// grid of samples, so that ten minutes hold 20 samples and not 21; one that was given as a timestamp is meant to the moment.
type window struct {
	from, to time.Time
	open     bool // without from itself
}

// windowOf makes a window of one or two bounds; without the second one it ends now. The bounds may come in either order.
func windowOf(now time.Time, bounds []value) (window, bool) {
	moments := [2]time.Time{1: now}
	open := [2]bool{}
	for i, b := range bounds {
		moments[i] = b.at
		if b.kind == TimeInterval {
			var ok bool
			if moments[i], ok = (-b.ticks).after(now); !ok {
				return window{}, false
			}
			open[i] = true
		}
	}
	w := window{from: moments[0], to: moments[1], open: open[0]}
	if w.from.After(w.to) {
		w = window{from: w.to, to: w.from, open: open[1]}
	}
	return w, true
}

// in returns the samples within the window.
func (w window) in(all []Sample) []Sample {
	first := sort.Search(len(all), func(i int) bool {
		return all[i].Time.After(w.from) || !w.open && all[i].Time.Equal(w.from)
	})
	end := sort.Search(len(all), func(i int) bool { return all[i].Time.After(w.to) })
	return all[first:max(first, end)]
}

// possible returns how many samples the window would hold if none were missing: at least one.
func (w window) possible(period time.Duration) float64 {
	return max(1, math.Floor(float64(between(w.from, w.to))/float64(period/100)))
}

// percent returns the share of the possible samples that there are, in percent.
func (w window) percent(all []Sample, period time.Duration) float64 {
	return min(100, 100*float64(len(w.in(all)))/w.possible(period))
}

func valuesOf(samples []Sample) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = s.Value
	}
	return out
}
