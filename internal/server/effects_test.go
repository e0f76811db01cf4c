package server_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/server"
	"github.com/spillway/spillway/internal/server/rest"
)

// filerWorld is a world with two filers.
func filerWorld(t *testing.T, change func(*world)) (w *world, edge, cloud *fakeFiler) {
	w = newWorld(t, func(w *world) {
		edge, cloud = addFilers(w)
		if change != nil {
			change(w)
		}
	})
	return w, edge, cloud
}

func (w *world) attempts(job string) []restv1.Attempt {
	w.t.Helper()
	all, err := w.Attempts(context.Background(), job, rest.AttemptFilter{Limit: 1000})
	w.must(err)
	return all
}

func TestDoneMeansOnTheStorage(t *testing.T) {
	w, edge, _ := filerWorld(t, nil)
	a := w.newAgent("ws-01", "studio", "")
	a.mounts = mounted("edge", 7)
	a.connect()
	edge.goAway(true)
	job := w.submit(shot(2), shotPolicy, "")
	w.wait(job.ID, "landing", func(j restv1.Job) bool { return j.Steps[0].Counts.Landing == 2 })
	why, err := w.Why(context.Background(), job.ID)
	w.must(err)
	if !slices.ContainsFunc(why.Reasons, func(r restv1.WhyReason) bool { return strings.Contains(r.Text, "land") && r.Count == 2 }) {
		t.Errorf("why says %+v", why)
	}
	edge.goAway(false)
	w.waitState(job.ID, "succeeded")
	for _, attempt := range w.attempts(job.ID) {
		if len(attempt.Outputs) != 1 || attempt.Outputs[0].Receipt == nil || attempt.Outputs[0].Receipt.Filer != "edge" {
			t.Errorf("attempt without a receipt: %+v", attempt)
		}
	}
	if !slices.Contains(edge.flushed, "/nas/out/frame_0002.png") {
		t.Errorf("flushed: %v", edge.flushed)
	}
	// The step that reads the frames was ordered after its filer had looked at them anew.
	if !slices.Contains(edge.revalidated, "/nas/out/frame_0001.png") || !slices.Contains(edge.revalidated, "/nas/out") {
		t.Errorf("revalidated: %v", edge.revalidated)
	}
}

func TestReceiptOfOtherContentFailsTheAttempt(t *testing.T) {
	w, edge, _ := filerWorld(t, nil)
	a := w.newAgent("ws-01", "studio", "")
	a.mounts = mounted("edge", 7)
	a.connect()
	edge.wrong["out/frame_0001.png"] = true
	job := w.submit(shot(1), "retries: 0\n"+strings.TrimPrefix(shotPolicy, "retries: 2\n"), "")
	w.waitState(job.ID, "failed")
	if got := w.attempts(job.ID); len(got) != 1 || got[0].State != "failed" || got[0].Cause != "storage" {
		t.Errorf("attempts: %+v", got)
	}
}

func TestSilentNodeIsFencedBeforeItsTaskRunsAgain(t *testing.T) {
	w, edge, _ := filerWorld(t, shortLease)
	a := w.newAgent("ws-01", "studio", "")
	a.mounts = mounted("edge", 7)
	a.work = nil
	a.connect()
	job := w.submit(shot(1), shotPolicy, "")
	w.wait(job.ID, "running", func(j restv1.Job) bool { return j.Steps[0].Counts.Running == 1 })
	first := a.tasks()[0]

	edge.leftovers["/nas/out/frame_0001.png"] = 123 // what the frozen render has written so far
	edge.goAway(true)
	a.hush()
	w.wait(job.ID, "fencing", func(j restv1.Job) bool { return j.Steps[0].Counts.Fencing == 1 })
	b := w.newAgent("ws-02", "studio", "")
	b.mounts = mounted("edge", 8)
	b.connect()
	if len(b.tasks()) != 0 {
		t.Fatal("the task was given away before the fence")
	}
	edge.goAway(false)
	w.waitState(job.ID, "succeeded")
	attempts := w.attempts(job.ID)
	dead := attempts[len(attempts)-1]
	if dead.State != "lost" || len(dead.Removed) != 1 || dead.Removed[0].Size != 123 || dead.Removed[0].Path != "out/frame_0001.png" {
		t.Errorf("the dead attempt: %+v", dead)
	}
	if f := edge.fenced[0]; f.GetSessionId() != 7 || f.GetEpoch() == 0 || f.GetReason() == "" {
		t.Errorf("the fence: %v", f)
	}

	// The node comes back and reports the old attempt's end: it is told to drop it, and nothing changes.
	a.mounts = mounted("edge", 9)
	a.attempts[first.GetAttempt()] = &agentv1.AttemptUpdate{
		Attempt: first.GetAttempt(), Session: first.GetSession(), Phase: agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED, End: succeed(first),
	}
	a.connect()
	w.until("acknowledged", func() bool { return a.ackedUpTo() >= 1 }, nothing)
	if got := w.attempts(job.ID); got[len(got)-1].State != "lost" {
		t.Errorf("a late report has changed the attempt: %+v", got)
	}
}

