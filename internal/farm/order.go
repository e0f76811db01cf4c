package farm

import (
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// OrderKind is how a step's tasks follow each other.
type OrderKind string

// The orders.
const (
	OrderAscending  OrderKind = ""           // the lowest first
	OrderDescending OrderKind = "descending" // the highest first
	OrderMiddleOut  OrderKind = "middleOut"  // the one in the middle, then its neighbours to both sides
	OrderBinary     OrderKind = "binary"     // first, last, then always the middles between those: a preview that gets finer
	OrderStrides    OrderKind = "strides"    // as Strides say, then the rest, the lowest first
)

// Order says which of a step's tasks start first. A task that is set free later, by a retry or by the one it waited for, comes
// before those that the order has not come to.
type Order struct {
	Kind    OrderKind `json:"kind,omitempty"`
	Strides []Stride  `json:"strides,omitempty"`
}

// Stride is the units First, First+Step, … up to Last, which is one of them; Step may be negative.
type Stride struct {
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	Step  int64 `json:"step"`
}

func (s Stride) len() int64 { return (s.Last-s.First)/s.Step + 1 }

const (
	// maxOrdered bounds the tasks of a step whose order scatters them: what is done is kept as runs.
	maxOrdered = 100_000
	maxStrides = 10_000
)

// check refuses an order that a step of so many units cannot have.
func (o *Order) check(units int64) error {
	switch o.Kind {
	case OrderAscending, OrderDescending:
	case OrderMiddleOut, OrderBinary, OrderStrides:
		if units > maxOrdered {
			return fault.New(fault.Invalid, "%d tasks are too many for this order; %d can have it, any number ascending or descending", units, maxOrdered)
		}
	default:
		return fault.New(fault.Invalid, "%q is none of the orders descending, middleOut, binary and strides", o.Kind)
	}
	if (o.Kind == OrderStrides) != (len(o.Strides) > 0) || len(o.Strides) > maxStrides {
		return fault.New(fault.Invalid, "an order of strides has between 1 and %d, and no other order has any; not %d", maxStrides, len(o.Strides))
	}
	var sum int64
	for _, s := range o.Strides {
		inside := func(u int64) bool { return u >= 0 && u < units }
		if !inside(s.First) || !inside(s.Last) || s.Step == 0 || (s.Last-s.First)%s.Step != 0 || (s.Last-s.First)/s.Step < 0 {
			return fault.New(fault.Invalid, "tasks %d to %d by %d are no part of %d tasks", s.First, s.Last, s.Step, units)
		}
		if sum += s.len(); sum > 10*maxOrdered {
			return fault.New(fault.Invalid, "an order that names more than %d tasks, again and again, is too long", 10*maxOrdered)
		}
	}
	return nil
}

// order walks through a step's units in their order. What it has passed it does not come back to: see step.freed.
type order struct {
	at     int64 // position in the order
	stride int   // of OrderStrides: the one it is in
	inside int64 // and how many of it have been passed
}

// next returns the unit at the walk's position and steps on; false: at the end, after which the rest comes ascending.
func (w *order) next(o *Order, units int64) (int64, bool) {
	k := w.at
	w.at++
	switch o.Kind {
	case OrderDescending:
		return units - 1 - k, k < units
	case OrderMiddleOut:
		u := (units-1)/2 + (k+1)/2
		if k%2 == 0 {
			u = (units-1)/2 - k/2
		}
		return u, k < units
	case OrderBinary:
		return binary(k, units)
	case OrderStrides:
		for ; w.stride < len(o.Strides); w.stride, w.inside = w.stride+1, 0 {
			if s := o.Strides[w.stride]; w.inside < s.len() {
				w.inside++
				return s.First + (w.inside-1)*s.Step, true
			}
		}
	}
	return 0, false
}

// binary is the k-th unit of OrderBinary: both ends, then level by level the middles of 1, 2, 4, … parts. Units come more than
// once on deep levels.
func binary(k, units int64) (int64, bool) {
	switch last := units - 1; k {
	case 0:
		return 0, true
	case 1:
		return last, true
	default:
		k -= 2
		parts := int64(1)
		for k >= parts {
			k -= parts
			parts *= 2
		}
		return (2*k + 1) * last / (2 * parts), parts <= last
	}
}

// nextUnit returns the unit of the step that is to start next.
func (s *step) nextUnit() (int64, bool) {
	if s.rec.Order.Kind == OrderAscending {
		return NextMissing(0, s.rec.Units, &s.taken)
	}
	for !s.freed.IsZero() {
		u, _ := s.freed.Next(0)
		s.freed.Remove(u)
		if !s.taken.Contains(u) {
			return u, true
		}
	}
	for {
		u, ok := s.walk.next(&s.rec.Order, s.rec.Units)
		if !ok {
			return NextMissing(0, s.rec.Units, &s.taken)
		}
		if !s.taken.Contains(u) {
			return u, true
		}
	}
}

// release lets a unit be assigned.
func (s *step) release(unit int64) {
	s.taken.Remove(unit)
	if s.rec.Order.Kind != OrderAscending {
		s.freed.Add(unit)
	}
}

// ChangeOrder changes the order of steps' tasks while their job runs.
type ChangeOrder struct {
	Job    JobID
	Orders map[int]Order // by step
	Reason string
}

func (c ChangeOrder) apply(f *Farm, now time.Time) (any, error) {
	j, err := f.job(c.Job)
	if err != nil {
		return nil, err
	}
	if j.rec.State.Over() {
		return nil, fault.New(fault.Conflict, "job %s has ended: it is %s", c.Job, j.rec.State)
	}
	for i, o := range c.Orders {
		if i < 0 || i >= len(j.steps) {
			return nil, fault.New(fault.NotFound, "job %s has no step %d", c.Job, i)
		}
		if err := o.check(j.steps[i].rec.Units); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "step "+j.steps[i].rec.Name)
		}
	}
	for i, s := range j.steps {
		o, ok := c.Orders[i]
		if !ok {
			continue
		}
		o.Strides = slices.Clone(o.Strides)
		s.rec.Order, s.walk, s.freed = o, order{}, UnitSet{}
		f.touchStep(s)
		f.emit(Event{At: now, Kind: "job", Job: c.Job, Step: i, Reason: orElse(c.Reason, "changed") + ": the tasks of " + s.rec.Name + " start " + o.String()})
	}
	return nil, nil
}

// String says what starts first.
func (o Order) String() string {
	switch o.Kind {
	case OrderDescending:
		return "from the last to the first"
	case OrderMiddleOut:
		return "from the middle outwards"
	case OrderBinary:
		return "ends first, then always the middles between"
	case OrderStrides:
		return "in the order given"
	default:
		return "from the first to the last"
	}
}
