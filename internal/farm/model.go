package farm

import (
	"container/heap"
	"slices"
	"time"
)

// The farm in memory: each record with what belongs to it at hand. All of it can be derived from the records.

type job struct {
	rec      Job // without Steps
	steps    []*step
	attempts []*attempt     // oldest first
	live     []*attempt     // those that are not over, oldest first
	running  int64          // those that occupy a node
	nodes    map[NodeID]int // those that it occupies, and how many times
	avoids   []*node        // those that are blocked for it
}

type step struct {
	job   *job
	index int
	rec   Step
	// taken holds the units that cannot be assigned now: those in the record's sets, those in back-off, and waits.
	taken     UnitSet
	freed     UnitSet // not taken any more, though the walk may have passed them
	walk      order
	waits     UnitSet // pending units that wait for single units of other steps
	followers []follower
	last      map[int64]*attempt // each tried unit's newest attempt
	sessions  []*session
	assigned  int64 // units whose attempt occupies a node
	running   int64
	landing   int64
	fencing   int64
	needs     Requirements // of the next task
	shape     *shape
	idle      []*session // open, and nothing runs in them
	skip      uint64     // the round of Schedule in which no node could be found for it
}

type attempt struct {
	rec  Attempt
	step *step
	node *node
	// changed: it stands in changes.attempts.
	changed bool
}

type node struct {
	rec      Node
	seen     time.Time  // last sign of life; not recorded
	live     []*attempt // those that occupy it, oldest first
	fencing  []*attempt // dead, waiting for the fence, oldest first
	sessions []*session // oldest first
	used     Capacity   // by live
	class    string     // equal for nodes of equal capacity
	bucket   *bucket    // where the scheduler finds it; nil: it takes nothing
	place    int        // in the bucket
	stale    bool       // bucket and counted are to be looked at anew
	counted  Amounts    // what of it is in Farm.supply

	// Of one that costs: what attempts that have left it have used, in seconds of all of it, and what of that is whose.
	worked    float64
	workedFor map[*budget]float64 // nil once it is gone
}

type session struct {
	rec     Session
	node    *node
	step    *step
	attempt *attempt // the one that occupies the node; nil: idle
	idle    bool     // it stands in step.idle
}

type primingKey struct {
	job   JobID
	filer FilerID
}

func (s *step) ref() StepRef { return StepRef{s.job.rec.ID, s.index} }

// pending is the number of units that nobody works on and that are not settled.
func (s *step) pending() int64 {
	return s.rec.Units - s.rec.Active.Len() - s.rec.Succeeded.Len() - s.rec.Failed.Len() - s.rec.Canceled.Len()
}

// skipped is the number of units that are held for done.
func (s *step) skipped() int64 {
	if s.rec.Skipped.IsZero() {
		return 0
	}
	both := s.rec.Skipped.And(&s.rec.Succeeded)
	return both.Len()
}

func (s *step) complete() bool { return s.rec.Succeeded.Len() == s.rec.Units }

// free is the number of units that could be assigned now if the step is ready.
func (s *step) free() int64 {
	if !s.rec.HeldUntil.IsZero() {
		return 0
	}
	return s.rec.Units - s.taken.Len()
}

// ready reports whether all steps and jobs that s depends on have succeeded wholly.
func (s *step) ready(f *Farm) bool {
	for _, d := range s.rec.DependsOn {
		if !s.job.steps[d].complete() {
			return false
		}
	}
	return s.afterMet(f)
}

// doomed reports whether a step before s has failed or canceled units, so that s can never become ready by itself.
func (s *step) doomed() bool {
	for _, d := range s.rec.DependsOn {
		dep := s.job.steps[d]
		if dep.rec.Failed.Len() > 0 || dep.rec.Canceled.Len() > 0 || dep.doomed() {
			return true
		}
	}
	return false
}

// retake rebuilds taken from the record.
func (s *step) retake() {
	s.taken.Clear()
	s.freed.Clear()
	s.walk = order{}
	for _, set := range []*UnitSet{&s.rec.Active, &s.rec.Succeeded, &s.rec.Failed, &s.rec.Canceled} {
		s.taken.AddSet(set)
	}
	s.taken.AddSet(&s.waits)
	for u := range s.rec.BackOff {
		s.taken.Add(u)
	}
}

func (s *step) counts() Counts {
	return Counts{
		Pending: s.pending(), Assigned: s.assigned, Running: s.running, Landing: s.landing, Fencing: s.fencing,
		Succeeded: s.rec.Succeeded.Len(), Failed: s.rec.Failed.Len(), Canceled: s.rec.Canceled.Len(), Skipped: s.skipped(),
	}
}

// count adds n to the counters of units whose attempt is in the state.
func (s *step) count(state AttemptState, n int64) {
	switch unitStateOf(state) {
	case UnitAssigned:
		s.assigned += n
		if state != AttemptWarming && state != AttemptOrdered {
			s.running += n
		}
	case UnitLanding:
		s.landing += n
	case UnitFencing:
		s.fencing += n
	default:
	}
}

// unitStateOf returns the state of a unit whose newest attempt is in the state, or UnitPending if the attempt is over.
func unitStateOf(s AttemptState) UnitState {
	switch {
	case s.OnNode():
		return UnitAssigned
	case s == AttemptLanding:
		return UnitLanding
	case s == AttemptFencing:
		return UnitFencing
	}
	return UnitPending
}

func drop[T comparable](list []T, x T) []T {
	if i := slices.Index(list, x); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// backOffs is a heap of the ends of back-offs. Entries may be stale: a step's BackOff decides.
type backOffs []backOff

type backOff struct {
	until time.Time
	step  *step
	unit  int64
}

func (b backOffs) Len() int { return len(b) }
func (b backOffs) Less(i, j int) bool {
	if c := b[i].until.Compare(b[j].until); c != 0 {
		return c < 0
	}
	x, y := b[i].step.ref(), b[j].step.ref()
	if x != y {
		return x.Job < y.Job || x.Job == y.Job && x.Step < y.Step
	}
	return b[i].unit < b[j].unit
}
func (b backOffs) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b *backOffs) Push(x any)   { *b = append(*b, x.(backOff)) }
func (b *backOffs) Pop() any {
	last := (*b)[len(*b)-1]
	*b = (*b)[:len(*b)-1]
	return last
}

var _ heap.Interface = (*backOffs)(nil)
