package filer

import "time"

// Status describes the filer.
type Status struct {
	Name, Version string
	Started       time.Time
	Exports       []ExportStatus
	Sessions      []SessionStatus
	Cache         CacheStatus
	Locks         LockStatus
}

// ExportStatus describes an export and its traffic, in bytes of file data since the filer's first start.
type ExportStatus struct {
	Path, Origin, OriginError          string
	LockOwner                          string // who decides about locks: "filer", "origin", "undecided" or "nobody"
	ReadDemand, ReadAhead, ReadPrimed  uint64
	Unused, UniqueDemand               uint64
	Written, Calls, Served, ServedHits uint64
	Dirty                              uint64 // acknowledged as unstable, not yet committed
}

// SessionStatus describes a mount session.
type SessionStatus struct {
	ID                   uint64
	Owner, Export        string
	Fenced               bool
	Reason               string
	Opened               time.Time
	Calls, Read, Written uint64
}

// CacheStatus describes the cache disk.
type CacheStatus struct{ Capacity, Used, Inodes, Evicted uint64 }

// Status returns what the filer is doing.
func (f *Filer) Status() Status {
	s := Status{Name: f.cfg.Name, Version: f.cfg.Version, Started: f.started}
	for _, t := range f.targets {
		r := t.traffic.record()
		t.mu.Lock()
		lastErr := t.lastErr
		t.mu.Unlock()
		s.Exports = append(s.Exports, ExportStatus{
			Path: t.path, Origin: t.origin.Describe(), OriginError: lastErr, LockOwner: f.locks.lockOwner(t),
			ReadDemand: r.Demand, ReadAhead: r.Ahead, ReadPrimed: r.Primed,
			Unused: r.UnusedAhead + r.UnusedPrimed, UniqueDemand: r.Unique,
			Written: r.Written, Calls: r.Calls, Served: r.Served, ServedHits: r.ServedCached, Dirty: t.dirty.Load(),
		})
	}
	for _, m := range f.sessions.all() {
		r := m.record()
		s.Sessions = append(s.Sessions, SessionStatus{
			ID: r.ID, Owner: r.Owner, Export: r.Export, Fenced: r.Fenced, Reason: r.Reason, Opened: r.Opened,
			Calls: m.calls.Load(), Read: m.read.Load(), Written: m.written.Load(),
		})
	}
	s.Locks = f.locks.status()
	s.Cache = CacheStatus{
		Capacity: uint64(f.store.cap), Used: uint64(f.store.cache.Bytes()), Inodes: uint64(f.table.len()), Evicted: f.store.evicted.Load(),
	}
	return s
}
