package server

import (
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spillway/spillway/autoscale"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/azure"
	"github.com/spillway/spillway/internal/provider/kube"
	"github.com/spillway/spillway/internal/server/effect"
	"github.com/spillway/spillway/internal/server/policy"
)

// Config is a server's configuration: a YAML file, or made in Go.
type Config struct {
	Name     string          `yaml:"name"`     // the farm's, for people
	Listen   string          `yaml:"listen"`   // HOST:PORT
	Dir      string          `yaml:"dir"`      // state
	Hosts    []string        `yaml:"hosts"`    // names and addresses that the server's certificate holds besides the one it listens on and this machine's
	URL      string          `yaml:"url"`      // how nodes reach the server; by default what it listens on
	Currency string          `yaml:"currency"` // of prices
	Storage  []Storage       `yaml:"storage"`
	Filers   []Filer         `yaml:"filers"`
	Sites    []Site          `yaml:"sites"`
	Pools    []Pool          `yaml:"pools"`
	Tokens   []Token         `yaml:"tokens"`
	Lease    config.Duration `yaml:"lease"`     // silence after which a node is held for lost
	Beat     config.Duration `yaml:"heartbeat"` // how often nodes show that they live
	Planner  Planner         `yaml:"planner"`
	LogCap   config.Bytes    `yaml:"logCap"` // kept of one attempt's log

	// What is given in Go only.
	Version string       `yaml:"-"`
	Commit  string       `yaml:"-"`
	Web     fs.FS        `yaml:"-"` // the web page; nil: none
	Log     *slog.Logger `yaml:"-"`
	// SamplePeriod is the time between two samples for formulas; 0: that of Azure Batch, 30 s.
	SamplePeriod time.Duration `yaml:"-"`
	// Backoff bounds the pauses between tries of what is owed to filers and providers; zero: the usual ones.
	Backoff effect.Backoff `yaml:"-"`
	// Providers are used for the pools of these names instead of those that the file describes.
	Providers map[string]provider.Provider `yaml:"-"`
}

// Storage is a storage location: a file tree that is the same at every site.
type Storage struct {
	Name string `yaml:"name,required"`
	// Path is where this server sees it; empty: it does not, and shows no pictures of it.
	Path    string          `yaml:"path"`
	Sources []Source        `yaml:"sources"`
	Sites   map[string]Door `yaml:"sites"` // how the nodes of each site reach it
}

// Source is one spelling under which submitters know a location.
type Source struct {
	Format string `yaml:"format"` // POSIX (the default) or WINDOWS
	Path   string `yaml:"path,required"`
}

// Door is how a site's nodes reach a storage location: through a filer, or directly as a folder.
type Door struct {
	Filer  string `yaml:"filer"`
	Direct string `yaml:"direct"`
}

// Filer is a filer that the server speaks to.
type Filer struct {
	Name    string `yaml:"name,required"`
	Control string `yaml:"control,required"` // https://HOST:PORT of its control service
	NFS     string `yaml:"nfs,required"`     // HOST:PORT that nodes mount
	Export  string `yaml:"export,required"`  // namespace path, such as /nas
	Parent  string `yaml:"parent"`           // the filer that it reads through; empty: the storage itself
	// NodeControl is Control as the site's own nodes reach it, where that differs (across a link, say).
	NodeControl string `yaml:"nodeControl"`
}

// Site is what is said of a site beyond its doors to the storage.
type Site struct {
	Name string `yaml:"name,required"`
	// Prime: assets are loaded into the site's filers before its nodes need them. By default so where the filer has a parent.
	Prime *bool `yaml:"prime"`
}

// Pool is an elastic pool.
type Pool struct {
	Name     string          `yaml:"name,required"`
	Site     string          `yaml:"site,required"`
	Provider string          `yaml:"provider"` // process, azure or kube
	Command  []string        `yaml:"command"`  // of the process provider
	CPUs     []int           `yaml:"cpus"`     // that its processes are bound to in turn
	Azure    *azure.Spec     `yaml:"azure"`    // of the azure provider
	Kube     *kube.Spec      `yaml:"kube"`     // of the kube provider
	Min      int             `yaml:"min"`
	Max      int             `yaml:"max,required"`
	Capacity Capacity        `yaml:"capacity"`
	Price    float64         `yaml:"price"`          // per node and hour
	Billing  config.Duration `yaml:"minimumBilling"` // what a started node costs at least
	Idle     config.Duration `yaml:"idle"`           // a node without work is kept so long
	Boot     config.Duration `yaml:"boot"`           // from the request to the first task, before it has been measured
	KeepWarm KeepWarm        `yaml:"keepWarm"`
	Speed    float64         `yaml:"speed"` // relative to where times were measured; 0: 1
	Quota    string          `yaml:"quota"` // one of planner.quotas, which its vCPUs count for
	Spot     bool            `yaml:"spot"`  // its nodes may be taken away: formulas size it by $TargetLowPriorityNodes
	// Evictions of a spot node in an hour, on average: 0.1 is one in ten hours.
	Evictions float64 `yaml:"evictions"`
	// Floor is the share of this pool's and the site's spot pools' nodes together that is of this pool at least.
	Floor float64 `yaml:"floor"`
	// Autoscale sizes the pool instead of the goals of its work; nil: the goals do.
	Autoscale *Autoscale `yaml:"autoscale"`
}

// KeepWarm is how many nodes of a pool, if there are any, stay longer when they have nothing to do.
type KeepWarm struct {
	Nodes int             `yaml:"nodes"`
	For   config.Duration `yaml:"for"`
}

// Autoscale is a pool's formula.
type Autoscale struct {
	Formula  string          `yaml:"formula,required"` // in Azure Batch's language
	Interval config.Duration `yaml:"interval"`         // between two evaluations
}

// Capacity is what one of a pool's nodes offers.
type Capacity struct {
	VCPUs     float64      `yaml:"vcpus"`
	Memory    config.Bytes `yaml:"memory"`
	GPUs      uint32       `yaml:"gpus"`
	GPUMemory config.Bytes `yaml:"gpuMemory"`
	Scratch   config.Bytes `yaml:"scratch"`
}

// Planner says how the burst planner works.
type Planner struct {
	Interval   config.Duration `yaml:"interval"`
	MaxWait    config.Duration `yaml:"maxWait"`    // goal of work without a deadline: done so long after its submit; 0: nothing is rented for it
	MaxPerHour float64         `yaml:"maxPerHour"` // price of all rented nodes; 0: no limit
	MaxPerDay  float64         `yaml:"maxPerDay"`  // what rented nodes may cost from midnight to midnight, UTC; 0: no limit
	MaxVCPUs   float64         `yaml:"maxVCPUs"`   // of all rented nodes; 0: no limit
	// Quotas are vCPUs that pools share, by a name that pools give.
	Quotas map[string]float64 `yaml:"quotas"`
	// Queues have goals of their own.
	Queues map[string]Goal `yaml:"queues"`
}

// Goal is what is wanted of work without a deadline.
type Goal struct {
	MaxWait  config.Duration `yaml:"maxWait"`
	Cheapest bool            `yaml:"cheapest"` // nothing is rented, not even for a deadline
}

// Validate checks a goal.
func (g *Goal) Validate() error {
	if g.Cheapest && g.MaxWait > 0 {
		return config.At("cheapest", fault.New(fault.Invalid, "maxWait and cheapest exclude each other"))
	}
	return nil
}

// Token is a join token that the server makes at its start, unless the file is there already.
type Token struct {
	Role  string          `yaml:"role,required"`  // agent or filer
	Names string          `yaml:"names,required"` // a name or a pattern
	Site  string          `yaml:"site"`
	Uses  int             `yaml:"uses"`
	Life  config.Duration `yaml:"life"`
	File  string          `yaml:"file,required"`
}