func TestStaticNodeWithADirectMountWaitsForAnotherBoot(t *testing.T) {
	w := newWorld(t, shortLease)
	a := w.newAgent("ws-01", "plain", "")
	a.work = nil
	a.connect()
	job := w.submit(shot(1), shotPolicy, "")
	w.wait(job.ID, "running", func(j restv1.Job) bool { return j.Steps[0].Counts.Running == 1 })
	a.leave()
	w.wait(job.ID, "fencing", func(j restv1.Job) bool { return j.Steps[0].Counts.Fencing == 1 })
	a.boot, a.attempts, a.work = "boot-2", map[string]*agentv1.AttemptUpdate{}, succeed
	a.connect()
	w.waitState(job.ID, "succeeded")
}

// cloudMachines is a provider whose machines are fake agents.
type cloudMachines struct {
	w *world

	mu       sync.Mutex
	agents   map[string]*fakeAgent
	warm     func() bool // looked at when the first machine is made
	wasWarm  bool
	deleted  []string
	prepared func(*fakeAgent)
}

func (c *cloudMachines) Create(_ context.Context, spec provider.Spec) (provider.Instance, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := provider.Instance{Name: spec.Name, Pool: spec.Pool, ID: "i-" + spec.Name, Running: true}
	if c.agents[spec.Name] != nil {
		return made, nil
	}
	if len(c.agents) == 0 {
		c.wasWarm = c.warm()
	}
	a := &fakeAgent{
		t: c.w.t, name: spec.Name, site: spec.Site, pool: spec.Pool, boot: spec.Name, attempts: map[string]*agentv1.AttemptUpdate{},
		specs: map[string]*agentv1.JobSpec{}, mounts: mounted("cloud", uint64(len(c.agents)+1)), work: succeed,
	}
	if c.prepared != nil {
		c.prepared(a)
	}
	c.agents[spec.Name] = a
	if err := a.join(c.w, spec.Token); err != nil {
		return made, err
	}
	go func() { _ = a.dial() }()
	return made, nil
}

func (c *cloudMachines) Delete(_ context.Context, name string) error {
	c.mu.Lock()
	a := c.agents[name]
	c.deleted = append(c.deleted, name)
	c.mu.Unlock()
	if a != nil {
		a.leave()
	}
	return nil
}

func (c *cloudMachines) List(context.Context) ([]provider.Instance, error) { return nil, nil }

func (c *cloudMachines) made() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.agents)
}

func (c *cloudMachines) gone() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.deleted)
}

// burstWorld is a world with a pool of fake machines at site cloud. change, if not nil, may change more.
func burstWorld(t *testing.T, change func(*world)) (*world, *fakeFiler, *cloudMachines) {
	machines := &cloudMachines{agents: map[string]*fakeAgent{}}
	var cloud *fakeFiler
	w, _, cloud := filerWorld(t, func(w *world) {
		w.config.Pools = []server.Pool{{
			Name: "burst", Site: "cloud", Max: 2, Capacity: server.Capacity{VCPUs: 1, Memory: 4 << 30}, Price: 0.5,
			Idle: config.Duration(100 * time.Millisecond),
		}}
		w.config.Providers = map[string]provider.Provider{"burst": machines}
		if change != nil {
			change(w)
		}
	})
	machines.w = w
	machines.warm = func() bool {
		cloud.mu.Lock()
		defer cloud.mu.Unlock()
		return slices.Contains(cloud.primed, "/nas/project/textures")
	}
	t.Cleanup(func() {
		machines.mu.Lock()
		defer machines.mu.Unlock()
		for _, a := range machines.agents {
			a.leave()
		}
	})
	return w, cloud, machines
}

