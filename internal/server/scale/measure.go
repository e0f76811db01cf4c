package scale

import (
	"math"

	"github.com/spillway/spillway/internal/burst"
)

// Fleet is a pool's nodes by what they do.
type Fleet struct {
	Starting int
	Online   int
	Draining int
	Lost     int
	VCPUs    float64 // of one node
	Spot     bool
}

// Measure returns what formulas may know of a pool now. A node has a slot for each of its vCPUs; a task takes the share of a
// node's slots that it needs, whatever it is that lets no more tasks onto the node. Tasks that no node of the pool could run
// are not the pool's.
func Measure(pool string, fleet Fleet, work []burst.Work) map[string]float64 {
	perNode := math.Max(1, math.Floor(fleet.VCPUs))
	var active, running, activeSlots, runningSlots float64
	for i := range work {
		w := &work[i]
		fit := w.Slots[pool]
		if fit <= 0 {
			continue
		}
		each := perNode / float64(fit)
		active += float64(w.Runnable)
		activeSlots += float64(w.Runnable) * each
		for _, r := range w.Running {
			if r.Supply == pool {
				running++
				runningSlots += each
			}
		}
	}
	here := float64(fleet.Starting + fleet.Online + fleet.Draining + fleet.Lost)
	out := map[string]float64{
		"$ActiveTasks": active, "$RunningTasks": running, "$PendingTasks": active + running,
		"$ActiveTaskSlots": activeSlots, "$RunningTaskSlots": runningSlots, "$PendingTaskSlots": activeSlots + runningSlots,
		"$TaskSlotsPerNode": perNode, "$FreeTaskSlots": math.Max(0, float64(fleet.Online)*perNode-runningSlots),
		"$CurrentDedicatedNodes": here, "$CurrentLowPriorityNodes": 0,
		"$PreemptedNodeCount": float64(fleet.Lost), "$UsableNodeCount": float64(fleet.Online),
	}
	if fleet.Spot {
		out["$CurrentDedicatedNodes"], out["$CurrentLowPriorityNodes"] = 0, here
	}
	return out
}
