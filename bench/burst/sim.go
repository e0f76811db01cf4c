package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// policy says now and then how many rented nodes there should be.
type policy interface {
	// plan is called every step; it may call create and release of the simulation.
	plan(s *sim)
}

// step is the time between two looks of a policy, in seconds.
const step = 60.0

// sim lives through a day under a policy. Frames are given out as Spillway's scheduler does: by priority, then in the
// order of submission, to the studio's own nodes first; a frame whose node is evicted begins anew.
type sim struct {
	*day
	now    float64
	events events
	work   []*work
	open   []*work // that can start a frame, in the order in which they are served
	nodes  []*node // all that ever were; the studio's own come first
	idle   []*node // the studio's own before all others
	rented int     // nodes that cost, at work, idle, starting or leaving
	result result
}

// result is what a day came to.
type result struct {
	cost     float64
	missed   int     // jobs that ended after their deadline
	late     float64 // by how many seconds, all together
	jobs     int     // with a deadline
	seconds  float64 // of rented nodes
	rendered float64 // of that, frames that were finished
	lost     float64 // frames that were cut off
	starting float64
	created  int
	makespan float64
}

// work is a job as the farm sees it.
type work struct {
	*job
	index    int
	next     int   // the first frame that has never been started
	again    []int // frames that were cut off
	running  map[*node]struct{}
	done     int
	ended    float64
	estimate estimate
}

func (w *work) runnable() int { return len(w.frames) - w.next + len(w.again) }

type node struct {
	number   int // of the rented ones; −1: the studio's own
	created  float64
	ready    float64
	idle     float64 // since when; NaN: it works or starts
	leaving  bool
	gone     bool
	work     *work
	frame    int
	started  float64
	evict    float64
	rendered float64
}

func (n *node) online(now float64) bool { return !n.gone && n.ready <= now }

// kinds of event, in the order in which they happen at one moment.
const (
	frameEnds = iota
	evicted
	nodeReady
	jobComes
	look
)

type event struct {
	at    float64
	kind  int
	order int
	node  *node
	work  *work
	life  float64 // of the node's task: when it began
}

func newSim(d *day) *sim {
	s := &sim{day: d}
	for range d.home {
		n := &node{number: -1, idle: 0, evict: math.Inf(1)}
		s.nodes = append(s.nodes, n)
		s.idle = append(s.idle, n)
	}
	for i := range d.jobs {
		w := &work{job: &d.jobs[i], index: i, running: map[*node]struct{}{}}
		s.work = append(s.work, w)
		s.events.push(event{at: w.at, kind: jobComes, work: w})
		if !math.IsInf(w.deadline, 1) {
			s.result.jobs++
		}
	}
	slices.SortStableFunc(s.work, func(a, b *work) int { return cmp.Compare(a.at, b.at) })
	return s
}

// run lives until all work is done, and returns what it came to. What still costs then is given back.
func (s *sim) run(p policy) result {
	s.events.push(event{at: 0, kind: look})
	left := len(s.work)
	for left > 0 {
		e := s.events.pop()
		s.now = e.at
		switch e.kind {
		case jobComes:
			at, _ := slices.BinarySearchFunc(s.open, e.work, serves)
			s.open = slices.Insert(s.open, at, e.work)
		case frameEnds:
			if e.node.work == e.work && e.node.started == e.life && !e.node.gone {
				left -= s.finish(e.node)
			}
		case nodeReady:
			s.rest(e.node)
		case evicted:
			s.evict(e.node)
		case look:
			p.plan(s)
			s.events.push(event{at: s.now + step, kind: look})
		}
		s.assign()
	}
	for _, n := range s.nodes {
		s.remove(n)
	}
	s.result.makespan = s.now
	return s.result
}

func serves(a, b *work) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.at, b.at), cmp.Compare(a.index, b.index))
}

// finish ends a node's frame and returns 1 if its job is done.
func (s *sim) finish(n *node) int {
	w := n.work
	took := s.now - n.started
	w.estimate.add(took)
	delete(w.running, n)
	w.done++
	n.work = nil
	n.rendered += took
	s.rest(n)
	if w.done < len(w.frames) {
		return 0
	}
	w.ended = s.now
	if s.now > w.deadline {
		s.result.missed++
		s.result.late += s.now - w.deadline
	}
	return 1
}

// rest has a node wait for work, or leave.
func (s *sim) rest(n *node) {
	switch {
	case n.gone:
	case n.leaving:
		s.remove(n)
	case n.number < 0:
		n.idle = s.now
		s.idle = slices.Insert(s.idle, 0, n)
	default:
		n.idle = s.now
		s.idle = append(s.idle, n)
	}
}

