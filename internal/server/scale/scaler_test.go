package scale_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/spillway/spillway/autoscale"
	"github.com/spillway/spillway/internal/burst"
	"github.com/spillway/spillway/internal/server/scale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, formula string, change func(*scale.Config)) *scale.Scaler {
	t.Helper()
	f, err := autoscale.Parse(formula)
	if err != nil {
		t.Fatal(err)
	}
	c := scale.Config{Pool: "burst", Formula: f, Every: 5 * time.Minute, Max: 20, File: filepath.Join(t.TempDir(), "a", "burst.jsonl"), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	return scale.Open(c)
}

// queue measures a number of pending tasks.
func queue(n float64) func() map[string]float64 {
	return func() map[string]float64 { return map[string]float64{"$PendingTasks": n} }
}

func TestAFormulaIsEvaluatedAtItsInterval(t *testing.T) {
	s := open(t, "seen = $PendingTasks.Count(); $TargetDedicatedNodes = $PendingTasks", nil)
	looks := 0
	look := func(after time.Duration, pending float64) burst.Order {
		return s.Order(noon.Add(after), 3, func() map[string]float64 {
			looks++
			return map[string]float64{"$PendingTasks": pending}
		})
	}
	if o := look(0, 5); o.Nodes != 5 || o.Reason != "the formula wants 5 nodes (seen=1)" {
		t.Errorf("at first: %+v", o)
	}
	for after := time.Second; after < 5*time.Minute; after += 7 * time.Second {
		if o := look(after, 9); o.Nodes != 5 {
			t.Fatalf("after %v: %+v", after, o)
		}
	}
	if looks != 10 {
		t.Errorf("%d samples are taken in five minutes, not one each 30 s", looks)
	}
	if o := look(5*time.Minute, 1); o.Nodes != 1 || o.Reason != "the formula wants 1 node (seen=11)" {
		t.Errorf("after five minutes: %+v", o)
	}
	if o := look(time.Hour, 99); o.Nodes != 20 || !strings.Contains(o.Reason, "the pool has 0 to 20 nodes, not 99") {
		t.Errorf("beyond the maximum, after a pause: %+v", o)
	}
	if st := s.State(); !st.Next.Equal(noon.Add(65*time.Minute)) || st.Last.Nodes != 20 || st.Every != 5*time.Minute {
		t.Errorf("state: %+v", st)
	}
}

func TestAFailedEvaluationChangesNothing(t *testing.T) {
	s := open(t, "$TargetDedicatedNodes = avg($PendingTasks.GetSample(2 * TimeInterval_Minute, 75))", nil)
	if o := s.Order(noon, 7, queue(2)); o.Nodes != 7 || !strings.Contains(o.Reason, "7 nodes were wanted before") {
		t.Errorf("without enough samples: %+v", o)
	}
	last := s.State().Last
	if last.Error == nil || !strings.HasPrefix(last.Results, "$TargetDedicatedNodes=7;") || len(last.Errors) != 1 || !strings.Contains(last.Errors[0].Message, "1 of 4 samples") {
		t.Errorf("the failure: %+v", last)
	}
	for after := 30 * time.Second; after <= 5*time.Minute; after += 30 * time.Second {
		s.Order(noon.Add(after), 7, queue(2))
	}
	if o := s.Order(noon.Add(5*time.Minute), 7, queue(2)); o.Nodes != 2 || s.State().Last.Error != nil {
		t.Errorf("with enough: %+v", o)
	}
	if o := s.Order(noon.Add(time.Hour), 7, queue(9)); o.Nodes != 2 || s.State().Last.Error == nil {
		t.Errorf("after a gap: %+v", o)
	}
}

func TestSpotPoolsHaveTheirOwnTarget(t *testing.T) {
	const formula = "$TargetDedicatedNodes = 2; $TargetSpotNodes = $TargetLowPriorityNodes + 1"
	spot := open(t, formula, func(c *scale.Config) { c.Spot = true })
	if o := spot.Order(noon, 4, queue(0)); o.Nodes != 5 || !strings.Contains(o.Reason, "$TargetDedicatedNodes=2 is not carried out") {
		t.Errorf("spot: %+v", o)
	}
	regular := open(t, formula, func(c *scale.Config) { c.Min = 3 })
	if o := regular.Order(noon, 4, queue(0)); o.Nodes != 3 || !strings.Contains(o.Reason, "$TargetLowPriorityNodes=1 is not carried out") {
		t.Errorf("regular: %+v", o)
	}
}

