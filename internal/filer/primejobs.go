package filer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
)

// Limits of priming jobs, those of HPC Cache.
const (
	maxPrimeJobs    = 10
	runningPrimes   = 3
	maxPrimeJobName = 128
)

// States of a priming job, as HPC Cache names them. Queued and Running jobs go on after a restart.
//
//	Queued -> Running -> Complete;  Queued, Running -> Paused -> Queued;  any -> Complete (stopped)
const (
	primeQueued   = "Queued"
	primeRunning  = "Running"
	primePaused   = "Paused"
	primeComplete = "Complete"
)

// PrimeJob is a priming job as it is listed, and kept in JSON under its name.
type PrimeJob struct {
	Name     string    `json:"name"`
	Source   string    `json:"source"` // what the manifest was read from
	State    string    `json:"state"`
	Status   string    `json:"status,omitempty"` // how a complete one ended
	Mode     string    `json:"mode"`
	Rate     uint64    `json:"rate,omitempty"` // bytes a second
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Progress Primed    `json:"progress"`
	Manifest []byte    `json:"manifest"`
}

type primeJob struct {
	PrimeJob // guarded by primeJobs.mu
	m        *manifest
	cancel   context.CancelFunc // of a run; nil: none
}

// primeJobs is the durable table of jobs.
type primeJobs struct {
	f *Filer

	mu  sync.Mutex
	all map[string]*primeJob // mu guards it and the jobs
}

// MarshalJSON writes the error as text.
func (e PathError) MarshalJSON() ([]byte, error) {
	return json.Marshal(pathErrorText{e.Path, origin.KindOf(e.Err).String(), e.Err.Error()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *PathError) UnmarshalJSON(b []byte) error {
	var t pathErrorText
	err := json.Unmarshal(b, &t)
	*e = PathError{t.Path, fault.New(fault.ParseKind(t.Kind), "%s", t.Message)}
	return err
}

type pathErrorText struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

func primeKey(name string) []byte { return append([]byte{'j'}, name...) }

// openPrimeJobs reads the jobs; those that were running wait for their turn again.
func openPrimeJobs(f *Filer) (*primeJobs, error) {
	j := &primeJobs{f: f, all: map[string]*primeJob{}}
	return j, f.kv.Scan([]byte{'j'}, func(key, value []byte) error {
		job := &primeJob{}
		if err := json.Unmarshal(value, &job.PrimeJob); err != nil || string(key[1:]) != job.Name {
			return fault.New(fault.Internal, "priming jobs: damaged record %q", key)
		}
		var err error
		if job.m, err = parseManifest(job.Source, job.Manifest); err != nil {
			job.State, job.Status = primeComplete, "failed: "+err.Error()
		}
		if job.State == primeRunning {
			job.State = primeQueued
		}
		j.all[job.Name] = job
		return nil
	})
}

// StartPriming makes a job of a manifest and starts it as soon as fewer than three run.
func (f *Filer) StartPriming(name, source string, text []byte, rate uint64) (PrimeJob, error) {
	if name == "" || len(name) > maxPrimeJobName {
		return PrimeJob{}, fault.New(fault.Invalid, "a priming job's name has 1 to %d bytes", maxPrimeJobName)
	}
	m, err := parseManifest(source, text)
	if err != nil {
		return PrimeJob{}, err
	}
	j := f.primes
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.all[name] != nil {
		return PrimeJob{}, fault.WithHint(fault.New(fault.Conflict, "there is a priming job %q already", name), "delete it, or take another name")
	}
	if len(j.all) >= maxPrimeJobs {
		return PrimeJob{}, fault.WithHint(fault.New(fault.Exhausted, "there are %d priming jobs, the most there may be", len(j.all)), "delete one that is complete")
	}
	job := &primeJob{m: m, PrimeJob: PrimeJob{
		Name: name, Source: source, State: primeQueued, Mode: m.mode.String(), Rate: rate, Manifest: text,
		Created: time.Now().UTC().Truncate(time.Millisecond),
	}}
	if err := j.save(job); err != nil {
		return PrimeJob{}, err
	}
	j.all[name] = job
	j.schedule()
	return job.PrimeJob, nil
}

// save makes a job durable. Called with mu held.
func (j *primeJobs) save(job *primeJob) error {
	v, err := json.Marshal(job.PrimeJob)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "priming job")
	}
	return j.f.kv.Apply([]Change{{primeKey(job.Name), v}}, true)
}

// PrimeJobs returns all jobs, the oldest first.
func (f *Filer) PrimeJobs() []PrimeJob {
	f.primes.mu.Lock()
	defer f.primes.mu.Unlock()
	var out []PrimeJob
	for _, job := range f.primes.ordered() {
		out = append(out, job.PrimeJob)
	}
	return out
}

