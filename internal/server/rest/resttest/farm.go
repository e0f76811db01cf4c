// Package resttest is a farm in memory behind the interfaces of package rest. Tests and the browser test script it: what
// a method changes is committed at once and becomes an event with a reason, as in the real control plane.
package resttest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// Farm is the fake. Its zero value is not ready; use New.
type Farm struct {
	now func() time.Time

	// mu guards everything below.
	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at every change
	cut       chan struct{} // closed and replaced to break streams
	broken    error
	events    []restv1.Event
	forgotten uint64 // events up to this one are forgotten
	jobs      []*job // by submission
	keys      map[string]submitted
	attempts  map[string]*attempt
	order     []string // attempts by assignment
	nodes     map[string]*restv1.Node
	pools     []restv1.Pool
	decisions []restv1.Decision
	filers    []restv1.Filer
	limits    []restv1.Limit
	queues    []restv1.Queue
	users     []restv1.User
	apiTokens []restv1.APIToken // without secrets
	deeds     []restv1.Deed
	usage     restv1.Usage
	budgets   []restv1.Budget
	ids       int
	tokens    int // made
}

var (
	_ rest.Jobs    = (*Farm)(nil)
	_ rest.Fleet   = (*Farm)(nil)
	_ rest.Streams = (*Farm)(nil)
	_ rest.Sharing = (*Farm)(nil)
	_ rest.Door    = (*Farm)(nil)
	_ rest.Users   = (*Farm)(nil)
	_ rest.Ledger  = (*Farm)(nil)
)

type submitted struct {
	job string
	of  string
}

type job struct {
	restv1.Job
	units map[[2]int64]*restv1.Unit // step, unit
	why   restv1.Why
}

type attempt struct {
	restv1.Attempt
	log      []byte
	pictures map[int][]byte
}

// New returns an empty farm that reads the time from now.
func New(now func() time.Time) *Farm {
	return &Farm{
		now: now, changed: make(chan struct{}), cut: make(chan struct{}),
		keys: map[string]submitted{}, attempts: map[string]*attempt{}, nodes: map[string]*restv1.Node{},
	}
}

// Break makes every call fail with err until it is called with nil.
func (f *Farm) Break(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

// Cut ends all open event streams, as a server that restarts does.
func (f *Farm) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.cut)
	f.cut = make(chan struct{})
}

// Forget drops all events up to now, so that no reader can resume before.
func (f *Farm) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forgotten = uint64(len(f.events))
}

// record appends an event and wakes the followers. The caller holds mu.
func (f *Farm) record(e restv1.Event) {
	e.Seq, e.At = uint64(len(f.events)+1), f.now().UTC()
	f.events = append(f.events, e)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *Farm) id(prefix string) string {
	f.ids++
	return fmt.Sprintf("%s%08d", prefix, f.ids)
}

func (f *Farm) find(id string) (*job, error) {
	for _, j := range f.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return nil, fault.WithHint(fault.New(fault.NotFound, "no job %q", id), "see: spillway job list")
}

func (f *Farm) attempt(id string) (*attempt, error) {
	if a := f.attempts[id]; a != nil {
		return a, nil
	}
	return nil, fault.New(fault.NotFound, "no attempt %q", id)
}

// view is the job with counts of now.
func (f *Farm) view(j *job) restv1.Job {
	v := j.Job
	v.Steps = slices.Clone(j.Steps)
	for i := range v.Steps {
		c := restv1.Counts{Pending: v.Steps[i].Units}
		for at, u := range j.units {
			if at[0] != int64(i) || u.State == "pending" {
				continue
			}
			c.Pending--
			*count(&c, u.State)++
		}
		v.Steps[i].Counts = c
	}
	return v
}

func count(c *restv1.Counts, state string) *int64 {
	switch state {
	case "assigned":
		return &c.Assigned
	case "running":
		return &c.Running
	case "landing":
		return &c.Landing
	case "fencing":
		return &c.Fencing
	case "succeeded":
		return &c.Succeeded
	case "failed":
		return &c.Failed
	case "canceled":
		return &c.Canceled
	}
	return &c.Pending
}

// lock locks, and reports why the farm does not answer, if it does not.
func (f *Farm) lock(ctx context.Context) (func(), error) {
	f.mu.Lock()
	err := f.broken
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		f.mu.Unlock()
		return nil, err
	}
	return f.mu.Unlock, nil
}
