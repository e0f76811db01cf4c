package filer

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// defaultVerify is how long names and attributes are trusted where nothing else is said.
const defaultVerify = 30 * time.Second

// check validates the configuration and fills in defaults.
func (c *Config) check() error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.resolve == nil {
		c.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if c.Name == "" {
		c.Name = "filer"
	}
	if c.Capacity == 0 {
		c.Capacity = 10 << 30
	}
	if c.CacheDir == "" {
		return fault.New(fault.Invalid, "a filer needs a cache directory")
	}
	if len(c.Exports) == 0 {
		return fault.WithHint(fault.New(fault.Invalid, "a filer needs an export"), "for example --export /nas=posix:/srv/nas")
	}
	seen := map[string]bool{}
	for i := range c.Exports {
		e := &c.Exports[i]
		if err := e.check(); err != nil {
			return err
		}
		if seen[e.Path] {
			return fault.New(fault.Invalid, "export %s is there twice", e.Path)
		}
		seen[e.Path] = true
	}
	return c.choosePolicies()
}

// choosePolicies gives each export the policy that holds for it.
func (c *Config) choosePolicies() error {
	for i := range c.Exports {
		e := &c.Exports[i]
		if _, ok := c.Policies[e.Policy]; !ok && e.Policy != "" {
			return fault.New(fault.Invalid, "export %s: there is no policy %q", e.Path, e.Policy)
		}
		if _, ok := c.Policies["default"]; ok && e.Policy == "" {
			e.Policy = "default"
		}
	}
	return nil
}

func (e *Export) check() error {
	if err := checkPath(e.Path); err != nil {
		return err
	}
	e.Sub = path.Join("/", e.Sub)
	if e.Origin == nil && e.Open == nil {
		return fault.New(fault.Invalid, "export %s has no origin", e.Path)
	}
	switch {
	case e.Verify == 0:
		e.Verify = defaultVerify
	case e.Verify < 0:
		return fault.New(fault.Invalid, "export %s: verify must be positive", e.Path)
	}
	if e.WriteBack < 0 {
		return fault.New(fault.Invalid, "export %s: the write-back delay is negative", e.Path)
	}
	if e.Block == 0 {
		e.Block = 256 << 10
	}
	if e.Block < 64<<10 || e.Block > 1<<20 || e.Block&(e.Block-1) != 0 {
		return fault.New(fault.Invalid, "export %s: block must be a power of two from 64KiB to 1MiB", e.Path)
	}
	if e.Outage == 0 {
		e.Outage = defaultOutage
	}
	if e.ReadAhead == 0 {
		e.ReadAhead = 32 << 20 // of a gigabit over a tenth of a second, twice
	}
	return nil
}

// checkPath checks a path of the namespace at which an export is to stand.
func checkPath(p string) error {
	if !strings.HasPrefix(p, "/") || p != path.Clean(p) || within(p, path.Clean(sessionPrefix)) || strings.ContainsRune(p, 0) {
		return fault.New(fault.Invalid, "export path %q must be absolute and clean, such as /nas", p)
	}
	if len(p) > 255 {
		return fault.New(fault.Invalid, "export path %q is longer than 255 bytes", p)
	}
	return nil
}
