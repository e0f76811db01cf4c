package server

import (
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/server/effect"
)

// flushesAtOnce bounds how many landings are worked on; the oldest come first.
const flushesAtOnce = 256

// committed lets out what a commit made durable: orders, effects, events. It runs in the commit loop.
func (s *Server) committed(f *farm.Farm, batch *farm.Batch, loaded bool) {
	s.people.committed(f, batch, loaded)
	s.hub.Publish(f, batch)
	if loaded {
		s.feed.reset(f.LastSeq())
	}
	if loaded || len(batch.Attempts)+len(batch.Nodes)+len(batch.Primings)+len(batch.Pools) > 0 {
		s.effects.Owe(s.owed(f))
	}
	s.feed.publish(batch.Events)
	for i := range batch.Attempts {
		s.attemptChanged(&batch.Attempts[i])
	}
	for i := range batch.Jobs {
		if batch.Jobs[i].State == farm.JobActive { // submitted, or to be tried again
			s.refresher.forget(batch.Jobs[i].ID)
		}
	}
}

// attemptChanged drops what is held in memory of an attempt that is over.
func (s *Server) attemptChanged(a *farm.Attempt) {
	if a.State.OnNode() {
		return
	}
	s.hub.Over(a.ID)
	if a.State == farm.AttemptLost || a.Cause == farm.CauseNodeLost {
		s.logs.Finish(a.ID) // the rest of its output will not come
	}
}

// owed lists everything that the records owe to filers and providers.
func (s *Server) owed(f *farm.Farm) []effect.Effect {
	var all []effect.Effect
	for _, o := range f.OwedFlushes(flushesAtOnce) {
		all = append(all, s.landing(o))
	}
	for _, o := range f.OwedFences() {
		all = append(all, s.fencing(o))
	}
	for _, o := range f.OwedPrimings() {
		all = append(all, s.priming(o))
	}
	for _, o := range f.OwedWarmings() {
		all = append(all, s.warming(o))
	}
	for _, o := range f.OwedCreates() {
		all = append(all, s.creation(o))
	}
	for _, n := range f.OwedDeletes() {
		all = append(all, s.deletion(n))
	}
	return all
}

// lanes are how many effects of a kind run at once.
func (c *Config) lanes() map[string]int {
	lanes := map[string]int{}
	for _, f := range c.Filers {
		lanes["land/"+f.Name] = 8
		lanes["fence/"+f.Name] = 8
		lanes["prime/"+f.Name] = 2
	}
	for site := range c.sites() {
		lanes["warm/"+string(site)] = 16
	}
	for _, p := range c.Pools {
		lanes["create/"+p.Name] = 8
		lanes["delete/"+p.Name] = 16
	}
	return lanes
}