// LoadConfig reads a YAML file.
func LoadConfig(file string) (Config, error) {
	var c Config
	data, err := os.ReadFile(file)
	if err != nil {
		return c, fault.Wrap(fault.Invalid, err, "read the configuration")
	}
	return c, config.Decode(file, data, &c)
}

// DirectStorage is a location that the nodes of one site have under the same path as this server.
func DirectStorage(name, site, folder string) Storage {
	return Storage{
		Name: name, Path: folder, Sources: []Source{{Format: "POSIX", Path: folder}}, Sites: map[string]Door{site: {Direct: folder}},
	}
}

// WithDefaults fills what was left out.
func (c Config) WithDefaults() Config {
	setDefault(&c.Listen, "127.0.0.1:7410")
	setDefault(&c.Lease, config.Duration(15*time.Second))
	setDefault(&c.Beat, min(config.Duration(3*time.Second), c.Lease/4))
	setDefault(&c.Backoff, effect.Backoff{First: 500 * time.Millisecond, Max: 15 * time.Second})
	setDefault(&c.Planner.Interval, config.Duration(5*time.Second))
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T comparable](at *T, value T) {
	var zero T
	if *at == zero {
		*at = value
	}
}

// Validate reports what does not fit together.
func (c *Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); c.Listen != "" && err != nil {
		return config.At("listen", fault.New(fault.Invalid, "%q is no HOST:PORT", c.Listen))
	}
	if c.Lease > 0 && c.Beat > 0 && c.Beat*2 > c.Lease {
		return config.At("heartbeat", fault.New(fault.Invalid, "a heartbeat of %v is too slow for a lease of %v: at most half of it", c.Beat, c.Lease))
	}
	if err := c.checkFilers(); err != nil {
		return config.At("filers", err)
	}
	if err := c.checkStorage(); err != nil {
		return config.At("storage", err)
	}
	if err := c.checkPools(); err != nil {
		return config.At("pools", err)
	}
	for _, s := range c.Sites {
		if !c.hasSite(s.Name) {
			return config.At("sites", fault.New(fault.Invalid, "site %q reaches no storage location", s.Name))
		}
	}
	_, err := c.locations()
	return config.At("storage", err)
}

func (c *Config) checkFilers() error {
	for i, f := range c.Filers {
		if c.filer(f.Name) != &c.Filers[i] {
			return fault.New(fault.Invalid, "two filers are named %q", f.Name)
		}
		seen := map[string]bool{}
		for at := &c.Filers[i]; at.Parent != ""; {
			if seen[at.Name] {
				return fault.New(fault.Invalid, "filer %q is its own ancestor", f.Name)
			}
			seen[at.Name] = true
			parent := c.filer(at.Parent)
			if parent == nil {
				return fault.New(fault.Invalid, "filer %q has the parent %q, which is not configured", at.Name, at.Parent)
			}
			at = parent
		}
	}
	return nil
}

func (c *Config) checkStorage() error {
	names := map[string]bool{}
	for _, s := range c.Storage {
		if names[s.Name] {
			return fault.New(fault.Invalid, "two storage locations are named %q", s.Name)
		}
		names[s.Name] = true
		for site, door := range s.Sites {
			switch {
			case (door.Filer == "") == (door.Direct == ""):
				return fault.New(fault.Invalid, "%s at site %s needs either a filer or a direct folder", s.Name, site)
			case door.Filer != "" && c.filer(door.Filer) == nil:
				return fault.New(fault.Invalid, "%s at site %s uses the filer %q, which is not configured", s.Name, site, door.Filer)
			case door.Direct != "" && !filepath.IsAbs(door.Direct):
				return fault.New(fault.Invalid, "%s at site %s: the folder %q is not absolute", s.Name, site, door.Direct)
			}
		}
	}
	return nil
}

