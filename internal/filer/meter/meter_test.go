package meter

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A quantile is within its bucket, which is at most twice as wide as it is long.
func TestQuantileIsCloseToTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		took := rapid.SliceOfN(rapid.Int64Range(0, int64(60*time.Second)), 1, 200).Draw(t, "took")
		part := rapid.Float64Range(0.01, 1).Draw(t, "part")
		var h Histogram
		for _, d := range took {
			h.Add(time.Duration(d))
		}
		slices.Sort(took)
		truth := time.Duration(took[min(max(int(math.Ceil(part*float64(len(took))))-1, 0), len(took)-1)])
		got := h.Latency().Quantile(part)
		if got > 2*max(truth, bound(0)/2) || truth > 2*max(got, bound(0)/2) {
			t.Fatalf("%v of %v is said to be %v", truth, took, got)
		}
	})
}

func TestLatencySince(t *testing.T) {
	var h Histogram
	h.Add(time.Millisecond)
	before := h.Latency()
	h.Add(time.Second)
	h.Add(3 * time.Hour) // longer than any bound
	if d := h.Latency().Since(before); d.Calls != 2 || d.Quantile(0.4) < 500*time.Millisecond || d.Quantile(1) != bound(buckets-2) {
		t.Errorf("since: %+v, %v, %v", d, d.Quantile(0.4), d.Quantile(1))
	}
	if d := before.Since(h.Latency()); d.Calls != 1 {
		t.Errorf("after a restart: %+v", d)
	}
	if (Latency{}).Quantile(0.5) != 0 {
		t.Error("nothing has a quantile")
	}
	c := h.Latency().Cumulative()
	if bounds := Bounds(); len(c) != len(bounds) || c[bounds[len(bounds)-1]] != 2 || c[bounds[0]] != 0 {
		t.Errorf("cumulative: %v", c)
	}
}

// What is used most is found among ten thousand others that are used once.
func TestHotFindsWhatIsUsedMost(t *testing.T) {
	now := time.Unix(1000, 0)
	h := NewHot[int](now)
	r := rand.New(rand.NewPCG(1, 2))
	for second := range 300 {
		h.Tick(now.Add(time.Duration(second) * time.Second))
		calls := make([]int, 0, 200)
		for i := range 50 {
			calls = append(calls, -1, -1, -2, 1000+second*50+i)
		}
		r.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
		for _, k := range calls {
			h.Add(k, 1, 4096)
		}
	}
	top := h.Top(2)
	if len(top) != 2 || top[0].Key != -1 || top[1].Key != -2 {
		t.Fatalf("hottest: %+v", top)
	}
	if math.Abs(top[0].Calls-100) > 5 || math.Abs(top[0].Bytes-100*4096) > 5*4096 || math.Abs(top[1].Calls-50) > 3 {
		t.Errorf("rates: %+v, want about 100 and 50 calls a second", top)
	}
	if n := len(h.Top(1 << 20)); n > len(h.shards)*places {
		t.Errorf("%d keys are kept", n)
	}
}

func TestHotForgets(t *testing.T) {
	now := time.Unix(1000, 0)
	h := NewHot[string](now)
	h.Add("yesterday", 1000, 0)
	for _, later := range []time.Duration{10 * time.Minute, 20 * time.Hour, -time.Hour} { // the last: the clock was set back
		h.Tick(now.Add(later))
		h.Add("today", 1, 0)
		if top := h.Top(1); len(top) != 1 || top[0].Key != "today" || math.IsNaN(top[0].Calls) || math.IsInf(top[0].Calls, 0) {
			t.Errorf("after %v: %+v", later, top)
		}
	}
	h.Tick(now.Add(time.Hour))
	if top := h.Top(1); len(top) != 0 {
		t.Errorf("after an hour of nothing: %+v", top)
	}
}

func TestTogether(t *testing.T) {
	h := NewHot[int](time.Unix(0, 0))
	var lat Histogram
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 2000 {
				h.Add(j*(i+1), 1, 0)
				lat.Add(time.Duration(j))
			}
		})
	}
	wg.Go(func() {
		for i := range 100 {
			h.Tick(time.Unix(int64(i), 0))
			h.Top(5)
			lat.Latency()
		}
	})
	wg.Wait()
	if n := lat.Latency().Calls; n != 8000 {
		t.Errorf("%d calls counted", n)
	}
}

func BenchmarkHotAdd(b *testing.B) {
	h := NewHot[uint64](time.Now())
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		h.Add(i*2654435761%100_000, 1, 0)
	}
}

func BenchmarkHistogramAdd(b *testing.B) {
	var h Histogram
	for i := time.Duration(0); b.Loop(); i++ {
		h.Add(i * 1000)
	}
}
