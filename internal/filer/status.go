package filer

import (
	"slices"
	"time"

	"github.com/spillway/spillway/internal/filer/meter"
)

// Status describes the filer.
type Status struct {
	Name, Version string
	Started       time.Time
	Exports       []ExportStatus
	Sessions      []SessionStatus
	Dirty         DirtyStatus
	Cache         CacheStatus
	Locks         LockStatus
	Connections   int64             // of clients
	Calls         []ProcedureStatus // NFS procedures that were called since the start
	HotFiles      []HotFile         // those used most at present, the hottest first
	HotClients    []HotClient
}

// ProcedureStatus describes the calls of one procedure since the filer's start.
type ProcedureStatus struct {
	Name    string
	Latency meter.Latency
	Refused map[string]uint64 `json:",omitempty"` // calls by the status they were answered with, without OK
}

// OperationStatus describes what an origin was asked since the filer's start.
type OperationStatus struct {
	Name    string
	Latency meter.Latency
}

// HotFile is a file that is used much, and how much a second.
type HotFile struct {
	Export, Path string // Path is "" where no client has asked for the file by name since it came into memory
	Inode        uint64
	Calls, Bytes float64
}

// HotClient is a client that does much, and how much a second.
type HotClient struct {
	Address      string
	Node         string // whose mount session it uses, if any
	Calls, Bytes float64
}

// ExportStatus describes an export and its traffic, in bytes of file data since the filer's first start.
type ExportStatus struct {
	Path, Origin, OriginError          string
	LockOwner                          string // who decides about locks: "filer", "origin", "undecided" or "nobody"
	ReadDemand, ReadAhead, ReadPrimed  uint64
	Unused, UniqueDemand               uint64
	UnusedAhead                        uint64 // of Unused: read ahead; the rest was primed
	Written, Calls, Served, ServedHits uint64
	Dirty                              uint64 // acknowledged as unstable, not yet committed

	Local            bool              // the origin is on this machine: nothing of it is cached
	OriginErrorSince time.Time         `json:",omitzero"` // since when OriginError is there
	OriginInFlight   int64             // operations that the origin has not answered yet
	OriginFailed     uint64            // operations that did not reach the origin, since the filer's start
	OriginCalls      []OperationStatus // what the origin was asked
}

// Saved is how many bytes the cache has kept off the way to the origin; negative while more was loaded ahead of time than
// has been read.
func (e *ExportStatus) Saved() int64 {
	return int64(e.Served) - int64(e.ReadDemand+e.ReadAhead+e.ReadPrimed)
}

// DirtyStatus describes what is acknowledged and not yet at the origins.
type DirtyStatus struct {
	Files                 int
	Failing, Tries        int // of Files: whose last try failed; and the most failures in a row
	Names                 int // made here, and not at the origins
	Bytes, Limit          uint64
	Conflicts, SetAside   uint64 // since the start
	LogBytes, LogCapacity uint64
	Failure               string      // why nothing is written back any more; empty: it is
	Oldest                []DirtyFile // first change first, at most maxDirtyListed
	Asides                []Aside
}

// DirtyFile is a file whose changes have not all reached its origin.
type DirtyFile struct {
	Inode       uint64
	Export      string
	Name        string // as last seen
	Bytes       uint64
	First, Last time.Time // change
	Writing     bool      // it is being written back now
	Tries       int       // failures in a row
	Error       string    // of the last try
	Sessions    []uint64
}

// Age is how long ago the oldest change was made that has not landed; 0: there is none.
func (d *DirtyStatus) Age(now time.Time) time.Duration {
	if len(d.Oldest) == 0 {
		return 0
	}
	return max(now.Sub(d.Oldest[0].First), 0)
}

// Error is why the oldest file that fails could not land the last time; empty: none fails.
func (d *DirtyStatus) Error() string {
	for _, f := range d.Oldest {
		if f.Error != "" {
			return f.Error
		}
	}
	return ""
}

// maxDirtyListed bounds the dirty files in a status.
const maxDirtyListed = 1000