func (c *Config) checkPools() error {
	names := map[string]bool{}
	for i, p := range c.Pools {
		switch {
		case names[p.Name]:
			return fault.New(fault.Invalid, "two pools are named %q", p.Name)
		case p.Min < 0 || p.Max < p.Min:
			return fault.New(fault.Invalid, "pool %q wants at least %d and at most %d nodes", p.Name, p.Min, p.Max)
		case !c.hasSite(p.Site):
			return fault.New(fault.Invalid, "pool %q is at site %q, from which no storage location can be reached", p.Name, p.Site)
		case c.checkProvider(&c.Pools[i]) != nil:
			return c.checkProvider(&c.Pools[i])
		case p.Price < 0:
			return fault.New(fault.Invalid, "pool %q has a negative price", p.Name)
		case p.Speed < 0 || p.Evictions < 0:
			return fault.New(fault.Invalid, "pool %q has a negative speed or number of evictions", p.Name)
		case p.Floor < 0 || p.Floor > 0.99:
			return fault.New(fault.Invalid, "pool %q has the floor %v; a share of 0 to 0.99 leaves room for spot nodes", p.Name, p.Floor)
		case p.Floor > 0 && p.Spot:
			return fault.New(fault.Invalid, "pool %q is a spot pool and cannot be the floor beside spot pools: give floor to a regular one", p.Name)
		case p.Quota != "" && c.Planner.Quotas[p.Quota] <= 0:
			return fault.New(fault.Invalid, "pool %q counts for the quota %q, which planner.quotas does not have", p.Name, p.Quota)
		case (p.Quota != "" || c.Planner.MaxVCPUs > 0) && p.Capacity.VCPUs <= 0:
			return fault.New(fault.Invalid, "pool %q says no capacity.vcpus, but vCPUs are limited", p.Name)
		}
		names[p.Name] = true
	}
	return nil
}

// hasSite reports whether a site reaches storage.
func (c *Config) hasSite(name string) bool {
	for _, s := range c.Storage {
		if _, ok := s.Sites[name]; ok {
			return true
		}
	}
	return false
}

func (c *Config) filer(name string) *Filer {
	for i := range c.Filers {
		if c.Filers[i].Name == name {
			return &c.Filers[i]
		}
	}
	return nil
}

// locations returns the mapping of submitters' paths.
func (c *Config) locations() (*policy.Locations, error) {
	var sources []policy.Source
	for _, s := range c.Storage {
		for _, src := range s.Sources {
			format := strings.ToUpper(src.Format)
			if format == "" {
				format = "POSIX"
			}
			if format == "POSIX" && !filepath.IsAbs(src.Path) {
				return nil, fault.New(fault.Invalid, "the source %q of %s is not absolute", src.Path, s.Name)
			}
			sources = append(sources, source(s.Name, format, src.Path))
		}
	}
	return policy.NewLocations(sources)
}

// The interval's bounds. Azure Batch's is from 5 minutes to a week, and 15 minutes if nothing is said.
const (
	shortestInterval = time.Second
	usualInterval    = 5 * time.Minute
	longestInterval  = 7 * 24 * time.Hour
)

// Validate checks the formula.
func (a *Autoscale) Validate() error {
	if d := time.Duration(a.Interval); d != 0 && (d < shortestInterval || d > longestInterval) {
		return config.At("interval", fault.New(fault.Invalid, "a formula is evaluated every %v to %v, not every %v", shortestInterval, longestInterval, d))
	}
	if _, err := autoscale.Parse(a.Formula); err != nil {
		return config.At("formula", fault.New(fault.Invalid, "%s", strings.TrimSuffix(autoscale.ErrorsOf(err).Report(), "\n")))
	}
	return nil
}

// Validate checks what a token is for.
func (t *Token) Validate() error {
	if t.Role != string(identity.RoleAgent) && t.Role != string(identity.RoleFiler) {
		return config.At("role", fault.New(fault.Invalid, "a token is for an agent or a filer, not for %q", t.Role))
	}
	return nil
}
