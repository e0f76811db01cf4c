// Package process is the provider whose machines are processes of this one: for trying things out, for tests, and for the
// spare cores of the server.
//
// A machine is everything that a command starts: an agent, its supervisors, renders and mounts. They leave process groups
// and sessions on purpose, so what holds them together is an environment variable that all of them inherit
// (SPILLWAY_INSTANCE), by which they are found in /proc.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
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
	c  Config
	mu sync.Mutex // one change of a machine at a time
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
	return &Provider{c: c}, nil
}

// record is what is kept of a machine on disk, written before its first process starts.
type record struct {
	Name    string    `json:"name"`
	Pool    string    `json:"pool"`
	ID      string    `json:"id"` // NAME@RANDOM
	Created time.Time `json:"created"`
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$`)

func (p *Provider) dir(name string) string { return filepath.Join(p.c.Dir, name) }
func (p *Provider) recordFile(name string) string {
	return filepath.Join(p.dir(name), "instance.json")
}

// Create starts the machine's command, unless the machine runs already.
func (p *Provider) Create(_ context.Context, spec provider.Spec) (provider.Instance, error) {
	if !validName.MatchString(spec.Name) {
		return provider.Instance{}, fault.New(fault.Invalid, "%q cannot be the name of a machine", spec.Name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	rec, err := p.read(spec.Name)
	if err == nil && len(FindByEnv(Variable, rec.ID)) > 0 {
		return rec.instance(), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return provider.Instance{}, err
	}
	rec = record{Name: spec.Name, Pool: spec.Pool, ID: spec.Name + "@" + uuid.NewString(), Created: time.Now().UTC()}
	if err := p.prepare(rec, spec); err != nil {
		return provider.Instance{}, fault.Wrap(fault.Unavailable, err, "prepare machine "+spec.Name)
	}
	if err := p.start(rec, spec); err != nil {
		return provider.Instance{}, fault.Wrap(fault.Unavailable, err, "start machine "+spec.Name)
	}
	return rec.instance(), nil
}

// prepare writes what the command reads, and last the record.
func (p *Provider) prepare(rec record, spec provider.Spec) error {
	dir := p.dir(rec.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "join.token"), []byte(spec.Token+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), spec.CA, 0o600); err != nil {
		return err
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	return os.WriteFile(p.recordFile(rec.Name), data, 0o600)
}

// start runs the command in a session of its own; its output goes to NAME.log beside the machine's directory.
func (p *Provider) start(rec record, spec provider.Spec) error {
	if len(p.c.Command) == 0 {
		return fault.New(fault.Invalid, "the pool %s has no command", spec.Pool)
	}
	log, err := os.OpenFile(p.dir(rec.Name)+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := p.expand(spec)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = p.dir(rec.Name)
	cmd.Env = append(append(os.Environ(), p.c.Env...), Variable+"="+rec.ID)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { // reap it
		err := cmd.Wait()
		p.c.Log.Info("a machine's agent has ended", "machine", rec.Name, "err", err)
	}()
	return nil
}

// expand fills the command's variables in.
func (p *Provider) expand(spec provider.Spec) []string {
	dir := p.dir(spec.Name)
	fill := strings.NewReplacer(
		"${name}", spec.Name, "${pool}", spec.Pool, "${site}", spec.Site, "${server}", spec.Server, "${dir}", dir,
		"${token}", filepath.Join(dir, "join.token"), "${ca}", filepath.Join(dir, "ca.pem"),
		"${vcpus}", strconv.FormatFloat(spec.VCPUs, 'f', -1, 64),
		"${memory}", strconv.FormatUint(spec.Memory, 10),
		"${cpu}", strconv.Itoa(p.c.CPUs[spec.Index%len(p.c.CPUs)]),
	)
	argv := make([]string, len(p.c.Command))
	for i, a := range p.c.Command {
		argv[i] = fill.Replace(a)
	}
	return argv
}

// Delete ends every process of the machine, detaches what is mounted below its directory, and removes the directory. Its
// log stays.
func (p *Provider) Delete(ctx context.Context, name string) error {
	if !validName.MatchString(name) {
		return fault.New(fault.Invalid, "%q cannot be the name of a machine", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	rec, err := p.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := end(ctx, rec.ID, p.c.Grace); err != nil {
		return err
	}
	if _, err := DetachBelow(p.dir(name)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "machine "+name)
	}
	if err := os.RemoveAll(p.dir(name)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "machine "+name)
	}
	return nil
}

// List returns the machines whose records are on disk.
func (p *Provider) List(context.Context) ([]provider.Instance, error) {
	entries, err := os.ReadDir(p.c.Dir)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "process provider")
	}
	var list []provider.Instance
	for _, e := range entries {
		if !e.IsDir() {
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

// Freeze stops every process of a machine, as if time had stopped for it. Thaw lets it go on.
func (p *Provider) Freeze(name string) error { return p.signal(name, syscall.SIGSTOP) }

// Thaw lets a frozen machine go on.
func (p *Provider) Thaw(name string) error { return p.signal(name, syscall.SIGCONT) }

// Kill is a power failure: every process is stopped first, so that none sees another die, and then killed. What was
// mounted stays behind, dead; Delete clears it.
func (p *Provider) Kill(name string) error {
	if err := p.signal(name, syscall.SIGSTOP); err != nil {
		return err
	}
	return p.signal(name, syscall.SIGKILL)
}

// signal sends a signal to every process of a machine, and again to those that were started meanwhile.
func (p *Provider) signal(name string, sig syscall.Signal) error {
	rec, err := p.read(name)
	if err != nil {
		return fault.Wrap(fault.NotFound, err, "machine "+name)
	}
	told := map[int]bool{}
	for {
		fresh := false
		for _, pid := range FindByEnv(Variable, rec.ID) {
			if !told[pid] {
				told[pid], fresh = true, true
				_ = syscall.Kill(pid, sig) // gone meanwhile: good
			}
		}
		if !fresh {
			return nil
		}
	}
}

func (p *Provider) read(name string) (record, error) {
	var rec record
	data, err := os.ReadFile(p.recordFile(name))
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(data, &rec); err != nil || !strings.HasPrefix(rec.ID, name+"@") {
		return rec, fault.New(fault.Internal, "the record of machine %s is damaged: %v", name, err)
	}
	return rec, nil
}

func (r record) instance() provider.Instance {
	return provider.Instance{Name: r.Name, Pool: r.Pool, ID: r.ID, Created: r.Created, Running: len(FindByEnv(Variable, r.ID)) > 0}
}
