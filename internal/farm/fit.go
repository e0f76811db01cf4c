package farm

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// shape is what steps have in common that fit on the same nodes and take of the same limits.
type shape struct {
	key    string
	full   uint64   // the round of Schedule in which no open node had room for it
	groups []*group // that fit, as of epoch
	epoch  uint64
}

// shapeOf returns the shape of a step.
func (f *Farm) shapeOf(r *Requirements, limits map[LimitID]int) *shape {
	key := keyOf(r)
	if len(limits) > 0 {
		key += keyOf(limits)
	}
	if f.shapesOf[key] == nil {
		f.shapesOf[key] = &shape{key: key}
	}
	return f.shapesOf[key]
}

// classOf returns a key that is equal for capacities that serve the same work.
func classOf(c *Capacity) string { return keyOf(c) }

func keyOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // NaN or infinity
		return fmt.Sprintf("%+v", v)
	}
	return string(text)
}

// vcpus is what a task takes of a node: what it asks for; one, or all of a smaller node, if it does not say.
func (r *Requirements) vcpus(c *Capacity) float64 {
	if r.VCPUs > 0 {
		return r.VCPUs
	}
	return min(1, c.VCPUs)
}

// recount sums up what the attempts on the node take.
func (n *node) recount() {
	n.used = Capacity{}
	for _, a := range n.live {
		n.use(a.needs())
	}
}

// use adds what one task takes.
func (n *node) use(r *Requirements) {
	n.used.VCPUs = even(n.used.VCPUs + r.vcpus(&n.rec.Capacity))
	n.used.MemoryMiB += r.MemoryMiB
	n.used.GPUs += r.GPUs
	n.used.ScratchGiB += r.ScratchGiB
	for name, amount := range r.Amounts {
		if amount.Min > 0 {
			if n.used.Amounts == nil {
				n.used.Amounts = map[string]float64{}
			}
			n.used.Amounts[name] = even(n.used.Amounts[name] + amount.Min)
		}
	}
}

// room reports whether a task fits beside what a node does already. The node must be fit for it.
func (n *node) room(r *Requirements) bool {
	c, u := &n.rec.Capacity, &n.used
	const dust = 1e-9 // sums of fractions of a vcpu
	if u.VCPUs+r.vcpus(c) > c.VCPUs+dust || u.MemoryMiB+r.MemoryMiB > c.MemoryMiB ||
		u.GPUs+r.GPUs > c.GPUs || u.ScratchGiB+r.ScratchGiB > c.ScratchGiB {
		return false
	}
	for name, amount := range r.Amounts {
		if u.Amounts[name]+amount.Min > c.Amounts[name]+dust {
			return false
		}
	}
	return true
}

// shortage is one thing that a node, even an idle one, lacks for a task.
type shortage struct {
	reason string // as counted: "too little memory"
	need   string // "512 GiB memory"
	have   float64
	unit   string // "MiB memory"; empty: cannot be compared
}

// unfit returns the first thing a node with this capacity lacks, or nil.
func (r *Requirements) unfit(c *Capacity) *shortage {
	all := r.shortages(c)
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

// unfit is Requirements.unfit for a step and a node, remembered for all steps and nodes like them.
func (f *Farm) unfit(s *step, n *node) *shortage {
	key := fitKey{s.shape.key, n.class}
	short, ok := f.fits[key]
	if !ok {
		if len(f.fits) >= maxFits {
			clear(f.fits)
		}
		short = s.needs.unfit(&n.rec.Capacity)
		f.fits[key] = short
	}
	return short
}

// fitKey is a shape of work and a class of nodes.
type fitKey struct{ shape, class string }

// maxFits bounds what unfit remembers.
const maxFits = 100_000

// shortages returns all that a node with this capacity lacks.
func (r *Requirements) shortages(c *Capacity) []shortage {
	var out []shortage
	amount := func(need, have float64, reason, unit string) {
		if !(have >= need) {
			out = append(out, shortage{reason, amountOf(need, unit), have, unit})
		}
	}
	amount(r.VCPUs, c.VCPUs, "too few vcpus", "vcpus")
	amount(float64(r.MemoryMiB), float64(c.MemoryMiB), "too little memory", "MiB memory")
	amount(float64(r.GPUs), float64(c.GPUs), "too few GPUs", "GPUs")
	amount(float64(r.GPUMemory), float64(c.GPUMemory), "too little GPU memory", "MiB GPU memory")
	amount(float64(r.ScratchGiB), float64(c.ScratchGiB), "too little scratch space", "GiB scratch space")
	for _, name := range slices.Sorted(maps.Keys(r.Amounts)) {
		bound, have := r.Amounts[name], c.Amounts[name]
		amount(bound.Min, have, "too little "+name, name)
		if bound.Max > 0 && have > bound.Max {
			out = append(out, shortage{reason: "too much " + name, need: fmt.Sprintf("at most %s %s", number(bound.Max), name)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		need, have := r.Attributes[name], c.Attributes[name]
		for _, v := range need.AllOf {
			if !slices.Contains(have, v) {
				out = append(out, shortage{reason: name + " is not " + v, need: name + " " + v})
			}
		}
		if len(need.AnyOf) > 0 && !slices.ContainsFunc(need.AnyOf, func(v string) bool { return slices.Contains(have, v) }) {
			out = append(out, shortage{reason: fmt.Sprintf("%s is none of %v", name, need.AnyOf), need: fmt.Sprintf("%s one of %v", name, need.AnyOf)})
		}
	}
	return out
}

// number writes a figure without needless digits.
func number(x float64) string { return fmt.Sprintf("%.10g", x) }

// amountOf writes an amount for people: large memory in GiB.
func amountOf(x float64, unit string) string {
	if rest, ok := strings.CutPrefix(unit, "MiB "); ok && x >= 4096 {
		return fmt.Sprintf("%.4g GiB %s", x/1024, rest)
	}
	return number(x) + " " + unit
}

// feasible refuses a step that no node that is known, and none a pool could bring, can ever run.
func (f *Farm) feasible(s *NewStep) error {
	var known []*Capacity // of each class of nodes one, and of each pool
	seen := map[string]bool{}
	for _, n := range f.nodeList {
		if n.rec.Capacity.VCPUs > 0 && !seen[n.class] {
			seen[n.class] = true
			known = append(known, &n.rec.Capacity)
		}
	}
	for _, p := range f.cfg.Pools {
		if p.Max > 0 {
			known = append(known, &p.Capacity)
		}
	}
	if len(known) == 0 {
		return nil
	}
	lacking := map[string]int{} // kinds of node by need
	largest := map[string]float64{}
	var order []shortage
	for _, c := range known {
		all := s.Needs.shortages(c)
		if len(all) == 0 {
			return nil
		}
		for _, l := range all {
			if lacking[l.need] == 0 {
				order = append(order, l)
				largest[l.need] = l.have
			}
			lacking[l.need]++
			largest[l.need] = max(largest[l.need], l.have)
		}
	}
	hint := "ask for less, or add a node or a pool that has it: spillway node list"
	for _, l := range order {
		if lacking[l.need] < len(known) {
			continue // some node has it
		}
		if l.unit == "" {
			return fault.WithHint(fault.New(fault.Invalid, "step %s needs %s; no node has that", s.Name, l.need), "%s", hint)
		}
		return fault.WithHint(fault.New(fault.Invalid, "step %s needs %s; the largest node has %s", s.Name, l.need, amountOf(largest[l.need], l.unit)), "%s", hint)
	}
	return fault.WithHint(fault.New(fault.Invalid, "step %s needs %s; no node has all of what it needs", s.Name, order[0].need), "%s", hint)
}
