package server

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/openjd"
)

func wireJob(v *farm.JobView, expected outlook, now time.Time) restv1.Job {
	job := restv1.Job{
		ID: string(v.ID), Name: v.Name, Owner: v.Owner, Project: v.Project, Queue: string(v.Queue), Priority: v.Priority,
		State: v.State.String(), Reason: v.Reason, Submitted: v.Submitted, Started: v.Started, Ended: v.Ended, Deadline: v.Deadline,
		Parameters: v.Parameters, Steps: []restv1.Step{},
	}
	for i := range v.Steps {
		s := &v.Steps[i]
		job.Steps = append(job.Steps, restv1.Step{
			Name: s.Name, Units: s.Units, DependsOn: s.DependsOn, Counts: wireCounts(v.Counts[i]), EstimateSeconds: estimate(s),
		})
	}
	if at, ok := expected.planned[string(v.ID)]; ok && !v.State.Over() {
		home := expected.home[string(v.ID)] // zero: never
		job.Forecast = &restv1.Forecast{At: at.UTC(), AtHome: utc(home), Seconds: math.Round(at.Sub(now).Seconds()*10) / 10}
	}
	return job
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

func estimate(s *farm.Step) float64 {
	if s.Estimate.Count > 0 {
		return s.Estimate.Mean
	}
	return s.Expected
}

// wireCounts takes the running ones out of the assigned.
func wireCounts(c farm.Counts) restv1.Counts {
	out := restv1.Counts(c)
	out.Assigned -= out.Running
	return out
}

func wirePriming(p farm.Priming) restv1.Priming {
	return restv1.Priming{
		Job: string(p.Job), Filer: string(p.Filer), State: string(p.State), Reason: p.Reason, Files: p.Files, FilesDone: p.FilesDone,
		Bytes: p.Bytes, BytesDone: p.BytesDone, Started: p.Started, Ended: p.Ended,
	}
}

func (s *Server) wireAttempt(a *farm.Attempt) restv1.Attempt {
	out := restv1.Attempt{
		ID: string(a.ID), Job: string(a.Unit.Job), Step: a.Unit.Step, Unit: a.Unit.Unit, Number: a.Number, Node: string(a.Node),
		Site: string(a.Site), State: a.State.String(), Reason: a.Reason, Cause: string(a.Cause), Assigned: a.Assigned, Started: a.Started,
		Ended: a.Ended, Landed: a.Landed, ExitCode: a.ExitCode, RunSeconds: a.RunTime.Seconds(), CPUSeconds: a.CPUTime.Seconds(),
		MaxRSSMiB: a.MaxRSS, LogBytes: a.LogSize, Progress: s.progress(a.ID),
	}
	for _, o := range a.Outputs {
		file := restv1.Output{
			Location: string(o.Location), Path: o.Path, Size: o.Size, SHA256: o.SHA256, Kind: o.Kind, Width: o.Width, Height: o.Height,
		}
		if r := o.Receipt; r != nil {
			file.Receipt = &restv1.Receipt{Filer: string(r.Filer), Serial: r.Serial, Size: r.Size, SHA256: r.SHA256, Issued: r.Issued}
		}
		out.Outputs = append(out.Outputs, file)
	}
	for _, r := range a.Removed {
		out.Removed = append(out.Removed, restv1.Removed{Location: string(r.Location), Path: r.Path, Size: r.Size})
	}
	return out
}

func wireWork(a *farm.Attempt, job string) restv1.Work {
	since := a.Started
	if since.IsZero() {
		since = a.Assigned
	}
	return restv1.Work{
		Attempt: string(a.ID), Job: string(a.Unit.Job), JobName: job, Step: a.Unit.Step, Unit: a.Unit.Unit, State: a.State.String(), Since: since,
	}
}

func wireNode(n *farm.NodeView) restv1.Node {
	out := restv1.Node{
		ID: string(n.ID), Site: string(n.Site), Pool: string(n.Pool), Instance: n.Instance, State: n.State.String(), Reason: n.Reason,
		Created: n.Created, Joined: n.Joined, LastSeen: n.LastSeen, VCPUs: n.Capacity.VCPUs, MemoryMiB: n.Capacity.MemoryMiB,
		GPUs: n.Capacity.GPUs, Price: n.Price, Work: []restv1.Work{}, Quarantined: n.Quarantined,
	}
	for _, id := range slices.Sorted(maps.Keys(n.Blocked)) {
		out.Avoided = append(out.Avoided, restv1.Avoided{Job: string(id), Why: n.Blocked[id]})
	}
	return out
}

// numbered bounds how many tasks are looked at to find out whether they count evenly.
const numbered = 4096

// numbering tells whether a step's tasks count evenly through one integer parameter.
func numbering(e *catalog.Entry, step int) *restv1.Numbers {
	count := e.Job.Steps[step].Tasks.Len()
	first, err := e.Job.Steps[step].Tasks.At(0)
	if err != nil || len(first) != 1 || count > numbered {
		return nil
	}
	var out *restv1.Numbers
	for name, v := range first {
		n, err := strconv.ParseInt(v.Text, 10, 64)
		if v.Type != openjd.Int || err != nil {
			return nil
		}
		out = &restv1.Numbers{Parameter: name, First: n, Every: 1}
	}
	for i := int64(1); i < count; i++ {
		values, err := e.Job.Steps[step].Tasks.At(i)
		if err != nil {
			return nil
		}
		n, err := strconv.ParseInt(values[out.Parameter].Text, 10, 64)
		if i == 1 {
			out.Every = n - out.First
		}
		if err != nil || n != out.First+i*out.Every {
			return nil
		}
	}
	return out
}