func (s *sim) assign() {
	for len(s.idle) > 0 && len(s.open) > 0 {
		n, w := s.idle[0], s.open[0]
		s.idle = s.idle[1:]
		if n.gone || n.leaving {
			continue
		}
		frame := w.next
		if last := len(w.again) - 1; last >= 0 {
			frame, w.again = w.again[last], w.again[:last]
		} else {
			w.next++
		}
		if w.runnable() == 0 {
			s.open = s.open[1:]
		}
		n.work, n.frame, n.started, n.idle = w, frame, s.now, math.NaN()
		w.running[n] = struct{}{}
		s.events.push(event{at: s.now + w.frames[frame], kind: frameEnds, node: n, work: w, life: s.now})
	}
}

// create asks for nodes.
func (s *sim) create(count int) {
	for range min(count, s.pool.most-s.rented) {
		number := s.result.created
		n := &node{number: number, created: s.now, ready: s.now + s.pool.startUp, idle: math.NaN(), evict: math.Inf(1)}
		s.result.created++
		s.rented++
		s.nodes = append(s.nodes, n)
		s.events.push(event{at: n.ready, kind: nodeReady, node: n})
		if s.pool.evictions > 0 {
			life := rand.New(rand.NewPCG(s.seed, uint64(number)+1)).ExpFloat64() / s.pool.evictions * hour
			n.evict = s.now + life
			s.events.push(event{at: n.evict, kind: evicted, node: n})
		}
	}
}

// release lets a node go: at once if it does nothing, else when its frame has ended.
func (s *sim) release(n *node) {
	if n.number < 0 || n.leaving || n.gone {
		return
	}
	n.leaving = true
	if n.work == nil {
		s.remove(n)
	}
}

func (s *sim) evict(n *node) {
	if n.gone {
		return
	}
	if w := n.work; w != nil {
		if w.runnable() == 0 {
			at, _ := slices.BinarySearchFunc(s.open, w, serves)
			s.open = slices.Insert(s.open, at, w)
		}
		w.again = append(w.again, n.frame)
		delete(w.running, n)
		s.result.lost += s.now - n.started
		n.work = nil
	}
	s.remove(n)
}

// remove ends a rented node's life, and pays for it.
func (s *sim) remove(n *node) {
	if n.number < 0 || n.gone {
		return
	}
	n.gone = true
	s.rented--
	life := s.now - n.created
	s.result.cost += max(life, s.pool.billing) / hour * s.pool.price
	s.result.seconds += life
	s.result.rendered += n.rendered
	s.result.starting += min(life, s.pool.startUp)
	if at := slices.Index(s.idle, n); at >= 0 {
		s.idle = slices.Delete(s.idle, at, at+1)
	}
}

// fleet lists the rented nodes that are not leaving.
func (s *sim) fleet() []*node {
	var out []*node
	for _, n := range s.nodes[s.home:] {
		if !n.gone && !n.leaving {
			out = append(out, n)
		}
	}
	return out
}

// resize has the fleet approach a number: new nodes, or idle ones given back, the longest idle first.
func (s *sim) resize(want int) {
	fleet := s.fleet()
	if want >= len(fleet) {
		s.create(want - len(fleet))
		return
	}
	slices.SortStableFunc(fleet, func(a, b *node) int { return cmp.Compare(a.idle, b.idle) })
	surplus := len(fleet) - want
	for _, n := range fleet {
		if surplus > 0 && n.work == nil && n.online(s.now) {
			s.release(n)
			surplus--
		}
	}
}

// estimate is what has been measured of a job's frames, as the farm keeps it: outliers count as ones at the edge.
type estimate struct {
	count    int64
	mean, m2 float64
}

func (e *estimate) add(x float64) {
	if e.count >= 5 {
		x = min(x, e.mean+4*max(math.Sqrt(e.m2/float64(e.count-1)), e.mean/8))
	}
	e.count++
	d := x - e.mean
	e.mean += d / float64(e.count)
	e.m2 += d * (x - e.mean)
}

func (e *estimate) spread() float64 {
	if e.count < 2 {
		return 0
	}
	return math.Sqrt(e.m2 / float64(e.count-1))
}

// events is a heap, the earliest first.
type events struct {
	list []event
	made int
}

func (h *events) before(a, b *event) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	return a.order < b.order
}

func (h *events) push(e event) {
	h.made++
	e.order = h.made
	h.list = append(h.list, e)
	for i := len(h.list) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.before(&h.list[i], &h.list[up]) {
			break
		}
		h.list[i], h.list[up] = h.list[up], h.list[i]
		i = up
	}
}

func (h *events) pop() event {
	top := h.list[0]
	last := len(h.list) - 1
	h.list[0] = h.list[last]
	h.list = h.list[:last]
	for i := 0; ; {
		least := i
		for _, k := range [2]int{2*i + 1, 2*i + 2} {
			if k < last && h.before(&h.list[k], &h.list[least]) {
				least = k
			}
		}
		if least == i {
			return top
		}
		h.list[i], h.list[least] = h.list[least], h.list[i]
		i = least
	}
}
