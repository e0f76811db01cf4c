package server

import (
	"context"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/server/effect"
	"github.com/spillway/spillway/internal/server/join"
)

const (
	bootWithin  = time.Hour // how long the token of a new machine is good
	sweepEvery  = time.Minute
	createLimit = 2 * time.Minute // of one call to a provider
)

// machines are the pools' providers.
type machines struct {
	providers map[farm.PoolID]provider.Provider

	// busy has a machine's calls one after the other: a create that was called off may still be on its way, and a deletion
	// must not overtake it.
	busy provider.Names

	// mu guards places: the position in its pool that each machine was given, which decides about its CPUs or zone.
	mu     sync.Mutex
	places map[farm.PoolID]map[farm.NodeID]int
}

// newMachines makes the providers that the configuration names, for the farm with that CA (PEM).
func newMachines(c *Config, ca []byte) (*machines, error) {
	m := &machines{providers: map[farm.PoolID]provider.Provider{}, places: map[farm.PoolID]map[farm.NodeID]int{}}
	for i := range c.Pools {
		p := &c.Pools[i]
		made, err := c.provider(p, ca)
		if err != nil {
			return nil, err
		}
		m.providers[farm.PoolID(p.Name)] = made
	}
	return m, nil
}

// place returns a machine's position in its pool: the lowest that no other has.
func (m *machines) place(pool farm.PoolID, node farm.NodeID) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	places := m.places[pool]
	if places == nil {
		places = map[farm.NodeID]int{}
		m.places[pool] = places
	}
	if at, ok := places[node]; ok {
		return at
	}
	taken := map[int]bool{}
	for _, at := range places {
		taken[at] = true
	}
	at := 0
	for taken[at] {
		at++
	}
	places[node] = at
	return at
}

func (m *machines) leave(pool farm.PoolID, node farm.NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.places[pool], node)
}

func (m *machines) of(pool farm.PoolID) (provider.Provider, error) {
	if p := m.providers[pool]; p != nil {
		return p, nil
	}
	err := fault.New(fault.Unavailable, "pool %s is not configured", pool)
	return nil, fault.WithHint(err, "its machines are still recorded: add the pool to the configuration again, with max: 0")
}

// creation asks a provider for a machine. Each try gives it a new token.
func (s *Server) creation(o farm.OwedCreate) effect.Effect {
	node := o.Node
	return effect.Effect{
		Key: "create/" + string(node.ID), Lane: "create/" + string(node.Pool),
		Do: func(ctx context.Context) error {
			p, err := s.machines.of(node.Pool)
			if err != nil {
				return err
			}
			token, err := s.joins.Mint(join.Grant{
				Role: identity.RoleAgent, Names: string(node.ID), Site: node.Site, Pool: node.Pool, Expires: time.Now().Add(bootWithin),
			}, time.Now())
			if err != nil {
				return err
			}
			unlock, err := s.machines.busy.Lock(ctx, string(node.ID))
			if err != nil {
				return err
			}
			defer unlock()
			call, cancel := context.WithTimeout(ctx, createLimit)
			defer cancel()
			made, err := p.Create(call, provider.Spec{
				Name: string(node.ID), Pool: string(node.Pool), Site: string(node.Site), Server: s.url(), Token: token, CA: s.ca.PEM(),
				VCPUs: node.Capacity.VCPUs, Memory: node.Capacity.MemoryMiB, Index: s.machines.place(node.Pool, node.ID),
			})
			if err != nil {
				return err
			}
			_, err = s.loop.Do(ctx, farm.NodeCreated{Node: node.ID, Instance: made.ID})
			return err
		},
		Failed: func(ctx context.Context, tries int, err error) {
			kind := fault.KindOf(err)
			final := kind == fault.Exhausted || kind == fault.Denied || kind == fault.Invalid
			if final || often(tries) {
				s.tell(ctx, farm.NodeCreateFailed{Node: node.ID, Reason: err.Error(), Final: final})
			}
		},
	}
}

// deletion has a provider take a machine away until it is confirmed gone.
func (s *Server) deletion(node farm.Node) effect.Effect {
	return effect.Effect{
		Key: "delete/" + string(node.ID), Lane: "delete/" + string(node.Pool),
		Do: func(ctx context.Context) error {
			p, err := s.machines.of(node.Pool)
			if err != nil {
				return err
			}
			unlock, err := s.machines.busy.Lock(ctx, string(node.ID))
			if err != nil {
				return err
			}
			defer unlock()
			call, cancel := context.WithTimeout(ctx, createLimit)
			defer cancel()
			if err := p.Delete(call, string(node.ID)); err != nil {
				return err
			}
			s.machines.leave(node.Pool, node.ID)
			_, err = s.loop.Do(ctx, farm.NodeDeleteConfirmed{Node: node.ID, Reason: node.Reason})
			return err
		},
	}
}

// sweep deletes machines that no record wants: what a create left behind whose record was never committed or is long gone.
func (s *Server) sweep(ctx context.Context) {
	for {
		for pool, p := range s.machines.providers {
			if err := s.sweepPool(ctx, pool, p); err != nil && ctx.Err() == nil {
				s.config.Log.Warn("can't look for stray machines", "pool", pool, "error", err)
			}
		}
		select {
		case <-time.After(sweepEvery):
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) sweepPool(ctx context.Context, pool farm.PoolID, p provider.Provider) error {
	call, cancel := context.WithTimeout(ctx, createLimit)
	defer cancel()
	have, err := p.List(call)
	if err != nil {
		return err
	}
	for _, machine := range have {
		wanted, boots := false, false
		err := s.loop.View(ctx, func(f *farm.Farm) {
			n, ok := f.Node(farm.NodeID(machine.Name))
			wanted = ok && n.State != farm.NodeDeleted
			boots = ok && (n.State == farm.NodeCreating || n.State == farm.NodeStarting)
		})
		if err != nil {
			return err
		}
		if boots && machine.Failure != nil {
			s.tell(ctx, farm.NodeDrain{Node: farm.NodeID(machine.Name), Stop: true, Reason: "its machine failed: " + machine.Failure.Error()})
		}
		if !wanted {
			s.config.Log.Warn("deleting a machine that no record wants", "pool", pool, "machine", machine.Name)
			if err := p.Delete(call, machine.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
