package farm

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
	"strings"
)

// The scheduler does not look at nodes one by one. Open nodes that are alike stand in groups (same capacity, site and kind),
// inside a group in buckets (they do as much), and a bucket gives its first node by name. So a look for room costs as many
// steps as there are kinds of node and degrees of use, whatever the number of nodes.

// group holds open nodes of equal capacity at one site.
type group struct {
	elastic bool
	site    SiteID
	class   string
	buckets []*bucket // emptiest first
}

type groupKey struct {
	elastic bool
	site    SiteID
	class   string
}

// bucket holds nodes of a group on which the same is in use.
type bucket struct {
	group *group
	use   useKey
	nodes []*node // a heap by name
}

// useKey is equal for nodes of a group that have room for the same tasks.
type useKey struct {
	live    int
	vcpus   float64
	memory  uint64
	gpus    uint32
	scratch uint64
	amounts string
}

func useOf(n *node) useKey {
	u := &n.used
	k := useKey{live: len(n.live), vcpus: u.VCPUs, memory: u.MemoryMiB, gpus: u.GPUs, scratch: u.ScratchGiB}
	if len(u.Amounts) > 0 {
		k.amounts = keyOf(u.Amounts)
	}
	return k
}

func compareUses(a, b useKey) int {
	return cmp.Or(cmp.Compare(a.live, b.live), cmp.Compare(a.vcpus, b.vcpus), cmp.Compare(a.memory, b.memory), cmp.Compare(a.gpus, b.gpus),
		cmp.Compare(a.scratch, b.scratch), strings.Compare(a.amounts, b.amounts))
}

// Len, Less, Swap, Push and Pop make a bucket a heap by name.
func (b *bucket) Len() int           { return len(b.nodes) }
func (b *bucket) Less(i, j int) bool { return b.nodes[i].rec.ID < b.nodes[j].rec.ID }
func (b *bucket) Swap(i, j int) {
	b.nodes[i], b.nodes[j] = b.nodes[j], b.nodes[i]
	b.nodes[i].place, b.nodes[j].place = i, j
}

// Push implements heap.Interface.
func (b *bucket) Push(x any) {
	n := x.(*node)
	n.place = len(b.nodes)
	b.nodes = append(b.nodes, n)
}

// Pop implements heap.Interface.
func (b *bucket) Pop() any {
	last := len(b.nodes) - 1
	n := b.nodes[last]
	b.nodes[last] = nil
	b.nodes = b.nodes[:last]
	return n
}

// first returns the bucket's first node by name that passes, or nil.
func (b *bucket) first(passes func(*node) bool) *node {
	if passes(b.nodes[0]) {
		return b.nodes[0]
	}
	var first *node
	for _, n := range b.nodes[1:] {
		if (first == nil || n.rec.ID < first.rec.ID) && passes(n) {
			first = n
		}
	}
	return first
}

// stale notes that a node is to be looked at anew before the next assignment.
func (f *Farm) stale(n *node) {
	if !n.stale {
		n.stale = true
		f.staleNodes = append(f.staleNodes, n)
	}
}

// refile puts the nodes that changed where they belong now.
func (f *Farm) refile() {
	for _, n := range f.staleNodes {
		n.stale = false
		f.countSupply(n)
		open := f.ready(n) && !n.spent()
		use := useKey{}
		if open {
			use = useOf(n)
		}
		if b := n.bucket; b != nil {
			if open && b.use == use && b.group.class == n.class && b.group.site == n.rec.Site {
				continue
			}
			f.unfile(n)
		}
		if open {
			f.file(n, use)
		}
	}
	f.staleNodes = f.staleNodes[:0]
}

func (f *Farm) file(n *node, use useKey) {
	key := groupKey{n.rec.Pool != "", n.rec.Site, n.class}
	g := f.groups[key]
	if g == nil {
		g = &group{elastic: key.elastic, site: key.site, class: key.class}
		f.groups[key] = g
		i, _ := slices.BinarySearchFunc(f.groupList, g, compareGroups)
		f.groupList = slices.Insert(f.groupList, i, g)
		f.groupsEpoch++
	}
	i, found := slices.BinarySearchFunc(g.buckets, use, func(b *bucket, u useKey) int { return compareUses(b.use, u) })
	if !found {
		g.buckets = slices.Insert(g.buckets, i, &bucket{group: g, use: use})
	}
	n.bucket = g.buckets[i]
	heap.Push(n.bucket, n)
}

func compareGroups(a, b *group) int {
	kind := 0
	if a.elastic != b.elastic {
		kind = -1
		if a.elastic {
			kind = 1
		}
	}
	return cmp.Or(kind, cmp.Compare(a.site, b.site), cmp.Compare(a.class, b.class))
}

// unfile takes a node out of its bucket; a bucket without nodes goes, and a group without buckets too.
func (f *Farm) unfile(n *node) {
	b := n.bucket
	heap.Remove(b, n.place)
	n.bucket = nil
	if len(b.nodes) > 0 {
		return
	}
	g := b.group
	i, _ := slices.BinarySearchFunc(g.buckets, b.use, func(b *bucket, u useKey) int { return compareUses(b.use, u) })
	g.buckets = slices.Delete(g.buckets, i, i+1)
	if len(g.buckets) == 0 {
		delete(f.groups, groupKey{g.elastic, g.site, g.class})
		f.groupList = drop(f.groupList, g)
		f.groupsEpoch++
	}
}

// offers reports whether the node counts as part of the farm that is shared out.
func (n *node) offers() bool {
	return (n.rec.State == NodeOnline || n.rec.State == NodeDraining) && n.rec.Quarantined == ""
}

// countSupply keeps the sum of what the farm's nodes offer.
func (f *Farm) countSupply(n *node) {
	var now Amounts
	if n.offers() {
		c := &n.rec.Capacity
		now = Amounts{VCPUs: c.VCPUs, MemoryMiB: c.MemoryMiB, GPUs: uint64(c.GPUs)}
	}
	f.supply.sub(n.counted)
	f.supply.add(now)
	n.counted = now
}

// Amounts are what tasks take and nodes offer, as far as it is shared out.
type Amounts struct {
	VCPUs     float64 `json:"vcpus"`
	MemoryMiB uint64  `json:"memoryMiB"`
	GPUs      uint64  `json:"gpus"`
	Tasks     int64   `json:"tasks"`
}

func (a *Amounts) add(b Amounts) {
	a.VCPUs = even(a.VCPUs + b.VCPUs)
	a.MemoryMiB, a.GPUs, a.Tasks = a.MemoryMiB+b.MemoryMiB, a.GPUs+b.GPUs, a.Tasks+b.Tasks
}

func (a *Amounts) sub(b Amounts) {
	a.VCPUs = even(a.VCPUs - b.VCPUs)
	a.MemoryMiB, a.GPUs, a.Tasks = a.MemoryMiB-b.MemoryMiB, a.GPUs-b.GPUs, a.Tasks-b.Tasks
}

// even rounds to a millionth, so that sums of fractions do not depend on the order in which they were made.
func even(x float64) float64 { return math.Round(x*1e6) / 1e6 }