func TestTryingChangesNothing(t *testing.T) {
	s := open(t, "$TargetDedicatedNodes = 4", nil)
	s.Order(noon, 0, queue(6))
	before := s.State()
	other, err := autoscale.Parse("$TargetDedicatedNode = 1; $TargetDedicatedNodes = $PendingTasks")
	if err != nil {
		t.Fatal(err)
	}
	if r := s.Try(noon, nil, nil); r.Nodes != 4 {
		t.Errorf("its own: %+v", r)
	}
	if r := s.Try(noon, other, nil); r.Nodes != 6 || len(r.Warnings) != 1 {
		t.Errorf("another: %+v", r)
	}
	recorded := autoscale.FromRecording([]autoscale.Measurement{{Time: noon, Values: map[string]float64{"$PendingTasks": 11}}})
	if r := s.Try(noon, other, recorded); r.Nodes != 11 {
		t.Errorf("over other samples: %+v", r)
	}
	if diff := cmp.Diff(before.Last.Results, s.State().Last.Results); diff != "" || s.State().Next != before.Next {
		t.Error("trying has changed the scaler", diff)
	}
}

// Samples outlive a restart, and a line that was cut off by a crash.
func TestSamplesAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "burst.jsonl")
	in := func(c *scale.Config) { c.File = file }
	const formula = "$TargetDedicatedNodes = sum($PendingTasks.GetSample(100))"
	s := open(t, formula, in)
	s.Order(noon, 0, queue(1))
	s.Order(noon.Add(time.Minute), 0, queue(2))
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"time":"2026-03-04T12:01`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	s = open(t, formula, in)
	if o := s.Order(noon.Add(2*time.Minute), 0, queue(4)); o.Nodes != 7 {
		t.Errorf("after a crash: %+v", o)
	}
	s = open(t, formula, in)
	if got := s.Samples(); len(got) != 3 || got[2].Values["$PendingTasks"] != 4 {
		t.Errorf("samples: %+v", got)
	}
	if err := os.WriteFile(file, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, formula, in)
	if o := s.Order(noon.Add(3*time.Minute), 0, queue(8)); o.Nodes != 8 {
		t.Errorf("with a file that cannot be read: %+v", o)
	}
	if s = open(t, formula, in); len(s.Samples()) != 1 {
		t.Errorf("it is not a good file again: %+v", s.Samples())
	}
}

// The file never holds much more than two days.
func TestSamplesAreBounded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "burst.jsonl")
	s := open(t, "$TargetDedicatedNodes = 1", func(c *scale.Config) { c.File, c.Period = file, time.Millisecond })
	for i := range 6000 {
		s.Order(noon.Add(time.Duration(i)*time.Millisecond), 0, queue(1))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(data), "\n"); lines > 5761 || lines < 2880 || len(s.Samples()) != 2880 {
		t.Errorf("the file has %d lines, the history %d samples", lines, len(s.Samples()))
	}
}

func TestMeasure(t *testing.T) {
	run := func(supply string) burst.Run { return burst.Run{Supply: supply, Node: "n"} }
	work := []burst.Work{
		{Runnable: 10, Slots: map[string]int{"burst": 4, "home": 2}, Running: []burst.Run{run("burst"), run("burst"), run("home")}}, // 4 of 16 slots each
		{Runnable: 3, Slots: map[string]int{"burst": 1}},  // a whole node each
		{Runnable: 100, Slots: map[string]int{"home": 1}}, // fits no node of the pool
	}
	got := scale.Measure("burst", scale.Fleet{Starting: 1, Online: 2, Draining: 1, Lost: 1, VCPUs: 16, Spot: true}, work)
	want := map[string]float64{
		"$ActiveTasks": 13, "$RunningTasks": 2, "$PendingTasks": 15,
		"$ActiveTaskSlots": 88, "$RunningTaskSlots": 8, "$PendingTaskSlots": 96, "$TaskSlotsPerNode": 16, "$FreeTaskSlots": 24,
		"$CurrentDedicatedNodes": 0, "$CurrentLowPriorityNodes": 5, "$PreemptedNodeCount": 1, "$UsableNodeCount": 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := scale.Measure("burst", scale.Fleet{Online: 3}, nil); got["$TaskSlotsPerNode"] != 1 || got["$CurrentDedicatedNodes"] != 3 || got["$FreeTaskSlots"] != 3 {
		t.Errorf("without a size: %v", got)
	}
}
