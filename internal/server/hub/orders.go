package hub

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/catalog"
)

// refreshPause is the wait before a filer that does not answer is asked again.
const refreshPause = time.Second

// orders sends what is owed and has not been sent on this stream.
func (c *conn) orders(ctx context.Context, owed farm.NodeOrders) error {
	keep := map[string]bool{}
	once := func(key string, o *agentv1.Order) error {
		keep[key] = true
		if c.sent[key] {
			return nil
		}
		return c.put(o)
	}
	for _, a := range owed.Cancel {
		if err := once("cancel/"+string(a.ID), cancelAttempt(a.ID, a.Reason)); err != nil {
			return err
		}
	}
	for _, s := range owed.EndSessions {
		if err := once("end/"+string(s.ID), endSession(s.ID, "no more work for it")); err != nil {
			return err
		}
	}
	for i := range owed.Run {
		key := "run/" + string(owed.Run[i].ID)
		if c.sent[key] {
			keep[key] = true
			continue
		}
		done, err := c.run(ctx, &owed.Run[i])
		if err != nil {
			return err
		}
		keep[key] = done
	}
	if owed.Drain {
		drain := &agentv1.Order{Order: &agentv1.Order_Drain{Drain: &agentv1.Drain{Stop: owed.Stop, Reason: owed.Reason}}}
		if err := once(fmt.Sprintf("drain/%t", owed.Stop), drain); err != nil {
			return err
		}
	}
	c.sent = keep
	return nil
}

// run orders one attempt. Not done: it waits for names to be looked up anew.
func (c *conn) run(ctx context.Context, a *farm.Attempt) (done bool, err error) {
	entry, err := c.job(ctx, a.Unit.Job)
	if err != nil {
		return false, err
	}
	step := entry.Job.Steps[a.Unit.Step]
	var paths []farm.StoragePath
	if entry.Waits(a.Unit.Step) {
		var ready bool
		if paths, ready = c.refreshed(a); !ready {
			return false, nil
		}
	}
	task, err := runTask(entry, a, step.Name, paths)
	if err != nil {
		return false, err
	}
	return true, c.put(&agentv1.Order{Order: &agentv1.Order_RunTask{RunTask: task}})
}

// job sends a job's specification if it has not been sent on this stream.
func (c *conn) job(ctx context.Context, id farm.JobID) (*catalog.Entry, error) {
	if e := c.jobs[id]; e != nil {
		return e, nil
	}
	var job farm.Job
	var known bool
	if err := c.hub.config.Farm.View(ctx, func(f *farm.Farm) { job, known = f.Spec(id) }); err != nil {
		return nil, err
	}
	if !known {
		return nil, fault.New(fault.Internal, "an attempt of the unknown job %s", id)
	}
	entry, err := c.hub.config.Catalog.Of(&job)
	if err != nil {
		return nil, err
	}
	c.jobs[id] = entry
	return entry, c.put(&agentv1.Order{Order: &agentv1.Order_JobSpec{JobSpec: &agentv1.JobSpec{
		Job: string(id), TemplateJson: job.Template, Parameters: job.Parameters, Owner: job.Owner, Name: job.Name,
	}}})
}

func runTask(entry *catalog.Entry, a *farm.Attempt, step string, stale []farm.StoragePath) (*agentv1.RunTask, error) {
	values, err := entry.Values(a.Unit.Step, a.Unit.Unit)
	if err != nil {
		return nil, err
	}
	outputs, err := entry.Outputs(a.Unit.Step, a.Unit.Unit)
	if err != nil {
		return nil, err
	}
	task := &agentv1.RunTask{
		Attempt: string(a.ID), Job: string(a.Unit.Job), Step: step, Session: string(a.Session), TaskIndex: a.Unit.Unit,
		TaskParameters: values, AttemptNumber: uint32(a.Number),
	}
	for _, o := range outputs {
		task.Outputs = append(task.Outputs, &agentv1.OutputRule{
			Location: string(o.Location), Path: o.Path, Check: o.Check.KindOrAuto(), Width: o.Check.Width, Height: o.Check.Height,
			Refuse: o.Check.Flaws(),
		})
	}
	if idle := entry.Policy.NoProgressOf(step); idle > 0 {
		task.NoProgress = durationpb.New(idle)
	}
	for i := range entry.Policy.Failures.Signs {
		s := &entry.Policy.Failures.Signs[i]
		sign := &agentv1.FailureSign{Cause: endCauseOf(s.CauseOf()), Text: s.Text}
		for _, code := range s.ExitCodes {
			sign.ExitCodes = append(sign.ExitCodes, int32(code))
		}
		task.Signs = append(task.Signs, sign)
	}
	for _, p := range stale {
		task.Refresh = append(task.Refresh, &agentv1.StoragePath{Location: string(p.Location), Path: p.Path})
	}
	return task, nil
}

// refreshed reports whether the filers have looked up anew what the attempt's dependencies left, and has them asked if not.
func (c *conn) refreshed(a *farm.Attempt) ([]farm.StoragePath, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.fresh[a.ID]; r != nil {
		return r.paths, r.done
	}
	r := &refresh{}
	c.fresh[a.ID] = r
	id, ref := a.ID, a.Unit
	c.working.Go(func() {
		for {
			paths, err := c.hub.config.Refresh(c.ctx, c.site, ref)
			if err == nil {
				c.mu.Lock()
				r.done, r.paths = true, paths
				c.mu.Unlock()
				c.wake()
				return
			}
			c.hub.config.Log.Warn("can't look up anew what a task depends on", "attempt", id, "site", c.site, "error", err)
			select {
			case <-time.After(refreshPause):
			case <-c.ctx.Done():
				return
			}
		}
	})
	return nil, false
}

// forget tells the node which spools it may drop: those of ended attempts whose logs are stored.
func (c *conn) forget(ctx context.Context) error {
	c.mu.Lock()
	ended := make(map[farm.AttemptID]uint64, len(c.logged))
	for id, size := range c.logged {
		ended[id] = size
	}
	c.mu.Unlock()
	for id, size := range ended {
		stored, err := c.hub.logStored(ctx, id)
		if err != nil || stored < size {
			continue // the upload wakes us again
		}
		if err := c.put(&agentv1.Order{Order: &agentv1.Order_Forget{Forget: &agentv1.Forget{Attempt: string(id)}}}); err != nil {
			return err
		}
		c.mu.Lock()
		delete(c.logged, id)
		delete(c.fresh, id)
		c.mu.Unlock()
	}
	return nil
}

func cancelAttempt(id farm.AttemptID, reason string) *agentv1.Order {
	return &agentv1.Order{Order: &agentv1.Order_CancelAttempt{CancelAttempt: &agentv1.CancelAttempt{Attempt: string(id), Reason: reason}}}
}

func endSession(id farm.SessionID, reason string) *agentv1.Order {
	return &agentv1.Order{Order: &agentv1.Order_EndSession{EndSession: &agentv1.EndSession{Session: string(id), Reason: reason}}}
}
