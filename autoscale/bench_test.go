package autoscale_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spillway/spillway/autoscale"
)

// large is a formula of nearly 8 KB that uses most of the language.
func large() string {
	var b strings.Builder
	b.WriteString("n = 0; queue = 0;\n")
	for i := 0; ; i++ {
		next := fmt.Sprintf("// Step %d\nknown%d = $PendingTasks.GetSamplePercent(%d * TimeInterval_Minute);\n"+
			"queue = known%d < 70 ? max(0, $PendingTasks.GetSample(1)) : max($PendingTasks.GetSample(1), avg($PendingTasks.GetSample(%d * TimeInterval_Minute)));\n"+
			"n = (time().hour >= 9 && time().weekday <= 5) ? n + queue / (1 + %d.5) : min(40, n, vec(1, 2, 3) * 2);\n", i, i, 5+i%10, i, 5+i%10, i)
		if b.Len()+len(next) > autoscale.MaxCharacters-100 {
			break
		}
		b.WriteString(next)
	}
	b.WriteString("$TargetDedicatedNodes = max(0, min(n, 20));\n$NodeDeallocationOption = taskcompletion;\n")
	return b.String()
}

// BenchmarkFormula parses, checks and evaluates 8 KB over a day of samples.
func BenchmarkFormula(b *testing.B) {
	text := large()
	in := autoscale.Input{Now: now, Samples: series(map[string][]float64{"$PendingTasks": constantly(30, 2880)})}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if run := autoscale.EvaluateAutoScale(text, in); run.Error != nil {
			b.Fatal(run.Error)
		}
	}
}

// BenchmarkDear evaluates what is as dear as it may be.
func BenchmarkDear(b *testing.B) {
	text := "x = $PendingTasks.GetSample(20000);" + strings.Repeat("y = percentile(x, 50);", 97)
	in := autoscale.Input{Now: now, Samples: series(map[string][]float64{"$PendingTasks": constantly(30, 5000)})}
	for b.Loop() {
		if run := autoscale.EvaluateAutoScale(text, in); run.Error != nil {
			b.Fatal(run.Error)
		}
	}
}
