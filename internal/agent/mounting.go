package agent

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/nodehelper"
	"github.com/spillway/spillway/internal/agent/supervise"
)

const (
	mountTimeout  = 45 * time.Second // for a session and a mount
	detachTimeout = 15 * time.Second
	probeTimeout  = 10 * time.Second
	probeEvery    = 10 * time.Second
)

// keep has a location mounted until ctx ends: it mounts it, watches it, and mounts it anew when it has been lost.
func (m *mounts) keep(ctx context.Context, p *point) {
	wait := newBackoff()
	for ctx.Err() == nil {
		if err := m.establish(ctx, p); err != nil {
			if ctx.Err() != nil {
				return
			}
			m.log.Warn("storage is not there", "location", p.location.Name, "error", err)
			m.set(p, agentv1.MountPhase_MOUNT_PHASE_FAILED, err.Error())
			if wait.pause(ctx) != nil {
				return
			}
			continue
		}
		wait = newBackoff()
		m.log.Info("storage is there", "location", p.location.Name, "path", p.path)
		m.set(p, agentv1.MountPhase_MOUNT_PHASE_READY, "")
		reason := m.watch(ctx, p)
		if ctx.Err() != nil {
			return
		}
		m.set(p, agentv1.MountPhase_MOUNT_PHASE_FAILED, reason)
		m.lost("storage " + p.location.Name + ": " + reason)
		if err := m.detach(ctx, p); err != nil {
			m.log.Warn("a mount could not be detached", "location", p.location.Name, "error", err)
		}
	}
}

// establish makes a location answer: an adopted mount if it still does, else a new one in a new place of its own.
func (m *mounts) establish(ctx context.Context, p *point) error {
	if p.direct() {
		m.record(p)
		return m.probe(ctx, p)
	}
	if p.mounted != nil && m.probe(ctx, p) == nil {
		return nil
	}
	if err := m.detach(ctx, p); err != nil { // also what an agent left that was killed between mounting and recording
		return err
	}
	cache := "" // one for all mounts of the node
	if m.config.MountCache > 0 {
		cache = m.home.path("mount-cache")
	}
	answer, err := m.helper.Call(ctx, mountTimeout, nodehelper.Request{Mount: &nodehelper.Mount{
		Kind: string(m.config.Mount), Control: p.location.FilerControl, NFS: p.location.FilerNfs, Export: p.location.Export,
		Key: p.path, Epoch: m.home.epoch(), Dir: p.path, Identity: m.home.path("identity"), Command: m.config.Command,
		Socket: m.socket(p.location.Name), Log: m.home.path("mounts", p.location.Name+".log"),
		PIDFile: m.pidFile(p), CacheDir: cache, CacheSize: m.config.MountCache,
	}})
	if err != nil {
		return err
	}
	m.mu.Lock()
	p.mounted = answer.Mounted
	m.mu.Unlock()
	m.record(p)
	return m.probe(ctx, p)
}

// watch returns why a mount is to be given up: it was ordered, or it has not answered for the storage's time limit.
func (m *mounts) watch(ctx context.Context, p *point) (reason string) {
	tick := time.NewTicker(min(probeEvery, m.config.StorageTimeout/4))
	defer tick.Stop()
	good := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ""
		case reason := <-p.remount:
			return reason
		case <-tick.C:
		}
		err := m.probe(ctx, p)
		switch {
		case err == nil:
			good = time.Now()
		case time.Since(good) >= m.config.StorageTimeout:
			return err.Error()
		default:
			m.log.Warn("storage does not answer", "location", p.location.Name, "for", time.Since(good).Round(time.Second), "error", err)
		}
	}
}

func (m *mounts) probe(ctx context.Context, p *point) error {
	limit := min(probeTimeout, max(m.config.StorageTimeout/2, time.Second))
	_, err := m.helper.Call(ctx, limit, nodehelper.Request{Probe: &nodehelper.Probe{Dir: p.path, Mount: !p.direct()}})
	return err
}

func (m *mounts) detach(ctx context.Context, p *point) error {
	if p.direct() {
		return nil
	}
	m.mu.Lock()
	p.mounted = nil
	m.mu.Unlock()
	_, err := m.helper.Call(ctx, detachTimeout, nodehelper.Request{Detach: &nodehelper.Detach{Dir: p.path, PIDFile: m.pidFile(p)}})
	return err
}

func (m *mounts) pidFile(p *point) string { return m.home.path("mounts", p.location.Name+".pid") }

// record writes down what is mounted, for the next agent.
func (m *mounts) record(p *point) {
	location, err := protojson.Marshal(p.location)
	if err == nil {
		err = supervise.WriteJSON(m.home.path("mounts", p.location.Name+".json"), mountRecord{location, p.mounted})
	}
	if err != nil {
		m.log.Error("a mount could not be written down", "location", p.location.Name, "error", err)
	}
}

// refresh has names looked up anew. Errors are fault.Unavailable.
func (m *mounts) refresh(ctx context.Context, paths []*agentv1.StoragePath) error {
	requests := make(map[string]*nodehelper.Refresh)
	m.mu.Lock()
	for _, sp := range paths {
		p := m.points[sp.Location]
		if p == nil || p.mounted == nil {
			continue
		}
		r := requests[sp.Location]
		if r == nil {
			r = &nodehelper.Refresh{Kind: p.mounted.Kind, Socket: m.socket(sp.Location)}
			requests[sp.Location] = r
		}
		if local, ok := p.local(sp.Path); ok && !slices.Contains(r.Paths, local) {
			r.Paths = append(r.Paths, local)
		}
	}
	m.mu.Unlock()
	for _, r := range requests {
		if _, err := m.helper.Call(ctx, m.config.StorageTimeout, nodehelper.Request{Refresh: r}); err != nil {
			return err
		}
	}
	return nil
}
