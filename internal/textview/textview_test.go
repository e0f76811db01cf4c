package textview_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/textview"
)

func at(seconds int) time.Time {
	return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
}

func job() restv1.Job {
	return restv1.Job{
		ID: "j1", Name: "shot", Owner: "ann", Queue: "default", Priority: 50, State: "active", Reason: "has started",
		Submitted: at(-70), Deadline: at(60), Forecast: &restv1.Forecast{At: at(90)},
		Steps: []restv1.Step{
			{Name: "Render", Units: 24, EstimateSeconds: 8.44, Counts: restv1.Counts{Succeeded: 6, Running: 3, Landing: 1, Failed: 1, Pending: 13}},
			{Name: "Encode", Units: 1, DependsOn: []int{0}, Counts: restv1.Counts{Pending: 1}},
		},
	}
}

func is(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got); diff != "" {
		t.Error(diff)
	}
}

func TestJobs(t *testing.T) {
	var b strings.Builder
	if err := textview.Jobs(&b, []restv1.Job{job(), {ID: "j0", Name: "old\x1b[31m\nname", State: "succeeded", Submitted: at(-200000), Ended: at(-1)}}, at(0)); err != nil {
		t.Fatal(err)
	}
	is(t, b.String(), `
ID  NAME          STATE      DONE  RUNNING  FAILED  SUBMITTED  BY   EXPECTED         WHY
j1  shot          active     6/25  4        1       1m10s ago  ann  in 1m30s (late)  has started
j0  old[31m name  succeeded  0/0                    2d7h ago
`)
}

func TestEmptyListsTeach(t *testing.T) {
	var b strings.Builder
	for _, write := range []error{textview.Jobs(&b, nil, at(0)), textview.Nodes(&b, nil, at(0)), textview.Pools(&b, nil, at(0))} {
		if write != nil {
			t.Error(write)
		}
	}
	if strings.Count(b.String(), "\n") != 3 || !strings.Contains(b.String(), "spillway job submit") {
		t.Errorf("%s", &b)
	}
}

func TestFleet(t *testing.T) {
	var b strings.Builder
	_ = textview.Nodes(&b, []restv1.Node{
		{ID: "ws-04", Site: "studio", State: "online", VCPUs: 1.5, MemoryMiB: 8192, LastSeen: at(-2), Reason: "joined",
			Work: []restv1.Work{{JobName: "shot", Unit: 3, Progress: 0.41}, {JobName: "shot", Unit: 4}}},
		{ID: "burst-1", Site: "cloud", Pool: "burst", State: "starting", Reason: "asked for"},
	}, at(0))
	_ = textview.Pools(&b, []restv1.Pool{{ID: "burst", Site: "cloud", Max: 2, Wanted: 2, Actual: 1, Price: 0.21, Decided: at(-5), Reason: "late", Stopped: true}}, at(0))
	_ = textview.Pools(&b, []restv1.Pool{{ID: "burst", Site: "cloud", Reason: "as before", Autoscale: &restv1.Autoscale{Last: &restv1.AutoscaleRun{
		Mistakes: []restv1.AutoscaleMistake{{Line: 2, Column: 7, Message: "avg: there are no values"}},
	}}}}, at(0))
	_ = textview.AutoscaleRun(&b, restv1.AutoscaleRun{Results: "$TargetDedicatedNodes=9;$NodeDeallocationOption=requeue;$v=[1,2]", Nodes: 1, Note: "the pool has 0 to 1 nodes, not 9"})
	is(t, b.String(), `
NODE     SITE    POOL   STATE     VCPUS  MEMORY   SEEN      WORK            WHY
ws-04    studio         online    1.5    8.0 GiB  2.0s ago  shot #3 41% +1  joined
burst-1  cloud   burst  starting                                            asked for
POOL   SITE   WANTED  ACTUAL  LIMITS  PER HOUR  DECIDED   WHY
burst  cloud  2       1       0–2     0.21      5.0s ago  stopped by hand; late
POOL   SITE   WANTED  ACTUAL  LIMITS  WHY
burst  cloud  0       0       0–0     its formula fails (line 2, column 7: avg: there are no values), its size stays; as before
VARIABLE                 VALUE
$TargetDedicatedNodes    9
$NodeDeallocationOption  requeue
$v                       [1,2]

The pool would have 1 node; the pool has 0 to 1 nodes, not 9.
`)
}

func TestLiveRedrawsItsBar(t *testing.T) {
	var b strings.Builder
	l := textview.Live{W: &b, Terminal: true}
	_ = l.Job(job(), at(0))
	_ = l.Event(restv1.Event{Kind: "pool", Pool: "burst", At: at(0), To: "2", Reason: "home is late"}, "", 0)
	l.End()
	bar := "█████░░░░░░░░░░░░░░░░░░░ 6/25  3 running  1 landing  1 failed  done in 1m30s (late)"
	want := bar + "\r\x1b[K" + at(0).Local().Format(time.TimeOnly) + "  pool burst     2          home is late\n"
	is(t, b.String(), want)

	b.Reset()
	quiet := textview.Live{W: &b}
	_ = quiet.Job(job(), at(0))
	if b.Len() != 0 {
		t.Errorf("a bar without a terminal: %q", b.String())
	}
}

func TestQuarantinedNode(t *testing.T) {
	var b strings.Builder
	_ = textview.Nodes(&b, []restv1.Node{{ID: "ws-1", Site: "studio", State: "online", Reason: "joined", Quarantined: "fails what succeeds on other nodes",
		Avoided: []restv1.Avoided{{Job: "j1", Why: "failed 3 of its tasks in a row"}}}}, at(0))
	is(t, b.String(), `
NODE  SITE    STATE        WHY
ws-1  studio  quarantined  fails what succeeds on other nodes (end it with: spillway node release ws-1); job j1 avoids it: failed 3 of its tasks in a row
`)
}
