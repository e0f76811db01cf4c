package farm

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// addAttempt puts an attempt, new or loaded, into all indexes.
func (f *Farm) addAttempt(a *attempt) {
	f.attempts[a.rec.ID] = a
	s, j := a.step, a.step.job
	j.attempts = append(j.attempts, a)
	s.last[a.rec.Unit.Unit] = a
	f.place(a)
}

// place enters an attempt into the indexes that follow its state.
func (f *Farm) place(a *attempt) {
	state, s, n := a.rec.State, a.step, a.node
	s.count(state, +1)
	if !state.Over() {
		s.job.live = insert(s.job.live, a)
	}
	if state.OnNode() {
		n.live = insert(n.live, a)
		n.use(a.needs())
		f.stale(n)
		s.job.occupy(n.rec.ID, +1)
		f.queueOf(s.job).take(a.needs().taken(), false)
		if ses := f.sessions[a.rec.Session]; ses != nil {
			ses.occupy(a)
		}
		f.orders.add(n.rec.ID)
	}
	if state == AttemptFencing {
		n.fencing = insert(n.fencing, a)
	}
	switch state {
	case AttemptWarming:
		f.warming.add(a.rec.ID)
	case AttemptLanding:
		f.landing.add(a.rec.ID)
	default:
	}
}

// insert keeps a list of attempts in the order in which they were made.
func insert(list []*attempt, a *attempt) []*attempt {
	if len(list) == 0 || list[len(list)-1].rec.ID < a.rec.ID {
		return append(list, a)
	}
	i, _ := slices.BinarySearchFunc(list, a, func(x, y *attempt) int { return cmp.Compare(x.rec.ID, y.rec.ID) })
	return slices.Insert(list, i, a)
}

// displace is the inverse of place.
func (f *Farm) displace(a *attempt) {
	state, s, n := a.rec.State, a.step, a.node
	s.count(state, -1)
	if !state.Over() {
		s.job.live = drop(s.job.live, a)
	}
	if state.OnNode() {
		n.live = drop(n.live, a)
		n.recount()
		f.stale(n)
		s.job.occupy(n.rec.ID, -1)
		f.queueOf(s.job).take(a.needs().taken(), true)
		if ses := f.sessions[a.rec.Session]; ses != nil && ses.attempt == a {
			ses.occupy(nil)
		}
		f.orders.add(n.rec.ID)
	}
	switch state {
	case AttemptWarming:
		f.warming.drop(a.rec.ID)
	case AttemptLanding:
		f.landing.drop(a.rec.ID)
	case AttemptFencing:
		n.fencing = drop(n.fencing, a)
	default:
	}
}

// move takes an attempt that is not over to another state that is not the end of it.
func (f *Farm) move(now time.Time, a *attempt, to AttemptState, reason string) {
	from := a.rec.State
	if !slices.Contains(attemptMoves[from], to) {
		f.fail("attempt %s cannot go from %s to %s", a.rec.ID, from, to)
		return
	}
	f.displace(a)
	a.rec.State, a.rec.Reason = to, reason
	f.place(a)
	if holdsSeats(from) && !holdsSeats(to) {
		f.releaseSeats(now, a)
	}
	f.touchAttempt(a)
	f.emitAttempt(now, a, from)
	if was, is := unitStateOf(from), unitStateOf(to); was != is && !to.Over() {
		f.emitUnit(now, a.step, a.rec.Unit.Unit, was, is, reason)
	}
	if from.OnNode() && !to.OnNode() {
		f.charge(now, a)
		f.vacated(now, a)
	}
}

// finish takes an attempt to one of its final states and decides what becomes of its unit.
func (f *Farm) finish(now time.Time, a *attempt, to AttemptState, cause Cause, reason string) {
	s, unit, was := a.step, a.rec.Unit.Unit, unitStateOf(a.rec.State)
	a.rec.Cause = cause
	if a.rec.Ended.IsZero() {
		a.rec.Ended = now
	}
	f.move(now, a, to, reason)
	s.rec.Active.Remove(unit)
	is := UnitPending
	switch {
	case f.settleSkipped(s, unit, to == AttemptSucceeded):
		is, reason = UnitSucceeded, "skipped by a user"
	case to == AttemptSucceeded:
		is = UnitSucceeded
		s.rec.Succeeded.Add(unit)
		f.follow(s, unit)
		s.learn(a)
		f.thrived(now, a)
	case s.job.rec.State == JobCanceled:
		is = UnitCanceled
		s.rec.Canceled.Add(unit)
	case to == AttemptFailed:
		is, reason = f.failed(now, a, cause, reason)
	default:
		s.release(unit)
	}
	f.touchStep(s)
	f.emitUnit(now, s, unit, was, is, reason)
	f.review(now, s.job)
}

// learn adds a successful attempt's run time to the step's estimates.
func (s *step) learn(a *attempt) {
	if a.rec.RunTime <= 0 {
		return
	}
	s.rec.Estimate.add(a.rec.RunTime.Seconds())
	if s.rec.BySite == nil {
		s.rec.BySite = map[SiteID]Estimate{}
	}
	e := s.rec.BySite[a.rec.Site]
	e.add(a.rec.RunTime.Seconds())
	s.rec.BySite[a.rec.Site] = e
}

// add takes in one measurement (Welford's method). Once there is an idea of what is usual, one that lies far outside counts
// as one at the edge: a frame that hung for a night does not make its step seem to take a night. Should times really have
// changed, the spread grows with each measurement, and the mean follows within a few.
func (e *Estimate) add(x float64) {
	if e.Count >= usualAfter {
		spread := math.Sqrt(e.M2 / float64(e.Count-1))
		x = min(x, e.Mean+outlier*max(spread, e.Mean/8))
	}
	e.Count++
	d := x - e.Mean
	e.Mean += d / float64(e.Count)
	e.M2 += d * (x - e.Mean)
}

// Measurements beyond outlier standard deviations (of at least an eighth of the mean) are cut once usualAfter are there.
const (
	usualAfter = 5
	outlier    = 4
)

func (f *Farm) emitAttempt(now time.Time, a *attempt, from AttemptState) {
	f.emit(Event{
		At: now, Kind: "attempt", Job: a.rec.Unit.Job, Step: a.rec.Unit.Step, Unit: a.rec.Unit.Unit, Attempt: a.rec.ID,
		Node: a.rec.Node, From: from.String(), To: a.rec.State.String(), Reason: a.rec.Reason,
	})
}

func (f *Farm) emitUnit(now time.Time, s *step, unit int64, from, to UnitState, reason string) {
	e := Event{
		At: now, Kind: "unit", Job: s.job.rec.ID, Step: s.index, Unit: unit, From: from.String(), To: to.String(), Reason: reason,
	}
	if a := s.last[unit]; a != nil {
		e.Attempt, e.Node = a.rec.ID, a.rec.Node
	}
	f.emit(e)
}
