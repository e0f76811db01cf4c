package filer

import (
	"cmp"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/filer/meter"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// meters are what is counted about calls since the filer's start. They are in no order with other locks: nothing is
// locked while one of theirs is held.
type meters struct {
	calls       [nfs.ProcCommit + 1]meter.Histogram // by procedure
	connections atomic.Int64
	files       *meter.Hot[uint64] // by inode
	clients     *meter.Hot[clientKey]

	mu      sync.Mutex
	refused map[refusal]uint64 // mu guards refused: calls by what was answered other than OK
}

// clientKey is a client: its address, and its mount session where it has one.
type clientKey struct {
	addr    netip.Addr
	session uint64
}

type refusal struct {
	procedure nfs.Proc
	status    nfs.Status
}

func newMeters(now time.Time) *meters {
	return &meters{files: meter.NewHot[uint64](now), clients: meter.NewHot[clientKey](now), refused: map[refusal]uint64{}}
}

// hooks tell the meters what the server does.
func (m *meters) hooks() nfs.Hooks {
	return nfs.Hooks{
		Done: func(program, procedure uint32, status nfs.Status, took time.Duration, _, _ int) {
			m.served(program, procedure, status, took)
		},
		Opened: func(uint64, net.Addr) { m.connections.Add(1) },
		Closed: func(uint64, error) { m.connections.Add(-1) },
	}
}

// served is told of every call that was answered.
func (m *meters) served(program, procedure uint32, status nfs.Status, took time.Duration) {
	if program != nfs.Program || procedure >= uint32(len(m.calls)) {
		return
	}
	m.calls[procedure].Add(took)
	if status == nfs.OK {
		return
	}
	m.mu.Lock()
	m.refused[refusal{nfs.Proc(procedure), status}]++
	m.mu.Unlock()
}

// moved is told of the bytes that a READ or WRITE moved.
func (c call) moved(n uint64) {
	c.f.meters.files.Add(c.ino.id, 0, n)
	c.f.meters.clients.Add(clientKey{c.client, c.session.ID}, 0, n)
}

// used is told of a call that has begun.
func (c call) used() {
	c.f.meters.files.Add(c.ino.id, 1, 0)
	c.f.meters.clients.Add(clientKey{c.client, c.session.ID}, 1, 0)
}

func (m *meters) tick(now time.Time) {
	m.files.Tick(now)
	m.clients.Tick(now)
}

// originMeters are what is counted about one origin's operations since the filer's start.
type originMeters struct {
	calls    [origin.Operations]meter.Histogram
	failed   atomic.Uint64 // operations that did not reach the origin
	inFlight atomic.Int64
}

// begin is the origin's meter.
func (m *originMeters) begin(op origin.Operation) func(error) {
	m.inFlight.Add(1)
	sent := time.Now()
	return func(err error) {
		m.inFlight.Add(-1)
		m.calls[op].Add(time.Since(sent))
		if err == nil || isCancel(err) {
			return
		}
		if _, answered := nfs.StatusOf(err); !answered {
			m.failed.Add(1)
		}
	}
}

// maxClimb bounds the way up from a file: renames in between may have left a circle.
const maxClimb = 64

// pathOf says where in its target a file was last found, and of which target; "" where that is not known.
func (f *Filer) pathOf(id uint64) (t *target, path string) {
	for range maxClimb {
		ino := f.table.peek(id)
		if ino == nil {
			return t, ""
		}
		if t == nil {
			t = ino.target
		}
		ino.mu.Lock()
		at := ino.place
		ino.mu.Unlock()
		t.mu.Lock()
		root := t.root
		t.mu.Unlock()
		switch {
		case id == root:
			return t, cmp.Or(path, "/")
		case at.name == "":
			return t, ""
		}
		id, path = at.dir, "/"+at.name+path
	}
	return t, ""
}
