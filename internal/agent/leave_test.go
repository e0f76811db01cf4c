package agent_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/provider/azure/armtest"
)

// TestPreemptedNodeLeavesInGoodOrder takes a machine away while it renders: the server is told before the render is ended,
// has its end and its log, and then the event is approved.
func TestPreemptedNodeLeavesInGoodOrder(t *testing.T) {
	f := newFarm(t)
	m := armtest.NewMetadata("vm-1", "id-1")
	service := httptest.NewServer(m)
	t.Cleanup(service.Close)
	f.config.Metadata = service.URL
	p := f.startProcess()
	f.job(`mkdir -p {{Param.Out}}; echo up > {{Param.Out}}/up; sleep 300`)
	f.order(f.task("a1"))
	f.awaitFile("out/up")
	m.Schedule(armtest.Event{ID: "e1", Type: "Preempt", Resources: []string{"vm-1"}, NotBefore: time.Now().Add(3 * time.Second)})
	if err := p.Wait(); err != nil {
		t.Errorf("the agent: %v", err)
	}
	if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_AGENT {
		t.Errorf("end = %v", end)
	}
	f.log("a1")
	if got := m.Approved(); !slices.Equal(got, []string{"e1"}) {
		t.Errorf("approved: %v", got)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	draining, ended := -1, -1
	for i, r := range f.reports {
		if d := r.GetDraining(); d != nil && draining < 0 {
			draining = i
			if !strings.Contains(d.Reason, "spot machine") {
				t.Errorf("the server is told %q", d.Reason)
			}
		}
		if a := r.GetAttempt(); a != nil && a.End != nil && ended < 0 {
			ended = i
		}
	}
	if draining < 0 || ended < draining {
		t.Errorf("draining is report %d, the end of the attempt %d", draining, ended)
	}
}

// TestPreemptedNodeLetsShortTasksEnd: what ends by itself in half of the notice is not ended.
func TestPreemptedNodeLetsShortTasksEnd(t *testing.T) {
	f := newFarm(t)
	m := armtest.NewMetadata("vm-1", "id-1")
	service := httptest.NewServer(m)
	t.Cleanup(service.Close)
	f.config.Metadata = service.URL
	p := f.startProcess()
	f.job(untilGo)
	f.order(f.task("a1"))
	f.awaitFile("out/pid")
	m.Schedule(armtest.Event{ID: "e1", Type: "Terminate", Resources: []string{"vm-1"}, NotBefore: time.Now().Add(time.Hour)})
	f.wait("the node's word that it leaves", func() bool {
		return slices.ContainsFunc(f.reports, func(r *agentv1.Report) bool { return r.GetDraining() != nil })
	})
	f.letGo()
	if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_SUCCESS {
		t.Errorf("end = %v", end)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the agent: %v", err)
	}
	if got := m.Approved(); len(got) != 1 {
		t.Errorf("approved: %v", got)
	}
}
