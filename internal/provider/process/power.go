package process

import (
	"context"
	"syscall"

	"github.com/spillway/spillway/internal/fault"
)

// Freeze stops every process of a machine, as if time had stopped for it. Thaw lets it go on.
func (p *Provider) Freeze(name string) error { return p.signal(name, syscall.SIGSTOP) }

// Thaw lets a frozen machine go on.
func (p *Provider) Thaw(name string) error { return p.signal(name, syscall.SIGCONT) }

// Kill is a power failure. It returns when no process is left. What was mounted stays behind, dead; Delete clears it.
func (p *Provider) Kill(name string) error {
	id, err := p.idOf(name)
	if err != nil {
		return err
	}
	return PowerOff(context.Background(), Variable, id)
}

// signal sends a signal to every process of a machine.
func (p *Provider) signal(name string, sig syscall.Signal) error {
	id, err := p.idOf(name)
	if err == nil {
		signalByEnv(Variable, id, sig)
	}
	return err
}

// idOf returns the instance's ID of a machine. An unknown machine is fault.NotFound.
func (p *Provider) idOf(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	rec, err := p.read(name)
	return rec.ID, fault.Wrap(fault.NotFound, err, "machine "+name)
}

// PowerOff ends every process that FindByEnv finds the way a power failure does: all are stopped before the first is
// killed, so that none sees another die.
func PowerOff(ctx context.Context, variable, value string) error {
	signalByEnv(variable, value, syscall.SIGSTOP)
	return EndByEnv(ctx, variable, value, 0)
}

// signalByEnv sends a signal to every process that FindByEnv finds, and to those that were started meanwhile.
func signalByEnv(variable, value string, sig syscall.Signal) {
	told := map[int]bool{}
	for fresh := true; fresh; {
		fresh = false
		for _, pid := range FindByEnv(variable, value) {
			if !told[pid] {
				told[pid], fresh = true, true
				_ = syscall.Kill(pid, sig) // gone meanwhile: good
			}
		}
	}
}
