package farm

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// limit is a Limit and who takes of it now.
type limit struct {
	rec      Limit
	held     int // seats of attempts
	settling int // seats of rec.Settling
	nodes    map[NodeID]*holding
}

// holding is what the attempts on one node take of a limit that is counted per node: as much as the greediest of them.
type holding struct {
	attempts int
	seats    int
}

// holdsSeats reports whether an attempt in the state takes of its limits. One on a lost node does until the fence: its
// process may live on, with its licence.
func holdsSeats(s AttemptState) bool { return s.OnNode() || s == AttemptFencing }

// external is how many seats are held for taken outside the farm.
func (l *limit) external() int {
	if l.rec.Overdue && l.rec.Stale == StaleIgnore {
		return 0
	}
	return l.rec.External
}

// closed reports whether nothing new may take of the limit because nobody knows how much of it is left.
func (l *limit) closed() bool {
	r := &l.rec
	if !r.DeniedUntil.IsZero() {
		return true
	}
	if r.TTL == 0 || r.Stale == StaleIgnore {
		return false
	}
	return r.Reported.IsZero() || r.Overdue && r.Stale == StaleHold
}

// free is how many seats nobody takes; it may be negative.
func (l *limit) free() int { return l.rec.Seats - l.held - l.settling - l.external() }

// has is how many seats the node may use without taking more.
func (l *limit) has(id NodeID) int {
	if !l.rec.PerNode {
		return 0
	}
	seats := 0
	if h := l.nodes[id]; h != nil {
		seats = h.seats
	}
	for i := range l.rec.Settling {
		if s := &l.rec.Settling[i]; s.Node == id {
			seats += s.Seats
		}
	}
	return seats
}

// more is how many seats the node would have to take for a task that needs some.
func (l *limit) more(id NodeID, need int) int { return max(0, need-l.has(id)) }

// admits reports whether a task that needs seats may start on the node.
func (l *limit) admits(id NodeID, need int) bool {
	more := l.more(id, need)
	return more == 0 || !l.closed() && more <= l.free()
}

// admits reports whether a task of the step may start on the node as far as limits go.
func (f *Farm) admits(s *step, id NodeID) bool {
	for name, need := range s.rec.Limits {
		if l := f.limits[name]; l != nil && !l.admits(id, need) {
			return false
		}
	}
	return true
}

// exhausted returns the first limit, by name, that keeps the step's tasks off every node, or nil.
func (f *Farm) exhausted(s *step) *limit {
	var first *limit
	for name, need := range s.rec.Limits {
		l := f.limits[name]
		if l == nil || !l.closed() && need <= l.free() || l.rec.PerNode && (len(l.nodes) > 0 || len(l.rec.Settling) > 0) {
			continue
		}
		if first == nil || name < first.rec.ID {
			first = l
		}
	}
	return first
}

// wants is how many seats the node would have to take for a task of the step.
func (f *Farm) wants(s *step, id NodeID) int {
	sum := 0
	for name, need := range s.rec.Limits {
		if l := f.limits[name]; l != nil && l.rec.PerNode {
			sum += l.more(id, need)
		}
	}
	return sum
}

// takeSeats counts an attempt that occupies a node against its limits. A node that takes a seat again while it settles
// has had it all the time.
func (f *Farm) takeSeats(a *attempt) {
	for name, need := range a.step.rec.Limits {
		l := f.limits[name]
		switch {
		case l == nil:
		case !l.rec.PerNode:
			l.held += need
		default:
			id := a.node.rec.ID
			h := l.nodes[id]
			if h == nil {
				h = &holding{}
				l.nodes[id] = h
			}
			h.attempts++
			if more := need - h.seats; more > 0 {
				l.held += more
				h.seats = need
				f.unsettle(l, id, more)
			}
		}
	}
}

