package autoscale_test

import (
	"fmt"
	"time"

	"github.com/spillway/spillway/autoscale"
)

func ExampleParse() {
	_, err := autoscale.Parse("$TargetDedicatedNodes = min(20, $PendingTask);")
	fmt.Print(autoscale.ErrorsOf(err).Report())
	// Output:
	// Line 1, Col 33: Undefined symbol: $PendingTask (did you mean $PendingTasks?)
	//    1 | $TargetDedicatedNodes = min(20, $PendingTask);
	//      |                                 ^
}

func ExampleFormula_Evaluate() {
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	history := autoscale.NewHistory(autoscale.SamplePeriod, 2880)
	for i := range 10 {
		history.Add(autoscale.Measurement{
			Time:   noon.Add(time.Duration(i-9) * autoscale.SamplePeriod),
			Values: map[string]float64{"$PendingTaskSlots": 100, "$TaskSlotsPerNode": 16},
		})
	}
	f, err := autoscale.Parse(`
		slots = avg($PendingTaskSlots.GetSample(5 * TimeInterval_Minute, 80));
		$TargetSpotNodes = ceil(slots / $TaskSlotsPerNode);`)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := f.Evaluate(autoscale.Input{Now: noon, Samples: history})
	fmt.Println(r, err)
	// Output:
	// $TargetDedicatedNodes=0;$TargetLowPriorityNodes=7;$NodeDeallocationOption=requeue;$slots=100 <nil>
}

func ExampleEvaluateAutoScale() {
	run := autoscale.EvaluateAutoScale("$TargetDedicatedNodes = time().weekday == 1 ? 5 : 1", autoscale.Input{
		Now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), // a Monday
	})
	fmt.Println(run.Results)
	// Output:
	// $TargetDedicatedNodes=5;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue
}