func (j *primeJobs) ordered() []*primeJob {
	return slices.SortedFunc(maps.Values(j.all), func(a, b *primeJob) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
}

// schedule starts queued jobs, the oldest first. Called with mu held.
func (j *primeJobs) schedule() {
	running := 0
	for _, job := range j.all {
		if job.cancel != nil {
			running++
		}
	}
	for _, job := range j.ordered() {
		if running >= runningPrimes {
			return
		}
		if job.State != primeQueued || job.cancel != nil { // one that was paused and resumed may still be ending
			continue
		}
		ctx, cancel := context.WithCancel(j.f.ctx)
		job.State, job.Started, job.cancel, job.Progress = primeRunning, time.Now().UTC().Truncate(time.Millisecond), cancel, Primed{}
		if err := j.save(job); err != nil {
			j.f.log.Error("priming job", "job", job.Name, "error", err)
		}
		if !j.f.spawn(func(context.Context) { j.run(ctx, job) }) {
			cancel()
			job.cancel = nil
			return
		}
		running++
	}
}

// run works on a job until it is through, or was paused, stopped or deleted, or the filer closes.
func (j *primeJobs) run(ctx context.Context, job *primeJob) {
	j.f.log.Info("priming", "job", job.Name, "source", job.Source)
	err := j.f.prime(ctx, job.m, job.Rate, func(p Primed) error {
		j.mu.Lock()
		defer j.mu.Unlock()
		if job.State == primeRunning {
			job.Progress = p
		}
		return nil
	})
	j.mu.Lock()
	defer j.mu.Unlock()
	job.cancel()
	job.cancel = nil
	if job.State == primeRunning && j.f.ctx.Err() == nil {
		job.State, job.Status, job.Ended = primeComplete, "done", time.Now().UTC().Truncate(time.Millisecond)
		switch n := len(job.Progress.Errors); {
		case err != nil:
			job.Status = "failed: " + err.Error()
		case n == primeErrors:
			job.Status = fmt.Sprintf("done, %d or more paths failed", n)
		case n > 0:
			job.Status = fmt.Sprintf("done, %d paths failed", n)
		}
		p := job.Progress
		j.f.log.Info("primed", "job", job.Name, "status", job.Status, "files", p.FilesDone, "bytes", p.BytesDone, "fetched", p.BytesFetched)
		if err := j.save(job); err != nil {
			j.f.log.Error("priming job", "job", job.Name, "error", err)
		}
	}
	if j.f.ctx.Err() == nil {
		j.schedule()
	}
}

// PrimeAction is what can be done to a job.
type PrimeAction uint8

// The actions.
const (
	PausePriming PrimeAction = iota + 1
	ResumePriming
	StopPriming
	DeletePriming
)

// errNoJob says that there is no such job.
var errNoJob = errors.New("no such job")

// ChangePriming pauses, resumes, stops or deletes a job and returns it as it is then. Doing it again changes nothing;
// deleting what is not there is fault.NotFound.
func (f *Filer) ChangePriming(name string, do PrimeAction) (PrimeJob, error) {
	j := f.primes
	j.mu.Lock()
	defer j.mu.Unlock()
	job := j.all[name]
	if job == nil {
		return PrimeJob{}, fault.New(fault.NotFound, "priming job %q: %w", name, errNoJob)
	}
	before := job.PrimeJob
	switch {
	case do == PausePriming && (job.State == primeQueued || job.State == primeRunning):
		job.State = primePaused
	case do == ResumePriming && job.State == primePaused:
		job.State = primeQueued
	case do == StopPriming && job.State != primeComplete:
		job.State, job.Status, job.Ended = primeComplete, "stopped", time.Now().UTC().Truncate(time.Millisecond)
	case do == DeletePriming:
		if err := f.kv.Apply([]Change{{Key: primeKey(name)}}, true); err != nil {
			return PrimeJob{}, err
		}
		delete(j.all, name)
		job.State = primeComplete
	case (do == PausePriming || do == ResumePriming) && job.State == primeComplete:
		return job.PrimeJob, fault.New(fault.Conflict, "priming job %q is complete", name)
	default: // as it is already
		return job.PrimeJob, nil
	}
	if do != DeletePriming {
		if err := j.save(job); err != nil {
			job.PrimeJob = before
			return job.PrimeJob, err
		}
	}
	if job.State != primeRunning && job.State != primeQueued && job.cancel != nil {
		job.cancel()
	}
	j.schedule()
	return job.PrimeJob, nil
}
