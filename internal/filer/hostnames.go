package filer

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/fault"
)

// How often the names in host rules are looked up, and how long one may take.
const (
	nameInterval = time.Minute
	nameTimeout  = 5 * time.Second
)

// applyPolicies compiles the policies with the addresses that host names have now, and gives each export its own. A name
// that cannot be looked up keeps the addresses it had; one that never had any matches nobody.
func (f *Filer) applyPolicies(ctx context.Context) error {
	f.policyMu.Lock()
	defer f.policyMu.Unlock()
	f.lookUpNames(ctx)
	compiled := map[string]*policy{}
	for name, rules := range f.policyRules {
		p, err := newPolicy(rules, f.hostAddrs)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "policy "+name)
		}
		compiled[name] = p
	}
	f.hasPolicies.Store(len(compiled) > 0)
	for _, e := range f.exports {
		if !e.pseudo {
			e.policy.Store(compiled[e.policyName])
		}
	}
	return nil
}

// lookUpNames asks the name service for all names. Called with policyMu held.
func (f *Filer) lookUpNames(ctx context.Context) {
	names := map[string]bool{}
	for _, rules := range f.policyRules {
		for i := range rules {
			if r, err := rules[i].parse(); err == nil && r.hostName != "" {
				names[r.hostName] = true
			}
		}
	}
	type answer struct {
		name  string
		addrs []netip.Addr
	}
	answers := make(chan answer, len(names))
	var g errgroup.Group
	g.SetLimit(16)
	for name := range names {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, nameTimeout)
			defer cancel()
			addrs, err := f.cfg.resolve(ctx, name)
			if err != nil {
				f.log.Warn("a host of an export policy cannot be looked up", "host", name, "error", err)
				return nil
			}
			answers <- answer{name, addrs}
			return nil
		})
	}
	_ = g.Wait() // its functions return nothing
	close(answers)
	for a := range answers {
		f.hostAddrs[a.name] = a.addrs
	}
}

// watchNames follows changes of the name service until ctx ends.
func (f *Filer) watchNames(ctx context.Context) {
	tick := time.NewTicker(nameInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !f.namesHosts() {
				continue
			}
			if err := f.applyPolicies(ctx); err != nil {
				f.log.Error("export policies", "error", err)
			}
		}
	}
}

// namesHosts says whether a rule names a host by its name.
func (f *Filer) namesHosts() bool {
	f.policyMu.Lock()
	defer f.policyMu.Unlock()
	for _, rules := range f.policyRules {
		if slices.ContainsFunc(rules, func(r PolicyRule) bool {
			p, err := r.parse()
			return err == nil && p.hostName != ""
		}) {
			return true
		}
	}
	return false
}
