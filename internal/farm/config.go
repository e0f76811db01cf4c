package farm

import "time"

// Config is what the farm is given from outside. It is not recorded.
type Config struct {
	// Epoch of the leader that runs this farm; attempts carry it.
	Epoch uint64
	// Lease is the silence after which a node is held for lost.
	Lease time.Duration
	// StartTimeout is how long a created node may take to join before it is deleted.
	StartTimeout time.Duration
	// NewID makes an identifier that sorts after all before it and begins with the prefix: "j", "a", "s", "d". It must be set.
	NewID func(prefix string) string
	// Paths gives what a unit will write by rule, and what it reads that no other unit does. It is pure. An error fails
	// the unit for good.
	Paths func(job *Job, step int, unit int64) (outputs, inputs []StoragePath, err error)
	// Sites by name. A node of a site that is not here has no storage.
	Sites map[SiteID]Site
	// Pools are the elastic pools there may be.
	Pools []PoolShape
	// BackOff is the wait before the second attempt at a unit; it doubles with each failure up to MaxBackOff.
	BackOff, MaxBackOff time.Duration
}

// Site is a place whose nodes share their way to the storage.
type Site struct {
	// Storage names the filer through which the site's nodes reach each storage location; "" is a direct mount. A node is
	// given work when it has mounted all of them.
	Storage map[Location]FilerID
	// Prime: a job's assets are loaded into the site's filers before its nodes are woken, and a unit's own inputs before it
	// is ordered.
	Prime bool
}

// PoolShape is an elastic pool's limits and what one of its nodes is like.
type PoolShape struct {
	ID       PoolID
	Site     SiteID
	Min, Max int
	Capacity Capacity
	Price    float64       // per node and hour
	Billing  time.Duration // that a node is paid for at least
}

// withDefaults fills what may be left out.
func (c Config) withDefaults() Config {
	if c.Lease == 0 {
		c.Lease = 15 * time.Second
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 10 * time.Minute
	}
	if c.BackOff == 0 {
		c.BackOff = 2 * time.Second
	}
	if c.MaxBackOff == 0 {
		c.MaxBackOff = 2 * time.Minute
	}
	if c.Paths == nil {
		c.Paths = func(*Job, int, int64) ([]StoragePath, []StoragePath, error) { return nil, nil, nil }
	}
	return c
}
