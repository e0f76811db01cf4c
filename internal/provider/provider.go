// Package provider is the seam to whatever makes machines: a cloud's scale sets, a cluster, or this machine.
//
// The server's node records are the only source of truth. A provider makes what a record asks for and takes away what a
// record no longer wants; it decides nothing. Every implementation passes providertest.
package provider

import (
	"context"
	"time"
)

// Provider makes and deletes machines. Its methods may be called concurrently, also for the same name, and are repeated
// after a restart of the server: each is idempotent by the machine's name.
type Provider interface {
	// Create asks for a machine. It returns when the provider has accepted it; its agent joins later. A machine of that
	// name that exists already is returned as it is. Errors: Exhausted (quota, no capacity), Denied, Invalid (the spec),
	// Unavailable (ask again).
	Create(ctx context.Context, spec Spec) (Instance, error)

	// Delete takes the machine away and returns when it is confirmed gone: nothing of it runs any more. An unknown name is
	// gone already. An error means that nobody knows; ask again.
	Delete(ctx context.Context, name string) error

	// List returns every machine that the provider holds for this farm, also those nobody asked for any more.
	List(ctx context.Context) ([]Instance, error)
}

// Spec is a machine to make.
type Spec struct {
	Name   string // the node's; letters, digits, dots and dashes
	Pool   string
	Site   string
	Server string // URL that the agent dials
	Token  string // one-time join token; a secret
	CA     []byte // PEM of the farm's CA
	VCPUs  float64
	Memory uint64 // MiB
	Index  int    // position in the pool, from 0: which CPUs to use, which zone
}

// Instance is a machine that exists.
type Instance struct {
	Name    string
	Pool    string
	ID      string // the provider's own name of it
	Running bool   // false: it exists, but nothing runs on it
	Created time.Time
	Failure error // why it will never run, where the provider learned that after it had accepted the machine; nil: it runs, or may yet
}