// dirtyStatus lists what is dirty, the oldest first.
func (f *Filer) dirtyStatus() (s DirtyStatus) {
	w := f.wb
	if w == nil {
		return s
	}
	used, total := w.log.Used()
	s = DirtyStatus{
		Bytes: uint64(max(w.bytes.Load(), 0)), Limit: uint64(w.limit), Conflicts: w.conflicts.Load(), SetAside: w.aside.Load(),
		LogBytes: uint64(used), LogCapacity: uint64(total),
	}
	if err := w.failure(); err != nil {
		s.Failure = err.Error()
	}
	for _, ino := range w.all() {
		ino.mu.Lock()
		if d := ino.dirty; d != nil {
			file := DirtyFile{
				Inode: ino.id, Export: ino.target.path, Name: ino.place.name, Bytes: ino.owed, First: d.first, Last: d.last,
				Writing: d.run != nil, Tries: d.tries, Sessions: slices.Clone(d.sessions),
			}
			if d.err != nil {
				file.Error = d.err.Error()
				s.Failing++
				s.Tries = max(s.Tries, d.tries)
			}
			s.Oldest = append(s.Oldest, file)
		}
		ino.mu.Unlock()
	}
	s.Files, s.Names = len(s.Oldest), len(w.names.all(nil))
	slices.SortFunc(s.Oldest, func(a, b DirtyFile) int { return a.First.Compare(b.First) })
	s.Oldest = s.Oldest[:min(len(s.Oldest), maxDirtyListed)]
	var err error
	if s.Asides, err = f.Asides(); err != nil {
		f.log.Warn("list what was set aside", "error", err)
	}
	return s
}

// SessionStatus describes a mount session.
type SessionStatus struct {
	ID                   uint64
	Owner, Export        string
	Fenced               bool
	Reason               string
	Opened               time.Time
	Calls, Read, Written uint64 // since the filer's start; Read and Written are bytes
	ReadCached           uint64 // of Read: from the cache
}

// CacheStatus describes the cache disk: bytes, inodes in memory, and bytes and files evicted since the start.
type CacheStatus struct{ Capacity, Used, Inodes, Evicted, EvictedFiles uint64 }

// Status returns what the filer is doing.
func (f *Filer) Status() Status {
	s := Status{Name: f.cfg.Name, Version: f.cfg.Version, Started: f.started}
	for _, t := range f.targets {
		r := t.traffic.record()
		t.mu.Lock()
		lastErr, since := t.lastErr, t.since
		t.mu.Unlock()
		if lastErr == "" {
			since = time.Time{}
		}
		s.Exports = append(s.Exports, ExportStatus{
			Path: t.path, Origin: t.origin.Describe(), OriginError: lastErr, LockOwner: f.locks.lockOwner(t),
			ReadDemand: r.Demand, ReadAhead: r.Ahead, ReadPrimed: r.Primed,
			Unused: r.UnusedAhead + r.UnusedPrimed, UniqueDemand: r.Unique, UnusedAhead: r.UnusedAhead,
			Written: r.Written, Calls: r.Calls, Served: r.Served, ServedHits: r.ServedCached, Dirty: t.dirty.Load(),
			Local: t.caps.Local, OriginErrorSince: since, OriginInFlight: t.meters.inFlight.Load(), OriginFailed: t.meters.failed.Load(), OriginCalls: t.meters.status(),
		})
	}
	for _, m := range f.sessions.all() {
		r := m.record()
		s.Sessions = append(s.Sessions, SessionStatus{
			ID: r.ID, Owner: r.Owner, Export: r.Export, Fenced: r.Fenced, Reason: r.Reason, Opened: r.Opened,
			Calls: m.calls.Load(), Read: m.read.Load(), Written: m.written.Load(), ReadCached: m.readCached.Load(),
		})
	}
	s.Locks = f.locks.status()
	s.Dirty = f.dirtyStatus()
	s.Cache = CacheStatus{
		Capacity: uint64(f.store.cap), Used: uint64(f.store.cache.Bytes()), Inodes: uint64(f.table.len()), Evicted: f.store.evicted.Load(),
		EvictedFiles: f.store.evictedFiles.Load(),
	}
	s.Connections, s.Calls = f.meters.connections.Load(), f.meters.status()
	s.HotFiles, s.HotClients = f.hotFiles(hottest), f.hotClients(hottest)
	return s
}
