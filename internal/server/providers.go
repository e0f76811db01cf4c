package server

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/azure"
	"github.com/spillway/spillway/internal/provider/kube"
	"github.com/spillway/spillway/internal/provider/process"
)

// The kinds of provider that a pool can name.
const (
	providerProcess = "process" // the default
	providerAzure   = "azure"
	providerKube    = "kube"
)

// checkProvider reports what a pool's provider lacks.
func (c *Config) checkProvider(p *Pool) error {
	if c.Providers[p.Name] != nil {
		return nil
	}
	switch p.Provider {
	case "", providerProcess:
		if len(p.Command) == 0 {
			return fault.New(fault.Invalid, "pool %q of the process provider has no command", p.Name)
		}
	case providerAzure:
		if p.Azure == nil {
			return fault.WithHint(fault.New(fault.Invalid, "pool %q of the azure provider does not say what its machines are", p.Name),
				"add azure: with subscription, resourceGroup, location, size, image and subnet")
		}
	case providerKube:
		if p.Kube == nil {
			return fault.WithHint(fault.New(fault.Invalid, "pool %q of the kube provider does not say what its pods are", p.Name),
				"add kube: with namespace and image")
		}
	default:
		return fault.New(fault.Invalid, "pool %q has the provider %q; this release has: %s, %s and %s",
			p.Name, p.Provider, providerProcess, providerAzure, providerKube)
	}
	return nil
}

// provider makes a pool's provider.
func (c *Config) provider(p *Pool, ca []byte) (provider.Provider, error) {
	log := c.Log.With("pool", p.Name)
	switch {
	case c.Providers[p.Name] != nil:
		return c.Providers[p.Name], nil
	case p.Provider == providerAzure:
		return azure.New(azure.Config{Spec: *p.Azure, Farm: farmTag(ca), Pool: p.Name, Spot: p.Spot, Log: log})
	case p.Provider == providerKube:
		return kube.New(kube.Config{Spec: *p.Kube, Farm: farmTag(ca), Pool: p.Name, GPUs: p.Capacity.GPUs, Log: log})
	default:
		return process.New(process.Config{Dir: filepath.Join(c.Dir, "pools", p.Name), Command: p.Command, CPUs: p.CPUs, Log: log})
	}
}

// farmTag tells this farm's machines from those of others at the same provider. It lasts as long as the farm's CA.
func farmTag(ca []byte) string {
	sum := sha256.Sum256(ca)
	return hex.EncodeToString(sum[:4])
}
