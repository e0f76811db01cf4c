package filer

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// followReloads applies each new configuration until ctx ends or there are no more.
func (f *Filer) followReloads(ctx context.Context, now File, reload <-chan File) {
	for {
		select {
		case <-ctx.Done():
			return
		case next, ok := <-reload:
			if !ok {
				return
			}
			ignored, err := f.Reload(ctx, now, next)
			if err != nil {
				f.log.Error("the configuration was not loaded again", "error", err)
				continue
			}
			f.log.Info("the configuration was loaded again", "atTheNextStart", strings.Join(ignored, ", "))
			now = next
		}
	}
}

// Reload changes a running filer from one configuration to another: export policies, and how long what is known of
// targets is trusted. It returns what else differs and waits for the next start. After an error nothing has changed.
func (f *Filer) Reload(ctx context.Context, now, next File) (ignored []string, err error) {
	if next.Name == "" {
		next.Name = now.Name
	}
	if err := next.check(); err != nil {
		return nil, err
	}
	cfg := Config{Policies: next.Policies}
	verify := map[string]time.Duration{}
	for i := range next.Exports {
		e := &next.Exports[i]
		after, _, _, err := e.timers()
		if err != nil {
			return nil, err
		}
		if _, known := verify[e.target()]; !known { // the first export speaks for the target
			verify[e.target()] = after
		}
		cfg.Exports = append(cfg.Exports, Export{Path: e.Path, Policy: e.Policy})
	}
	if err := cfg.choosePolicies(); err != nil {
		return nil, err
	}
	if err := f.changePolicies(ctx, cfg); err != nil {
		return nil, err
	}
	f.reloadGroups()
	for _, t := range f.targets {
		after, known := verify[t.name]
		if !known {
			continue
		}
		if after == 0 {
			after = defaultVerify
		}
		t.verify.Store(int64(after))
	}
	return differences(now, next), nil
}

// changePolicies puts other rules, and another choice of them, in place of those at work; all or, on an error, nothing.
func (f *Filer) changePolicies(ctx context.Context, cfg Config) error {
	for name, rules := range cfg.Policies {
		if _, err := newPolicy(rules, nil); err != nil {
			return fault.Wrap(fault.Invalid, err, "policy "+name)
		}
	}
	f.policyMu.Lock()
	f.policyRules = cfg.Policies
	for _, e := range f.exports {
		for _, x := range cfg.Exports {
			if x.Path == e.path {
				e.policyName = x.Policy
			}
		}
	}
	f.policyMu.Unlock()
	return f.applyPolicies(ctx)
}

// differences names what a reload leaves as it is.
func differences(now, next File) []string {
	var out []string
	add := func(name string, same bool) {
		if !same {
			out = append(out, name)
		}
	}
	add("name", now.Name == next.Name)
	add("listen", now.Listen == next.Listen)
	add("control", now.Control == next.Control)
	add("metrics", now.Metrics == next.Metrics)
	add("hosts", slices.Equal(now.Hosts, next.Hosts))
	add("cacheDir", now.CacheDir == next.CacheDir)
	add("cacheSize", now.CacheSize == next.CacheSize)
	add("allowPlain", (now.AllowPlain == nil || *now.AllowPlain) == (next.AllowPlain == nil || *next.AllowPlain))
	add("groups", equal(now.Groups, next.Groups))
	add("server", now.Server == next.Server)
	had := map[string]ExportFile{}
	for _, e := range now.Exports {
		had[e.Path] = e
	}
	for _, e := range next.Exports {
		old, ok := had[e.Path]
		same := ok && old.Origin == e.Origin && equal(old.S3, e.S3) && equal(old.AzBlob, e.AzBlob) && equal(old.ObjectDefaults, e.ObjectDefaults) &&
			old.TargetPath == e.TargetPath && old.ParentControl == e.ParentControl && old.Block == e.Block && equal(old.ReadAhead, e.ReadAhead) &&
			equal(old.Outage, e.Outage) && old.writeBackDelay() == e.writeBackDelay() && old.LocalDirectories == e.LocalDirectories
		add("export "+e.Path, same)
		delete(had, e.Path)
	}
	for _, p := range slices.Sorted(maps.Keys(had)) {
		add("export "+p, false)
	}
	return out
}

// equal compares what may be left out.
func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }
