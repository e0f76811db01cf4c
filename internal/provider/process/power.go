package process

import (
	"context"
	"syscall"

	"github.com/spillway/spillway/internal/fault"
)

// Freeze stops every process of a machine, as if time had stopped for it. Thaw lets it go on.
func (p *Provider) Freeze(name string) error {
	_, err := p.signal(name, syscall.SIGSTOP)
	return err
}

// Thaw lets a frozen machine go on.
func (p *Provider) Thaw(name string) error {
	_, err := p.signal(name, syscall.SIGCONT)
	return err
}

// Kill is a power failure: every process is stopped first, so that none sees another die, and then killed. It returns
// when none is left. What was mounted stays behind, dead; Delete clears it.
func (p *Provider) Kill(name string) error {
	id, err := p.signal(name, syscall.SIGSTOP)
	if err != nil {
		return err
	}
	return EndByEnv(context.Background(), Variable, id, 0)
}

// signal sends a signal to every process of a machine, and again to those that were started meanwhile. It returns the
// instance's ID. An unknown machine is fault.NotFound.
func (p *Provider) signal(name string, sig syscall.Signal) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	rec, err := p.read(name)
	if err != nil {
		return "", fault.Wrap(fault.NotFound, err, "machine "+name)
	}
	told := map[int]bool{}
	for fresh := true; fresh; {
		fresh = false
		for _, pid := range FindByEnv(Variable, rec.ID) {
			if !told[pid] {
				told[pid], fresh = true, true
				_ = syscall.Kill(pid, sig) // gone meanwhile: good
			}
		}
	}
	return rec.ID, nil
}
