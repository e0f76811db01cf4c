package autoscale

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Result is what a formula wants.
type Result struct {
	TargetDedicatedNodes   int
	TargetLowPriorityNodes int
	NodeDeallocationOption Option
	Variables              []Assigned // the formula's own, in alphabetical order
	Stopped                bool       // by stop()
}

// Assigned is a variable of a formula and its last value.
type Assigned struct {
	Name  string // with $
	Type  Type
	Value string
}

// String returns the results as the service writes them: the three built-in variables, then the formula's own.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s=%d;%s=%d;%s=%s", targetDedicated, r.TargetDedicatedNodes, targetLowPriority, r.TargetLowPriorityNodes, deallocation, r.NodeDeallocationOption)
	for _, v := range r.Variables {
		fmt.Fprintf(&b, ";%s=%s", v.Name, v.Value)
	}
	return b.String()
}

// result collects what the formula has assigned.
func (m *machine) result(f *Formula, stopped bool) (Result, error) {
	dedicated, err := m.nodes(targetDedicated)
	if err != nil {
		return Result{}, err
	}
	low, err := m.nodes(targetLowPriority)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		TargetDedicatedNodes: dedicated, TargetLowPriorityNodes: low, Stopped: stopped,
		NodeDeallocationOption: Option(m.target(deallocation).value.text),
	}
	for slot, name := range f.names {
		if v := m.vars[slot]; v.kind != invalid {
			r.Variables = append(r.Variables, Assigned{Name: "$" + name, Type: v.kind, Value: v.String()})
		}
	}
	slices.SortFunc(r.Variables, func(a, b Assigned) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

// target returns what a service variable holds: what was assigned to its full name, else to an alias, else what it is without
// the formula.
func (m *machine) target(name string) assigned {
	if a, ok := m.targets[name]; ok {
		return a
	}
	for _, alias := range vocabulary().aliases[name] {
		if a, ok := m.targets[alias]; ok {
			return a
		}
	}
	switch name {
	case targetDedicated:
		return assigned{value: doubleOf(float64(m.in.TargetDedicatedNodes))}
	case targetLowPriority:
		return assigned{value: doubleOf(float64(m.in.TargetLowPriorityNodes))}
	default:
		return assigned{value: value{kind: Deallocation, text: string(Requeue)}}
	}
}

// nodes returns a target as whole nodes. The service cuts fractions off (github.com/Azure/Batch issue 151).
func (m *machine) nodes(name string) (int, error) {
	a := m.target(name)
	n := math.Trunc(a.value.number)
	switch {
	case n < 0:
		return 0, m.src.errorAt(a.at, "at least none: max(0, …)", "%s is negative: %s", name, formatDouble(n))
	case !(n <= maxTarget):
		return 0, m.src.errorAt(a.at, "is there a division by zero?", "%s is no number of nodes: %s", name, formatDouble(n))
	}
	return int(n), nil
}
