// Package memory is a store without a disk: for tests, and for a farm that need not survive its server.
package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/store"
)

const (
	keepEvents = 100_000
	mostAtOnce = 10_000
)

// Disk is what survives a store's end. The zero value is empty and ready.
type Disk struct {
	// mu guards all below.
	mu      sync.Mutex
	epoch   uint64
	tables  map[string]map[string][]byte // table → key → JSON, as a database would keep it
	events  []farm.Event
	lastSeq uint64
}

// Store is one server's use of a Disk.
type Store struct{ disk *Disk }

var _ store.Store = (*Store)(nil)

// Open returns a store over the disk.
func Open(d *Disk) *Store { return &Store{d} }

// Close does nothing.
func (s *Store) Close() error { return nil }

// Lead takes leadership.
func (s *Store) Lead(ctx context.Context) (uint64, error) {
	if ctx.Err() != nil {
		return 0, fault.Wrap(fault.Unavailable, context.Cause(ctx), "take the leadership")
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.disk.epoch++
	return s.disk.epoch, nil
}

// Commit writes a batch.
func (s *Store) Commit(ctx context.Context, epoch uint64, b farm.Batch) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, context.Cause(ctx), "write the farm's changes")
	}
	d := s.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch != epoch {
		return store.ErrDeposed
	}
	next := map[string]map[string][]byte{}
	for name, table := range d.tables {
		next[name] = maps.Clone(table)
	}
	if err := encode(next, &b); err != nil {
		return fault.Wrap(fault.Internal, err, "write the farm's changes")
	}
	d.tables = next
	d.events = append(d.events, b.Events...)
	if n := len(b.Events); n > 0 {
		d.lastSeq = b.Events[n-1].Seq
	}
	if extra := len(d.events) - keepEvents; extra > 0 {
		d.events = slices.Delete(d.events, 0, extra)
	}
	return nil
}

func encode(tables map[string]map[string][]byte, b *farm.Batch) error {
	put := func(table string, record any, key ...any) error {
		text, err := json.Marshal(record)
		if err != nil {
			return err
		}
		if tables[table] == nil {
			tables[table] = map[string][]byte{}
		}
		tables[table][fmt.Sprint(key...)] = text
		return nil
	}
	var err error
	each := func(n int, one func(i int) error) {
		for i := 0; i < n && err == nil; i++ {
			err = one(i)
		}
	}
	each(len(b.Specs), func(i int) error { return put("specs", b.Specs[i], b.Specs[i].Job) })
	each(len(b.Jobs), func(i int) error { return put("jobs", b.Jobs[i], b.Jobs[i].ID) })
	each(len(b.Steps), func(i int) error {
		return put("steps", b.Steps[i], fmt.Sprintf("%s/%08d", b.Steps[i].Job, b.Steps[i].StepRef.Step))
	})
	each(len(b.Attempts), func(i int) error { return put("attempts", b.Attempts[i], b.Attempts[i].ID) })
	each(len(b.Sessions), func(i int) error { return put("sessions", b.Sessions[i], b.Sessions[i].ID) })
	each(len(b.Nodes), func(i int) error { return put("nodes", b.Nodes[i], b.Nodes[i].ID) })
	each(len(b.Pools), func(i int) error { return put("pools", b.Pools[i], b.Pools[i].ID) })
	each(len(b.Primings), func(i int) error {
		return put("primings", b.Primings[i], fmt.Sprintf("%s/%s", b.Primings[i].Job, b.Primings[i].Filer))
	})
	each(len(b.Decisions), func(i int) error { return put("decisions", b.Decisions[i], b.Decisions[i].ID) })
	each(len(b.Limits), func(i int) error { return put("limits", b.Limits[i], b.Limits[i].ID) })
	each(len(b.Queues), func(i int) error { return put("queues", b.Queues[i], b.Queues[i].ID) })
	each(len(b.Users), func(i int) error { return put("users", b.Users[i], b.Users[i].ID) })
	each(len(b.APITokens), func(i int) error { return put("tokens", b.APITokens[i], b.APITokens[i].ID) })
	each(len(b.Budgets), func(i int) error { return put("budgets", b.Budgets[i], b.Budgets[i].ID) })
	each(len(b.Uses), func(i int) error {
		u := &b.Uses[i]
		return put("uses", u, fmt.Sprintf("%020d/%s/%s", u.Hour.Unix(), u.Job, u.Node))
	})
	each(len(b.Deeds), func(i int) error { return put("audit", b.Deeds[i], b.Deeds[i].ID) })
	for _, id := range b.OldUsers {
		delete(tables["users"], string(id))
	}
	for _, id := range b.OldBudgets {
		delete(tables["budgets"], string(id))
	}
	for _, id := range b.OldAPITokens {
		delete(tables["tokens"], id)
	}
	for _, id := range b.OldQueues {
		delete(tables["queues"], string(id))
	}
	for _, id := range b.OldLimits {
		delete(tables["limits"], string(id))
	}
	for _, id := range b.EndedSessions {
		delete(tables["sessions"], string(id))
	}
	for _, id := range b.OldDecisions {
		delete(tables["decisions"], id)
	}
	return err
}

