package autoscale_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/autoscale"
)

// The shapes of formula that farms on the service use, each with what it makes of a situation.
func TestKnownShapes(t *testing.T) {
	type situation struct {
		now     time.Time
		have    int // dedicated nodes wanted until now
		samples map[string][]float64
		want    string
	}
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for name, shape := range map[string]struct {
		formula string
		cases   []situation
	}{
		"follow the queue once it is known, up to a cap": {`
			first = 1; most = 30;                  // nodes
			known = $PendingTasks.GetSamplePercent(4 * TimeInterval_Minute);
			queue = known < 60 ? first : avg($PendingTasks.GetSample(4 * TimeInterval_Minute));
			$TargetDedicatedNodes = min(most, queue);
			$NodeDeallocationOption = taskcompletion;`, []situation{
			{want: "1,0,taskcompletion;$first=1;$known=0;$most=30;$queue=1"},
			{samples: map[string][]float64{"$PendingTasks": constantly(12, 8)}, want: "12,0,taskcompletion;$first=1;$known=100;$most=30;$queue=12"},
			{samples: map[string][]float64{"$PendingTasks": constantly(99, 20)}, want: "30,0,taskcompletion;$first=1;$known=100;$most=30;$queue=99"},
		}},
		"replace what is preempted by regular nodes": {`
			most = 40;
			$TargetDedicatedNodes = min(most, $PreemptedNodeCount.GetSample(3 * TimeInterval_Minute));
			$TargetLowPriorityNodes = min(most, most - $TargetDedicatedNodes)`, []situation{
			{samples: map[string][]float64{"$PreemptedNodeCount": {9, 6, 6, 8}}, want: "6,34,requeue;$most=40"},
			{samples: map[string][]float64{"$PreemptedNodeCount": {0}}, want: "0,40,requeue;$most=40"},
		}},
		"a tenth more when busy, a tenth less when idle": {`
			$wanted =
			    (min($CPUPercent.GetSample(8 * TimeInterval_Minute)) > 0.75) ?
			    ($CurrentDedicatedNodes * 1.1) : $CurrentDedicatedNodes;
			$wanted =
			    (avg($CPUPercent.GetSample(45 * TimeInterval_Minute)) < 0.15) ?
			    ($CurrentDedicatedNodes * 0.9) : $wanted;
			$TargetDedicatedNodes = min(300, $wanted)`, []situation{
			{samples: map[string][]float64{"$CPUPercent": constantly(0.9, 90), "$CurrentDedicatedNodes": {100}}, want: "110,0,requeue;$wanted=110.00000000000001"},
			{samples: map[string][]float64{"$CPUPercent": constantly(0.1, 90), "$CurrentDedicatedNodes": {100}}, want: "90,0,requeue;$wanted=90"},
			{samples: map[string][]float64{"$CPUPercent": constantly(0.5, 90), "$CurrentDedicatedNodes": {1000}}, want: "300,0,requeue;$wanted=1000"},
		}},
		"more by day than by night": {`
			$here = time() + (-5 * TimeInterval_Hour);
			$day = $here.hour >= 9 && $here.hour < 17;
			$week = $here.weekday >= 1 && $here.weekday <= 5;
			$TargetDedicatedNodes = $week && $day ? 18 : 6;`, []situation{
			{now: at("2026-03-04T15:00:00Z"), want: "18,0,requeue;$day=1;$here=2026-03-04T10:00:00.000Z;$week=1"},
			{now: at("2026-03-04T03:00:00Z"), want: "6,0,requeue;$day=0;$here=2026-03-03T22:00:00.000Z;$week=1"},
			{now: at("2026-03-08T15:00:00Z"), want: "6,0,requeue;$day=1;$here=2026-03-08T10:00:00.000Z;$week=0"},
		}},
		"half of what there was, unless tasks wait": {`
			$known = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 12);
			$waiting = $known < 75 ? max(0, $PendingTasks.GetSample(1))
			                       : max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(TimeInterval_Minute * 12)));
			$wanted = $waiting > 0 ? $waiting : $TargetDedicatedNodes / 2;
			$TargetDedicatedNodes = max(0, min($wanted, 16));
			$NodeDeallocationOption = taskcompletion;`, []situation{
			{have: 9, want: "4,0,taskcompletion;$known=0;$waiting=0;$wanted=4.5"},
			{have: 9, samples: map[string][]float64{"$PendingTasks": {5, 7}}, want: "7,0,taskcompletion;$known=8.333333333333334;$waiting=7;$wanted=7"},
			{have: 9, samples: map[string][]float64{"$PendingTasks": constantly(80, 24)}, want: "16,0,taskcompletion;$known=100;$waiting=80;$wanted=80"},
		}},
		"several tasks on a node": {`
			$slots = $TargetDedicatedNodes * 8;
			$more = (max($ActiveTasks.GetSample(1)) - $slots + 7) / 8;
			$TargetDedicatedNodes = max(0, min($TargetDedicatedNodes + $more, 5));`, []situation{
			{have: 1, samples: map[string][]float64{"$ActiveTasks": {25}}, want: "4,0,requeue;$more=3;$slots=8"},
			{have: 2, samples: map[string][]float64{"$ActiveTasks": {0}}, want: "0,0,requeue;$more=-1.125;$slots=16"},
		}},
		"a first size, then nothing for the idle": {`
			born = time("Wed, 04 Mar 2026 09:00:00 GMT");
			age = time() - born; young = TimeInterval_Minute * 20; back = TimeInterval_Minute * 5;
			$TargetDedicatedNodes = age > young
			    ? (max($RunningTasks.GetSample(back, 40), $ActiveTasks.GetSample(back, 40)) == 0 ? 0 : $TargetDedicatedNodes)
			    : 12;`, []situation{
			{now: at("2026-03-04T09:10:00Z"), have: 3, want: "12,0,requeue;$age=PT10M;$back=PT5M;$born=2026-03-04T09:00:00.000Z;$young=PT20M"},
			{have: 3, samples: map[string][]float64{"$RunningTasks": constantly(0, 10), "$ActiveTasks": constantly(0, 10)},
				want: "0,0,requeue;$age=PT1H15M;$back=PT5M;$born=2026-03-04T09:00:00.000Z;$young=PT20M"},
			{have: 3, samples: map[string][]float64{"$RunningTasks": constantly(0, 10), "$ActiveTasks": append(constantly(0, 9), 1)},
				want: "3,0,requeue;$age=PT1H15M;$back=PT5M;$born=2026-03-04T09:00:00.000Z;$young=PT20M"},
		}},
		"Mondays": {`$TargetDedicatedNodes=(time().weekday==1?5:1);`, []situation{
			{now: at("2026-03-02T00:00:00Z"), want: "5,0,requeue"},
			{now: at("2026-03-03T00:00:00Z"), want: "1,0,requeue"},
		}},
		"whole nodes for the slots that are needed": {`
			$TargetSpotNodes = min(50, ceil($PendingTaskSlots / $TaskSlotsPerNode));`, []situation{
			{samples: map[string][]float64{"$PendingTaskSlots": {33}, "$TaskSlotsPerNode": {16}}, want: "0,3,requeue"},
		}},
	} {
		f, err := autoscale.Parse(shape.formula)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w := f.Warnings(); len(w) > 0 {
			t.Errorf("%s: %v", name, w)
		}
		for i, c := range shape.cases {
			if c.now.IsZero() {
				c.now = now
			}
			r, err := f.Evaluate(autoscale.Input{Now: c.now, TargetDedicatedNodes: c.have, Samples: series(c.samples)})
			if err != nil {
				t.Errorf("%s, %d: %v", name, i, err)
				continue
			}
			got := strings.NewReplacer("$TargetDedicatedNodes=", "", ";$TargetLowPriorityNodes=", ",", ";$NodeDeallocationOption=", ",").Replace(r.String())
			if got != c.want {
				t.Errorf("%s, %d: %s, not %s", name, i, got, c.want)
			}
		}
	}
}
