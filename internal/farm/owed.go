package farm

import (
	"maps"
	"slices"
)

// NodeOrders is what one node must be told. It follows from records alone and is repeated after every reconnect; the node
// treats each order as idempotent by its id.
type NodeOrders struct {
	Node        NodeID
	Epoch       uint64
	Run         []Attempt // in state ordered, oldest first
	Cancel      []Attempt // in state canceling
	EndSessions []Session
	// Drain and Stop: end the agent. A node that merely drains is told nothing, so that it can be given work again.
	Drain  bool
	Stop   bool
	Reason string
}

// OwedFlush asks the filers of a landing attempt's site to land its outputs that have no receipt yet.
type OwedFlush struct {
	Attempt AttemptID
	Job     JobID
	Node    NodeID
	Site    SiteID
	Filer   FilerID
	Paths   []StoragePath // of locations behind Filer
}

// OwedFence asks a filer to fence one mount session of a node that is given up, and to remove its unfinished files.
type OwedFence struct {
	Node    NodeID
	Mount   MountSession
	Epoch   uint64
	Reason  string
	Discard []StoragePath // expected outputs of the node's dead attempts at that location, without receipt
}

// OwedPriming asks a filer to load a job's assets.
type OwedPriming struct {
	Priming
	Paths []StoragePath // of locations behind the filer
}

// OwedWarming asks the filers of a site to load an attempt's own inputs.
type OwedWarming struct {
	Attempt AttemptID
	Job     JobID
	Site    SiteID
	Inputs  []StoragePath
	// Filers by location; "" is direct: nothing to load.
	Filers map[Location]FilerID
}

// OwedCreate asks the provider for a node.
type OwedCreate struct {
	Node Node
	Pool Pool
}

// OwedNodes returns the nodes whose orders may have changed since its last call, ordered. After Load: all.
func (f *Farm) OwedNodes() []NodeID {
	ids := f.orders.ordered()
	clear(f.orders)
	return ids
}

// Owed returns what a node must be told now.
func (f *Farm) Owed(id NodeID) NodeOrders {
	o := NodeOrders{Node: id, Epoch: f.cfg.Epoch}
	n := f.nodes[id]
	if n == nil {
		return o
	}
	for _, a := range n.live {
		switch a.rec.State {
		case AttemptOrdered:
			o.Run = append(o.Run, cloneAttempt(&a.rec))
		case AttemptCanceling:
			o.Cancel = append(o.Cancel, cloneAttempt(&a.rec))
		default:
		}
	}
	for _, s := range n.sessions {
		if s.rec.Ending && s.attempt == nil {
			o.EndSessions = append(o.EndSessions, s.rec)
		}
	}
	if n.told() {
		o.Drain, o.Stop, o.Reason = true, true, n.rec.Reason
	}
	return o
}

// told reports whether the node's agent is, or has been, told to end.
func (n *node) told() bool {
	switch n.rec.State {
	case NodeDraining:
		return n.rec.Stop && len(n.live) == 0
	case NodeOffline:
		return n.rec.Stop
	default:
		return n.rec.State == NodeDeleting
	}
}

// OwedFlushes returns the flushes that landing attempts wait for, of at most limit attempts, oldest first.
func (f *Farm) OwedFlushes(limit int) []OwedFlush {
	var owed []OwedFlush
	for i, id := range f.landing.ordered() {
		if i == limit {
			break
		}
		a := f.attempts[id]
		byFiler := map[FilerID][]StoragePath{}
		for _, p := range f.unlanded(a) {
			filer := f.filerOf(a.rec.Site, p.Location)
			byFiler[filer] = append(byFiler[filer], p)
		}
		for _, filer := range slices.Sorted(maps.Keys(byFiler)) {
			owed = append(owed, OwedFlush{
				Attempt: id, Job: a.rec.Unit.Job, Node: a.rec.Node, Site: a.rec.Site, Filer: filer, Paths: byFiler[filer],
			})
		}
	}
	return owed
}

// OwedFences returns the mount sessions to be fenced.
func (f *Farm) OwedFences() []OwedFence {
	var owed []OwedFence
	for _, id := range f.deadMounts.ordered() {
		n := f.nodes[id]
		for _, m := range n.rec.Mounts {
			if !m.Dead || m.Fenced || m.Filer == "" {
				continue
			}
			o := OwedFence{Node: id, Mount: m, Epoch: f.cfg.Epoch, Reason: "node " + string(id) + " is " + n.rec.State.String() + ": " + n.rec.Reason}
			for _, a := range n.fencing {
				for _, p := range a.rec.Expected {
					if p.Location == m.Location {
						o.Discard = append(o.Discard, p)
					}
				}
			}
			owed = append(owed, o)
		}
	}
	return owed
}

// OwedPrimings returns the primings that are not over.
func (f *Farm) OwedPrimings() []OwedPriming {
	var owed []OwedPriming
	for _, k := range slices.SortedFunc(maps.Keys(f.openPriming), comparePrimings) {
		o := OwedPriming{Priming: *f.primings[k]}
		behind := f.locations(k.filer)
		for _, p := range f.jobs[k.job].rec.Assets {
			if slices.Contains(behind, p.Location) {
				o.Paths = append(o.Paths, p)
			}
		}
		owed = append(owed, o)
	}
	return owed
}

// locations returns the storage locations that some site reaches through a filer.
func (f *Farm) locations(filer FilerID) []Location {
	var out []Location
	for _, site := range f.cfg.Sites {
		for l, by := range site.Storage {
			if by == filer && !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out
}

// OwedWarmings returns the attempts whose own inputs are to be primed, oldest first.
func (f *Farm) OwedWarmings() []OwedWarming {
	var owed []OwedWarming
	for _, id := range f.warming.ordered() {
		a := f.attempts[id]
		owed = append(owed, OwedWarming{
			Attempt: id, Job: a.rec.Unit.Job, Site: a.rec.Site, Inputs: a.rec.Inputs,
			Filers: maps.Clone(f.cfg.Sites[a.rec.Site].Storage),
		})
	}
	return owed
}

// OwedCreates returns the nodes the provider is to be asked for. Those whose site is still being primed are left out: warm
// before wake.
func (f *Farm) OwedCreates() []OwedCreate {
	var owed []OwedCreate
	for _, id := range f.creating.ordered() {
		n := f.nodes[id]
		p := f.pools[n.rec.Pool]
		if p == nil || f.coldSite(n.rec.Site) {
			continue
		}
		owed = append(owed, OwedCreate{Node: cloneNode(&n.rec), Pool: *p})
	}
	return owed
}

// coldSite reports whether a filer of the site is being primed.
func (f *Farm) coldSite(id SiteID) bool {
	site := f.cfg.Sites[id]
	if !site.Prime {
		return false
	}
	for k := range f.openPriming {
		for _, filer := range site.Storage {
			if k.filer == filer {
				return true
			}
		}
	}
	return false
}

// OwedDeletes returns the nodes whose machine the provider is to delete, by name.
func (f *Farm) OwedDeletes() []Node {
	var owed []Node
	for _, id := range f.deleting.ordered() {
		owed = append(owed, cloneNode(&f.nodes[id].rec))
	}
	return owed
}
