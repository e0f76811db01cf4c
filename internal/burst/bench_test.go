package burst_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/burst"
)

// BenchmarkPlan plans for a large farm: 200 steps of jobs with work, 500 nodes at home, 300 rented ones of at most 1,000.
func BenchmarkPlan(b *testing.B) {
	in := burst.Input{
		Home:  []burst.Home{{Name: "ws", Site: "studio", Nodes: 500}},
		Pools: []burst.Pool{{Name: "burst", Site: "cloud", Max: 1000, StartUp: 3 * time.Minute, Price: 0.4}},
	}
	for i := range 300 {
		in.Pools[0].Nodes = append(in.Pools[0].Nodes, online(fmt.Sprint("b", i), time.Hour, 0))
	}
	for i := range 200 {
		w := burst.Work{
			Job: fmt.Sprint("j", i), Runnable: 500, Expected: 100 + float64(i), Slots: map[string]int{"ws": 2, "burst": 4},
			Priority: i % 7, Deadline: now.Add(time.Duration(1+i%9) * time.Hour),
		}
		if i < 150 {
			for k := range 2 {
				w.Running = append(w.Running, burst.Run{Supply: "burst", Node: fmt.Sprint("b", 2*i+k), Elapsed: time.Duration(i) * time.Second / 2})
			}
		}
		in.Work = append(in.Work, w)
	}
	for b.Loop() {
		burst.Plan(now, in)
	}
}
