package farm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// SetLimit makes a limit or changes one. What is nil keeps its value; of a new limit Seats must be given. What runs goes on,
// also when a limit becomes smaller than what is taken of it. It returns a LimitView.
type SetLimit struct {
	Limit   LimitID
	Seats   *int
	PerNode *bool
	Settle  *time.Duration
	TTL     *time.Duration
	Stale   *StalePolicy
	Reason  string
}

// DeleteLimit removes a limit. While jobs that are not over need it, that is a Conflict.
type DeleteLimit struct {
	Limit  LimitID
	Reason string
}

// ReportLimit tells how many seats are taken outside the farm and, if Seats is not nil, how many there are in all: what a
// licence server knows. It returns a LimitView.
type ReportLimit struct {
	Limit    LimitID
	External int
	Seats    *int
}

// LimitView is a limit as it stands.
type LimitView struct {
	Limit
	Held          int // by tasks
	SettlingSeats int // given back a moment ago
	Outside       int // what counts of External now
	Closed        bool
	Nodes         []NodeID // that hold seats, if they are counted per node
}

const (
	maxSeats   = 1_000_000
	maxSettle  = time.Hour
	maxTTL     = 7 * 24 * time.Hour
	maxLimits  = 1000
	nameNeeded = "a name has 1 to 64 letters, digits, dots, hyphens and underscores, and begins with a letter or digit"
)

