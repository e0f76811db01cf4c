package catalog

import (
	"sync"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/policy"
)

// kept bounds how many compiled jobs are held.
const kept = 256

// Catalog compiles jobs and keeps the ones in use. Safe for concurrent use.
type Catalog struct {
	locations *policy.Locations

	// mu guards what follows.
	mu      sync.Mutex
	clock   uint64
	entries map[farm.JobID]*slot
}

type slot struct {
	entry *Entry
	used  uint64
}

// New returns an empty catalog.
func New(l *policy.Locations) *Catalog {
	return &Catalog{locations: l, entries: map[farm.JobID]*slot{}}
}

// Locations returns the mapping of submitters' paths.
func (c *Catalog) Locations() *policy.Locations { return c.locations }

// Of returns a job's entry. Of the job, ID and JobSpec count.
func (c *Catalog) Of(job *farm.Job) (*Entry, error) {
	if e := c.lookup(job.ID); e != nil {
		return e, nil
	}
	e, err := load(job.JobSpec, c.locations)
	if err != nil {
		return nil, err
	}
	c.keep(job.ID, e)
	return e, nil
}

// Paths gives what a unit leaves and reads, as farm.Config.Paths wants it.
func (c *Catalog) Paths(job *farm.Job, step int, unit int64) (outputs, inputs []farm.StoragePath, err error) {
	e, err := c.Of(job)
	if err != nil {
		return nil, nil, err
	}
	files, err := e.Outputs(step, unit)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range files {
		outputs = append(outputs, f.StoragePath)
	}
	inputs, err = e.Inputs(step, unit)
	return outputs, inputs, err
}

func (c *Catalog) lookup(id farm.JobID) *Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.entries[id]
	if s == nil {
		return nil
	}
	c.clock++
	s.used = c.clock
	return s.entry
}

// keep adds an entry, and drops the one that was not used for longest if there are too many.
func (c *Catalog) keep(id farm.JobID, e *Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock++
	c.entries[id] = &slot{entry: e, used: c.clock}
	if len(c.entries) <= kept {
		return
	}
	oldest, at := id, c.clock
	for other, s := range c.entries {
		if s.used < at {
			oldest, at = other, s.used
		}
	}
	delete(c.entries, oldest)
}