// unsettle ends the settling of some of a node's seats.
func (f *Farm) unsettle(l *limit, id NodeID, seats int) {
	for i := range l.rec.Settling {
		if s := &l.rec.Settling[i]; s.Node == id && seats > 0 {
			again := min(seats, s.Seats)
			s.Seats, seats = s.Seats-again, seats-again
			f.touchLimit(l)
		}
	}
	l.rec.Settling = slices.DeleteFunc(l.rec.Settling, func(s Settling) bool { return s.Seats == 0 })
	l.resettle()
}

// resettle sums up what settles.
func (l *limit) resettle() {
	l.settling = 0
	for _, s := range l.rec.Settling {
		l.settling += s.Seats
	}
	if len(l.rec.Settling) == 0 {
		l.rec.Settling = nil
	}
}

// releaseSeats is called when an attempt does not hold its seats any more. They settle for a while: a licence server needs
// time to take a licence back.
func (f *Farm) releaseSeats(now time.Time, a *attempt) {
	for _, name := range slices.Sorted(maps.Keys(a.step.rec.Limits)) {
		l, seats, id := f.limits[name], a.step.rec.Limits[name], NodeID("")
		if l == nil {
			continue
		}
		if l.rec.PerNode {
			id = a.node.rec.ID
			h := l.nodes[id]
			before := h.seats
			h.attempts--
			h.seats = greediest(a.node, name, a)
			if h.attempts == 0 {
				delete(l.nodes, id)
			}
			seats = before - h.seats
		}
		l.held -= seats
		if seats > 0 && l.rec.Settle > 0 {
			f.settle(l, Settling{Node: id, Seats: seats, Until: now.Add(l.rec.Settle)})
		}
	}
}

// settle keeps seats taken until a time. Times are rounded up to a second, so that a busy limit has few of them.
func (f *Farm) settle(l *limit, s Settling) {
	if up := s.Until.Truncate(time.Second); up.Before(s.Until) {
		s.Until = up.Add(time.Second)
	}
	l.settling += s.Seats
	f.touchLimit(l)
	for i := range l.rec.Settling {
		if o := &l.rec.Settling[i]; o.Node == s.Node && o.Until.Equal(s.Until) {
			o.Seats += s.Seats
			return
		}
	}
	l.rec.Settling = append(l.rec.Settling, s)
}

// greediest is how many seats of a limit a node's attempts need, without one of them.
func greediest(n *node, name LimitID, without *attempt) int {
	most := 0
	for _, list := range [][]*attempt{n.live, n.fencing} {
		for _, a := range list {
			if a != without {
				most = max(most, a.step.rec.Limits[name])
			}
		}
	}
	return most
}

// recountLimit counts anew who takes of a limit.
func (f *Farm) recountLimit(l *limit) {
	l.held, l.nodes = 0, map[NodeID]*holding{}
	for _, n := range f.nodes {
		for _, list := range [][]*attempt{n.live, n.fencing} {
			for _, a := range list {
				need := a.step.rec.Limits[l.rec.ID]
				switch {
				case need == 0:
				case !l.rec.PerNode:
					l.held += need
				default:
					h := l.nodes[n.rec.ID]
					if h == nil {
						h = &holding{}
						l.nodes[n.rec.ID] = h
					}
					h.attempts++
					l.held += max(0, need-h.seats)
					h.seats = max(h.seats, need)
				}
			}
		}
	}
	l.resettle()
}

// tickLimits lets seats go that have settled, and finds reports that are overdue.
func (f *Farm) tickLimits(now time.Time) bool {
	changed := false
	for _, l := range f.limitList {
		r := &l.rec
		if kept := slices.DeleteFunc(r.Settling, func(s Settling) bool { return !s.Until.After(now) }); len(kept) < len(r.Settling) {
			r.Settling = kept
			l.resettle()
			f.touchLimit(l)
			changed = true
		}
		if !r.DeniedUntil.IsZero() && !r.DeniedUntil.After(now) {
			r.DeniedUntil = time.Time{}
			f.touchLimit(l)
			changed = true
		}
		if due := l.due(); !due.IsZero() && !due.After(now) {
			r.Overdue = true
			f.touchLimit(l)
			f.emitLimit(now, l, fmt.Sprintf("no report for %s: %s", now.Sub(r.Reported).Round(time.Second), staleSays[r.Stale]))
			changed = true
		}
	}
	return changed
}