// nameLike is what limits and queues may be called.
func nameLike(s string) bool {
	return len(s) <= 64 && regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`).MatchString(s)
}

func (c SetLimit) apply(f *Farm, now time.Time) (any, error) {
	l := f.limits[c.Limit]
	r := Limit{ID: c.Limit, Seats: -1, Stale: StaleKeep}
	if l != nil {
		r = l.rec
	}
	r.Seats, r.PerNode, r.Settle = given(c.Seats, r.Seats), given(c.PerNode, r.PerNode), given(c.Settle, r.Settle)
	r.TTL, r.Stale = given(c.TTL, r.TTL), given(c.Stale, r.Stale)
	if err := r.validate(); err != nil {
		return nil, err
	}
	if l == nil {
		if len(f.limits) >= maxLimits {
			return nil, fault.New(fault.Exhausted, "there are %d limits already", maxLimits)
		}
		l = &limit{}
		l.rec = r
		f.addLimit(l)
	}
	if r.PerNode != l.rec.PerNode { // what settles was counted the other way
		r.Settling = nil
	}
	r.Overdue = r.Overdue && r.TTL > 0
	l.rec = r
	f.recountLimit(l)
	f.touchLimit(l)
	per := "task"
	if r.PerNode {
		per = "node"
	}
	f.emitLimit(now, l, orElse(c.Reason, "set")+fmt.Sprintf(": %d, counted per %s", r.Seats, per))
	return l.view(), nil
}

func given[T any](p *T, or T) T {
	if p == nil {
		return or
	}
	return *p
}

func (r *Limit) validate() error {
	switch {
	case !nameLike(string(r.ID)):
		return fault.WithHint(fault.New(fault.Invalid, "%q is no name for a limit", r.ID), nameNeeded)
	case r.Seats == -1:
		return fault.WithHint(fault.New(fault.Invalid, "there is no limit %s, and a new one needs a number of seats", r.ID),
			"spillway limit set %s --seats N", r.ID)
	case r.Seats < 0 || r.Seats > maxSeats:
		return fault.New(fault.Invalid, "%d seats is not between 0 and %d", r.Seats, maxSeats)
	case r.Settle < 0 || r.Settle > maxSettle:
		return fault.New(fault.Invalid, "a settle time of %s is not between 0 and %s", r.Settle, maxSettle)
	case r.TTL < 0 || r.TTL > maxTTL:
		return fault.New(fault.Invalid, "a report cannot count for %s; at most for %s", r.TTL, maxTTL)
	case staleSays[r.Stale] == "":
		return fault.New(fault.Invalid, "%q is none of keep, ignore and hold", r.Stale)
	}
	return nil
}

func (c DeleteLimit) apply(f *Farm, now time.Time) (any, error) {
	l, err := f.limit(c.Limit)
	if err != nil {
		return nil, err
	}
	users := 0
	var first JobID
	for _, j := range f.queue {
		if slices.ContainsFunc(j.steps, func(s *step) bool { return s.rec.Limits[c.Limit] > 0 }) {
			if users++; users == 1 {
				first = j.rec.ID
			}
		}
	}
	if users > 0 {
		return nil, fault.WithHint(fault.New(fault.Conflict, "limit %s is needed by %d jobs that are not over, such as %s", c.Limit, users, first),
			"to lift it, give it more seats: spillway limit set %s --seats N", c.Limit)
	}
	delete(f.limits, c.Limit)
	f.limitList = drop(f.limitList, l)
	f.changes.limits.drop(c.Limit)
	f.changes.oldLimits.add(c.Limit)
	f.emitLimit(now, l, orElse(c.Reason, "deleted"))
	return nil, nil
}

func (c ReportLimit) apply(f *Farm, now time.Time) (any, error) {
	l, err := f.limit(c.Limit)
	if err != nil {
		return nil, err
	}
	if c.External < 0 || c.External > maxSeats {
		return nil, fault.New(fault.Invalid, "%d seats taken outside the farm is not between 0 and %d", c.External, maxSeats)
	}
	r := l.rec
	r.External, r.Reported, r.Overdue, r.Seats = c.External, now, false, given(c.Seats, r.Seats)
	if err := r.validate(); err != nil {
		return nil, err
	}
	news := r.External != l.rec.External || r.Seats != l.rec.Seats || l.rec.Overdue || l.rec.Reported.IsZero()
	l.rec = r
	f.touchLimit(l)
	if news {
		f.emitLimit(now, l, fmt.Sprintf("%d of %d taken outside the farm", r.External, r.Seats))
	}
	return l.view(), nil
}

func (f *Farm) limit(id LimitID) (*limit, error) {
	if l := f.limits[id]; l != nil {
		return l, nil
	}
	return nil, fault.WithHint(fault.New(fault.NotFound, "there is no limit %q", id), "%s", f.limitsKnown())
}

func (f *Farm) limitsKnown() string {
	if len(f.limitList) == 0 {
		return "there are none; make one: spillway limit set NAME --seats N"
	}
	var names []string
	for _, l := range f.limitList {
		names = append(names, string(l.rec.ID))
	}
	return "there are: " + strings.Join(names, ", ")
}

// checkNeed refuses a step that needs what there is not, or more than there can be.
func (f *Farm) checkNeed(s *NewStep) error {
	for name, need := range s.Limits {
		l := f.limits[name]
		switch {
		case l == nil:
			return fault.WithHint(fault.New(fault.Invalid, "step %s needs the limit %q, which there is not", s.Name, name), "%s", f.limitsKnown())
		case need < 1 || need > maxSeats:
			return fault.New(fault.Invalid, "step %s needs %d of limit %s, not between 1 and %d", s.Name, need, name, maxSeats)
		case need > l.rec.Seats && l.rec.Seats > 0:
			return fault.New(fault.Invalid, "step %s needs %d of limit %s for each task; there are %d", s.Name, need, name, l.rec.Seats)
		}
	}
	return nil
}

func (l *limit) view() LimitView {
	v := LimitView{Limit: cloneLimit(&l.rec), Held: l.held, SettlingSeats: l.settling, Outside: l.external(), Closed: l.closed()}
	for id := range l.nodes {
		v.Nodes = append(v.Nodes, id)
	}
	slices.Sort(v.Nodes)
	return v
}

// Limits returns all limits, by name.
func (f *Farm) Limits() []LimitView {
	out := make([]LimitView, 0, len(f.limitList))
	for _, l := range f.limitList {
		out = append(out, l.view())
	}
	return out
}
