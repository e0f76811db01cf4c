// Package process is the provider whose machines are processes of this one: for trying things out, for tests, and for the
// spare cores of the server.
//
// A machine is everything that a command starts: an agent, its supervisors, renders and mounts. They leave process groups
// and sessions on purpose, so what holds them together is an environment variable that all of them inherit
// (SPILLWAY_INSTANCE), by which they are found in /proc.
//
// On disk a machine is a directory DIR/NAME with its record (instance.json), written before its first process and removed
// after its last, and a log DIR/NAME.log, which stays. A provider that is opened over the same directory knows them all.
package process

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

// Variable is the environment variable that every process of a machine carries, with the instance's ID as its value.
const Variable = "SPILLWAY_INSTANCE"

// Config says where machines live and what they run.
type Config struct {
	Dir string // holds a directory and a log for each machine
	// Command starts a machine's agent. ${name}, ${pool}, ${site}, ${server}, ${dir}, ${token} (a file), ${ca} (a file),
	// ${vcpus}, ${memory} (MiB) and ${cpu} stand for what the machine is given.
	Command []string
	CPUs    []int         // that machines are bound to in turn; by default all
	Env     []string      // NAME=VALUE, added to the environment of this process
	Grace   time.Duration // between asking a machine's processes to end and ending them (5 s)
	Log     *slog.Logger
}

// Provider makes processes. It implements provider.Provider.
type Provider struct {
	c    Config
	busy provider.Names // one change of a machine at a time
}

var _ provider.Provider = (*Provider)(nil)

// New returns a provider over a directory, which may hold the machines of an earlier one.
func New(c Config) (*Provider, error) {
	if !filepath.IsAbs(c.Dir) {
		return nil, fault.New(fault.Invalid, "process provider: directory %q is not absolute", c.Dir)
	}
	if len(c.CPUs) == 0 {
		for cpu := range runtime.NumCPU() {
			c.CPUs = append(c.CPUs, cpu)
		}
	}
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "process provider")
	}
	dir, err := filepath.EvalSymlinks(c.Dir) // as the kernel lists mounts
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "process provider")
	}
	c.Dir = dir
	return &Provider{c: c}, nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$`)

func checkName(name string) error {
	if !validName.MatchString(name) {
		return fault.New(fault.Invalid, "%.70q cannot be the name of a machine", name)
	}
	return nil
}

func (p *Provider) dir(name string) string { return filepath.Join(p.c.Dir, name) }

// Create starts the machine's command, unless the machine runs already. What a machine of that name left that runs no more
// is cleared first.
func (p *Provider) Create(ctx context.Context, spec provider.Spec) (provider.Instance, error) {
	if err := checkName(spec.Name); err != nil {
		return provider.Instance{}, err
	}
	if len(p.c.Command) == 0 {
		return provider.Instance{}, fault.New(fault.Invalid, "the pool %s has no command", spec.Pool)
	}
	unlock, err := p.busy.Lock(ctx, spec.Name)
	if err != nil {
		return provider.Instance{}, err
	}
	defer unlock()
	rec, err := p.read(spec.Name)
	switch {
	case err == nil && rec.running():
		return rec.instance(), nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return provider.Instance{}, err
	}
	if err := p.clear(spec.Name); err != nil {
		return provider.Instance{}, err
	}
	rec = record{Name: spec.Name, Pool: spec.Pool, ID: spec.Name + "@" + uuid.NewString(), Created: time.Now().UTC()}
	if err := p.prepare(rec, spec); err != nil {
		return provider.Instance{}, fault.Wrap(fault.Unavailable, err, "prepare machine "+spec.Name)
	}
	if err := p.start(ctx, rec, spec); err != nil {
		return provider.Instance{}, fault.Wrap(fault.Unavailable, err, "start machine "+spec.Name)
	}
	return rec.instance(), nil
}

// Delete ends every process of the machine, detaches what is mounted below its directory, and removes the directory. Its
// log stays. A process that hangs in one of the machine's mounts ends once that is detached.
func (p *Provider) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	unlock, err := p.busy.Lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	rec, err := p.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return p.clear(name)
	}
	if err != nil {
		return err
	}
	if err := EndByEnv(ctx, Variable, rec.ID, p.c.Grace); err != nil {
		if _, detachErr := DetachBelow(p.dir(name)); detachErr != nil || ctx.Err() != nil {
			return errors.Join(err, detachErr)
		}
		if err := EndByEnv(ctx, Variable, rec.ID, 0); err != nil {
			return err
		}
	}
	return p.clear(name)
}

// clear detaches and removes what a machine that does not run left, its record last.
func (p *Provider) clear(name string) error {
	dir := p.dir(name)
	if _, err := DetachBelow(dir); err != nil {
		return fault.Wrap(fault.Unavailable, err, "machine "+name)
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Name() != recordName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if err == nil {
		err = os.RemoveAll(dir)
	}
	return fault.Wrap(fault.Unavailable, err, "machine "+name)
}

// List returns the machines whose records are on disk.
func (p *Provider) List(context.Context) ([]provider.Instance, error) {
	entries, err := os.ReadDir(p.c.Dir)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "process provider")
	}
	var list []provider.Instance
	for _, e := range entries {
		if !e.IsDir() || !validName.MatchString(e.Name()) {
			continue
		}
		rec, err := p.read(e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // being made, or being deleted
		}
		if err != nil {
			return nil, err
		}
		list = append(list, rec.instance())
	}
	return list, nil
}