// due is when the last report ends to count; zero: never, or it has.
func (l *limit) due() time.Time {
	if l.rec.TTL == 0 || l.rec.Overdue || l.rec.Reported.IsZero() {
		return time.Time{}
	}
	return l.rec.Reported.Add(l.rec.TTL)
}

// nextOfLimits is when tickLimits has something to do; zero: never.
func (f *Farm) nextOfLimits() time.Time {
	var next time.Time
	for _, l := range f.limitList {
		times := []time.Time{l.due(), l.rec.DeniedUntil}
		for _, s := range l.rec.Settling {
			times = append(times, s.Until)
		}
		for _, t := range times {
			if !t.IsZero() && (next.IsZero() || t.Before(next)) {
				next = t
			}
		}
	}
	return next
}

var staleSays = map[StalePolicy]string{
	StaleKeep: "the last one goes on to count", StaleIgnore: "only the farm's own use counts", StaleHold: "nothing new is started",
}

// why says how a limit stands, for people.
func (l *limit) why() string {
	r := &l.rec
	text := fmt.Sprintf("limit %s: %d of %d taken", r.ID, l.held+l.settling+l.external(), r.Seats)
	switch {
	case !r.DeniedUntil.IsZero():
		return fmt.Sprintf("limit %s: a program was denied a licence; the next is tried at %s", r.ID, r.DeniedUntil.Format(time.TimeOnly))
	case l.closed() && r.Reported.IsZero():
		return fmt.Sprintf("limit %s: its use outside the farm has never been reported", r.ID)
	case l.closed():
		return fmt.Sprintf("limit %s: its use outside the farm was last reported at %s", r.ID, r.Reported.Format(time.DateTime))
	case l.external() > 0 && l.settling > 0:
		return fmt.Sprintf("%s, %d outside the farm, %d settling", text, l.external(), l.settling)
	case l.external() > 0:
		return fmt.Sprintf("%s, %d outside the farm", text, l.external())
	case l.settling > 0:
		return fmt.Sprintf("%s, %d settling", text, l.settling)
	}
	return text
}

// limited returns the limit that keeps a task of the step off a node, or nil.
func (f *Farm) limited(s *step, id NodeID) *limit {
	for _, name := range slices.Sorted(maps.Keys(s.rec.Limits)) {
		if l := f.limits[name]; l != nil && !l.admits(id, s.rec.Limits[name]) {
			return l
		}
	}
	return nil
}

// seatsFor is how many tasks of the step its limits would let start now, at most n. Of a limit that is counted per node
// that is the number of nodes more that could take a seat, and all if one has it already.
func (f *Farm) seatsFor(s *step, n int64) int64 {
	for name, need := range s.rec.Limits {
		l := f.limits[name]
		switch {
		case l == nil:
		case l.rec.PerNode && len(l.nodes) > 0:
		case l.closed():
			return 0
		case !l.rec.PerNode || l.free() < need:
			n = min(n, int64(max(0, l.free())/need))
		}
	}
	return n
}

func (f *Farm) addLimit(l *limit) {
	f.limits[l.rec.ID] = l
	i, _ := slices.BinarySearchFunc(f.limitList, l.rec.ID, func(l *limit, id LimitID) int { return cmp.Compare(l.rec.ID, id) })
	f.limitList = slices.Insert(f.limitList, i, l)
}

func (f *Farm) emitLimit(now time.Time, l *limit, reason string) {
	f.emit(Event{At: now, Kind: "limit", Reason: string(l.rec.ID) + ": " + reason})
}

func cloneLimit(l *Limit) Limit {
	c := *l
	c.Settling = slices.Clone(l.Settling)
	return c
}
