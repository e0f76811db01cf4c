package main

import (
	"testing"
	"time"
)

// In a small crowd every node renders, task after task.
func TestACrowdRenders(t *testing.T) {
	c, err := newCrowd(10, 200, 20, 10)
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if len(c.runs) != 20+crowdPools*10 {
			t.Fatalf("%d tasks run", len(c.runs))
		}
		if err := c.live(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		c.look(onThread)
	}
	left := int64(0)
	for _, d := range c.farm.Demand(c.now) {
		left += d.Steps[0].Runnable + int64(len(d.Steps[0].Active))
	}
	if done := 2000 - left; done < 60 || done > 180 {
		t.Errorf("60 nodes are done with %d tasks of 100 to 300 s after 300 s", done)
	}
}

// BenchmarkPass is one pass of the planner over a million tasks and 10,000 nodes.
func BenchmarkPass(b *testing.B) {
	c, err := newCrowd(crowdJobs, crowdTasks, crowdHome, crowdMost)
	if err != nil {
		b.Fatal(err)
	}
	var seeing, planning time.Duration
	for b.Loop() {
		b.StopTimer()
		if err := c.live(5 * time.Second); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		s, p := c.look(onThread)
		seeing, planning = seeing+s, planning+p
	}
	b.ReportMetric(seeing.Seconds()*1e3/float64(b.N), "ms-seeing/op")
	b.ReportMetric(planning.Seconds()*1e3/float64(b.N), "ms-planning/op")
}