// Load returns all records.
func (s *Store) Load(ctx context.Context) (*farm.Records, error) {
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "read the farm")
	}
	d := s.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &farm.Records{LastSeq: d.lastSeq}
	err := cmp.Or(
		decode(d, "specs", &r.Specs), decode(d, "jobs", &r.Jobs), decode(d, "steps", &r.Steps),
		decode(d, "attempts", &r.Attempts), decode(d, "sessions", &r.Sessions), decode(d, "nodes", &r.Nodes),
		decode(d, "pools", &r.Pools), decode(d, "primings", &r.Primings), decode(d, "decisions", &r.Decisions), decode(d, "limits", &r.Limits),
		decode(d, "queues", &r.Queues), decode(d, "budgets", &r.Budgets), decode(d, "users", &r.Users), decode(d, "tokens", &r.APITokens),
	)
	if err != nil {
		return nil, err
	}
	if err := decode(d, "uses", &r.Uses); err != nil {
		return nil, err
	}
	for len(r.Uses) > 0 && r.Uses[0].Hour.Before(r.Uses[len(r.Uses)-1].Hour) {
		r.Uses = r.Uses[1:]
	}
	return r, nil
}

// Uses returns the ledger of work of a time.
func (s *Store) Uses(ctx context.Context, from, to time.Time) ([]farm.Use, error) {
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "read the ledger")
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	var all []farm.Use
	err := decode(s.disk, "uses", &all)
	return slices.DeleteFunc(all, func(u farm.Use) bool { return u.Hour.Before(from) || !u.Hour.Before(to) }), err
}

func decode[T any](d *Disk, table string, into *[]T) error {
	rows := d.tables[table]
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		var record T
		if err := json.Unmarshal(rows[key], &record); err != nil {
			return fault.New(fault.Internal, "%s %s cannot be read: %w", table, key, err)
		}
		*into = append(*into, record)
	}
	return nil
}

// Events returns the history after a sequence number.
func (s *Store) Events(ctx context.Context, after uint64, limit int) ([]farm.Event, error) {
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "read the history")
	}
	if limit < 1 || limit > mostAtOnce {
		return nil, fault.New(fault.Invalid, "%d events at once, 1 to %d are allowed", limit, mostAtOnce)
	}
	d := s.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	i, _ := slices.BinarySearchFunc(d.events, after, func(e farm.Event, after uint64) int {
		if e.Seq <= after {
			return -1
		}
		return 1
	})
	return slices.Clone(d.events[i:min(len(d.events), i+limit)]), nil
}

// Deeds returns lines of the audit, newest first.
func (s *Store) Deeds(ctx context.Context, q farm.DeedFilter) ([]farm.Deed, error) {
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Unavailable, context.Cause(ctx), "read the audit")
	}
	if err := q.Validate(); err != nil {
		return nil, err
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	var all, out []farm.Deed
	if err := decode(s.disk, "audit", &all); err != nil {
		return nil, err
	}
	for i := range slices.Backward(all) {
		if len(out) < q.Limit && q.Fits(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out, nil
}
