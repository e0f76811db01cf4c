package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/nodehelper"
	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/openjd"
)

// mounts keeps the node's storage mounted, through helpers.
type mounts struct {
	config Config
	home   *home
	helper nodehelper.Caller
	out    *outbox
	log    *slog.Logger
	lost   func(reason string) // ends the attempts that use storage
	ctx    context.Context
	work   sync.WaitGroup

	// mu guards what follows.
	mu      sync.Mutex
	points  map[string]*point
	known   bool          // the server, or an earlier agent's record, has said what to mount
	changed chan struct{} // closed and replaced when a point's phase changes
}

// point is one storage location on this node. mounts.mu guards phase, message and mounted; the rest does not change.
type point struct {
	location *agentv1.StorageLocation
	path     string // local directory
	remount  chan string
	cancel   context.CancelFunc
	done     chan struct{}

	phase   agentv1.MountPhase
	message string
	mounted *nodehelper.Mounted // nil: not mounted by us
}

// mountRecord is mounts/LOCATION.json.
type mountRecord struct {
	Location rawJSON             `json:"location"`
	Mounted  *nodehelper.Mounted `json:"mounted"`
}

func (p *point) direct() bool { return p.location.Filer == "" }

// load takes over the mounts of an earlier agent.
func (m *mounts) load() {
	files, _ := filepath.Glob(m.home.path("mounts", "*.json"))
	for _, file := range files {
		var record mountRecord
		location := new(agentv1.StorageLocation)
		if err := supervise.ReadJSON(file, &record); err == nil {
			err = protojson.Unmarshal(record.Location, location)
			if err == nil && validName(location.Name) {
				m.known = true
				m.add(location, record.Mounted)
				continue
			}
		}
		m.log.Warn("a record of a mount is unusable", "file", file)
		_ = os.Remove(file)
	}
}

// apply makes the node have exactly these locations.
func (m *mounts) apply(locations []*agentv1.StorageLocation) {
	wanted := make(map[string]*agentv1.StorageLocation)
	for _, l := range locations {
		if validName(l.Name) {
			wanted[l.Name] = l
		} else {
			m.log.Error("a storage location has an unusable name", "location", l.Name)
		}
	}
	m.mu.Lock()
	var stale []*point
	for name, p := range m.points {
		if l := wanted[name]; l != nil && proto.Equal(l, p.location) {
			delete(wanted, name)
			m.report(p)
		} else {
			stale = append(stale, p)
			delete(m.points, name)
		}
	}
	m.mu.Unlock()
	for _, p := range stale {
		m.remove(p)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known = true
	for _, l := range wanted {
		m.add(l, nil)
	}
	m.noteChange()
}

// add starts to keep a location. The caller holds mu, or is alone.
func (m *mounts) add(l *agentv1.StorageLocation, mounted *nodehelper.Mounted) {
	ctx, cancel := context.WithCancel(m.ctx)
	p := &point{location: l, path: l.DirectPath, remount: make(chan string, 1), cancel: cancel, done: make(chan struct{}), mounted: mounted}
	if !p.direct() {
		p.path = m.home.path("mnt", l.Name)
	}
	m.points[l.Name] = p
	m.work.Go(func() {
		defer close(p.done)
		m.keep(ctx, p)
	})
}

// remove stops keeping a location and detaches its mount.
func (m *mounts) remove(p *point) {
	p.cancel()
	<-p.done
	if err := m.detach(context.WithoutCancel(m.ctx), p); err != nil {
		m.log.Warn("a mount could not be detached", "location", p.location.Name, "error", err)
	}
	_ = os.Remove(m.home.path("mounts", p.location.Name+".json"))
	m.out.put("mount/"+p.location.Name, &agentv1.Report{Report: &agentv1.Report_Mount{Mount: &agentv1.MountUpdate{
		Location: p.location.Name, Phase: agentv1.MountPhase_MOUNT_PHASE_GONE, Path: p.path, Filer: p.location.Filer}}})
}

// removeAll detaches everything: the node is given up.
func (m *mounts) removeAll() {
	m.mu.Lock()
	all := slices.Collect(maps.Values(m.points))
	clear(m.points)
	m.mu.Unlock()
	for _, p := range all {
		m.remove(p)
	}
}

// order makes a location be mounted anew: its session was fenced.
func (m *mounts) order(r *agentv1.Remount) {
	m.mu.Lock()
	p := m.points[r.Location]
	m.mu.Unlock()
	if p == nil || p.direct() {
		return
	}
	select {
	case p.remount <- r.Reason:
	default: // one is waiting
	}
}

// set changes a location's phase and reports it.
func (m *mounts) set(p *point, phase agentv1.MountPhase, message string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p.phase == phase && p.message == message {
		return
	}
	p.phase, p.message = phase, message
	m.report(p)
	m.noteChange()
}

// report sends a location's state. The caller holds mu.
func (m *mounts) report(p *point) {
	if p.phase != agentv1.MountPhase_MOUNT_PHASE_UNSPECIFIED {
		m.out.put("mount/"+p.location.Name, &agentv1.Report{Report: &agentv1.Report_Mount{Mount: p.update()}})
	}
}

func (m *mounts) noteChange() {
	close(m.changed)
	m.changed = make(chan struct{})
}

func (p *point) update() *agentv1.MountUpdate {
	u := &agentv1.MountUpdate{Location: p.location.Name, Phase: p.phase, Path: p.path, Filer: p.location.Filer, Kind: "direct", Message: p.message}
	if p.mounted != nil {
		u.Kind, u.MountSession = p.mounted.Kind, p.mounted.Session
	}
	return u
}

// updates describes all locations whose state is known.
func (m *mounts) updates() []*agentv1.MountUpdate {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*agentv1.MountUpdate
	for _, p := range m.points {
		if p.phase != agentv1.MountPhase_MOUNT_PHASE_UNSPECIFIED {
			out = append(out, p.update())
		}
	}
	return out
}

// rules are the path mapping rules of all locations: how submitters spell them, onto where they are here.
func (m *mounts) rules() []openjd.PathRule {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := []openjd.PathRule{}
	for _, name := range slices.Sorted(maps.Keys(m.points)) {
		p := m.points[name]
		for _, s := range p.location.Sources {
			out = append(out, openjd.PathRule{SourceFormat: openjd.PathFormat(s.Format), Source: s.Path, Destination: p.path})
		}
	}
	return out
}

// await waits until every location is mounted. After the storage's time limit it answers fault.Unavailable.
func (m *mounts) await(ctx context.Context) error {
	limit := time.NewTimer(m.config.StorageTimeout)
	defer limit.Stop()
	for {
		m.mu.Lock()
		changed, err := m.changed, m.missing()
		m.mu.Unlock()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return err
		case <-changed:
		}
	}
}

// missing returns what is not there yet. The caller holds mu.
func (m *mounts) missing() error {
	if !m.known {
		return fault.New(fault.Unavailable, "the server has not said what storage there is")
	}
	for name, p := range m.points {
		if p.phase != agentv1.MountPhase_MOUNT_PHASE_READY {
			return fault.New(fault.Unavailable, "storage %q is not mounted on the node: %s", name, cmp.Or(p.message, "it is being mounted"))
		}
	}
	return nil
}

// socket is where a FUSE mount takes commands. A socket's address holds 107 bytes (unix(7)).
func (m *mounts) socket(location string) string {
	path := m.home.path("mounts", location+".sock")
	if len(path) < 100 {
		return path
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(os.TempDir(), "spillway-"+hex.EncodeToString(sum[:8])+".sock")
}