const burstPolicy = `deadlineIn: 30s
estimate: 20
assets: [/mnt/nas/project/textures]
steps:
  Render:
    assets: ["/mnt/nas/plates/plate_{{Task.Param.Frame:04}}.png"]
    outputs: ["/mnt/nas/out/frame_{{Task.Param.Frame:04}}.png"]
`

func TestQueueSpillsOverAndComesHome(t *testing.T) {
	w, cloud, machines := burstWorld(t, nil)
	a := w.newAgent("ws-01", "studio", "")
	a.mounts = mounted("edge", 7)
	a.work = nil // the studio is busy for long
	a.connect()
	job := w.submit(shot(6), burstPolicy, "")
	w.wait(job.ID, "the cloud's share", func(j restv1.Job) bool { return j.Steps[0].Counts.Succeeded >= 5 })
	if !machines.wasWarm {
		t.Error("nodes were woken before the assets were there")
	}
	decisions, err := w.Decisions(context.Background(), 10)
	w.must(err)
	if len(decisions) == 0 || decisions[len(decisions)-1].Want < 1 || decisions[len(decisions)-1].Reason == "" {
		t.Errorf("decisions: %+v", decisions)
	}
	cloud.mu.Lock()
	if !slices.ContainsFunc(cloud.primed, func(p string) bool { return strings.HasPrefix(p, "/nas/plates/plate_000") }) {
		t.Errorf("no task's own picture was primed: %v", cloud.primed)
	}
	cloud.mu.Unlock()
	a.end(a.tasks()[0].GetAttempt(), succeed(a.tasks()[0]))
	a.become(succeed)
	w.waitState(job.ID, "succeeded")
	w.until("idle machines are given back", func() bool { return len(machines.gone()) >= machines.made() }, func() any { return machines.gone() })
	var nodes []restv1.Node
	w.until("their records end", func() bool {
		var err error
		nodes, err = w.Nodes(context.Background(), false)
		return err == nil && len(nodes) == 1
	}, func() any { return nodes })
}

func TestLostBurstNodeIsFencedAndDeleted(t *testing.T) {
	w, cloud, machines := burstWorld(t, shortLease)
	first := true
	machines.prepared = func(a *fakeAgent) {
		if first {
			a.work = nil
		}
		first = false
	}
	cloud.leftovers["/nas/out/frame_0001.png"] = 77
	job := w.submit(shot(1), burstPolicy, "")
	w.wait(job.ID, "running", func(j restv1.Job) bool { return j.Steps[0].Counts.Running == 1 })
	machines.mu.Lock()
	victim := machines.agents["burst-1"]
	machines.mu.Unlock()
	victim.leave()
	w.waitState(job.ID, "succeeded")
	w.until("the lost machine is deleted", func() bool { return slices.Contains(machines.gone(), "burst-1") }, func() any { return machines.gone() })
	attempts := w.attempts(job.ID)
	if dead := attempts[len(attempts)-1]; dead.State != "lost" || len(dead.Removed) != 1 {
		t.Errorf("the dead attempt: %+v", dead)
	}
}

func TestFilersAreShown(t *testing.T) {
	w, _, cloud := filerWorld(t, nil)
	cloud.goAway(true)
	filers, err := w.Filers(context.Background())
	w.must(err)
	if len(filers) != 2 || !filers[0].OK || filers[0].DirtyBytes != 3 || filers[0].Traffic.ReadPrimed != 7 || filers[1].OK || filers[1].Error == "" {
		t.Errorf("filers: %+v", filers)
	}
}
