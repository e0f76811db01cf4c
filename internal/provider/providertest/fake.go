package providertest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

// Op names a provider's method.
type Op string

// The methods.
const (
	OpCreate Op = "create"
	OpDelete Op = "delete"
	OpList   Op = "list"
)

// Fake is a provider in memory that fails as it is told. The zero value is ready. Set the hooks before its first use.
type Fake struct {
	// Refuse, if set, is asked before a call is carried out; its error is the call's, and nothing happens.
	Refuse func(op Op, name string) error
	// Lose, if set, is asked after a call has been carried out; with an error the reply is lost: the caller gets the error,
	// and the machine is there or gone all the same.
	Lose func(op Op, name string) error

	mu       sync.Mutex
	machines map[string]provider.Instance // guarded by mu
	made     int                          // guarded by mu
	calls    []string                     // guarded by mu
}

var _ provider.Provider = (*Fake)(nil)

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$`)

// Create makes a machine that runs at once.
func (f *Fake) Create(ctx context.Context, spec provider.Spec) (provider.Instance, error) {
	var out provider.Instance
	if !validName.MatchString(spec.Name) {
		return out, fault.New(fault.Invalid, "%q cannot be the name of a machine", spec.Name)
	}
	err := f.call(ctx, OpCreate, spec.Name, func() {
		made, exists := f.machines[spec.Name]
		if !exists {
			if f.machines == nil {
				f.machines = map[string]provider.Instance{}
			}
			f.made++
			made = provider.Instance{
				Name: spec.Name, Pool: spec.Pool, ID: fmt.Sprintf("%s@%d", spec.Name, f.made), Running: true, Created: time.Now(),
			}
			f.machines[spec.Name] = made
		}
		out = made
	})
	if err != nil {
		return provider.Instance{}, err
	}
	return out, nil
}

// Delete takes a machine away.
func (f *Fake) Delete(ctx context.Context, name string) error {
	return f.call(ctx, OpDelete, name, func() { delete(f.machines, name) })
}

// List lists the machines by name.
func (f *Fake) List(ctx context.Context) ([]provider.Instance, error) {
	var list []provider.Instance
	err := f.call(ctx, OpList, "", func() {
		for _, m := range f.machines {
			list = append(list, m)
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b provider.Instance) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// call carries one call out under the hooks.
func (f *Fake) call(ctx context.Context, op Op, name string, do func()) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, string(op))
	}
	if f.Refuse != nil {
		if err := f.Refuse(op, name); err != nil {
			f.note(op, name, "refused")
			return err
		}
	}
	f.mu.Lock()
	do()
	f.mu.Unlock()
	f.note(op, name, "done")
	if f.Lose != nil {
		return f.Lose(op, name)
	}
	return nil
}

func (f *Fake) note(op Op, name, how string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintf("%s %s %s", how, op, name)))
}

// Calls returns what was called so far, in order: "done create n1", "refused delete n1", "done list".
func (f *Fake) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Evict takes a machine away without being asked, as a cloud does with spot machines.
func (f *Fake) Evict(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.machines, name)
}

// PowerOff lets a machine exist on, with nothing running on it.
func (f *Fake) PowerOff(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m, ok := f.machines[name]; ok {
		m.Running = false
		f.machines[name] = m
	}
}

// Runs reports whether a machine runs.
func (f *Fake) Runs(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.machines[name].Running
}
