package farm

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// BudgetID is a budget's name; that of one that came with a job is the job's id.
type BudgetID string

// BudgetOf says whose spending a budget bounds.
type BudgetOf string

// Whose it may be.
const (
	BudgetProject BudgetOf = "project"
	BudgetOwner   BudgetOf = "owner"
	BudgetQueue   BudgetOf = "queue"
	BudgetJob     BudgetOf = "job"
)

// BudgetThen is what happens when a budget is used up. The studio's own nodes cost nothing and work on in any case.
type BudgetThen string

// What may happen.
const (
	BudgetWarn   BudgetThen = "warn"   // it is said, and nothing else
	BudgetStop   BudgetThen = "stop"   // no task starts on a rented node that would go beyond it; what runs goes on
	BudgetCancel BudgetThen = "cancel" // what runs on rented nodes is taken back as well, and their machines are given back
)

// BudgetLevel is how far a budget is used up.
type BudgetLevel string

// The levels.
const (
	BudgetOpen   BudgetLevel = ""
	BudgetWarned BudgetLevel = "warned"
	BudgetSpent  BudgetLevel = "spent"
)

// Budget bounds what rented nodes cost for the jobs of somebody.
type Budget struct {
	ID   BudgetID   `json:"id"`
	Of   BudgetOf   `json:"of"`
	Name string     `json:"name"` // of the project, owner, queue; the job's id
	Cap  float64    `json:"cap"`  // in the farm's currency
	Warn float64    `json:"warn"` // the share of Cap at which it is said, 0 to 1
	Then BudgetThen `json:"then"`
	// Since is from when on the ends of attempts count; zero: all.
	Since time.Time   `json:"since,omitzero"`
	Level BudgetLevel `json:"level,omitempty"`
	// Short is what a task would have cost that could not start, as long as none could since.
	Short float64 `json:"short,omitempty"`
}

// budgetEvery is how often it is looked at what is spent while there are machines that cost.
const budgetEvery = 5 * time.Second

// nearly is less than any sum of money.
const nearly = 1e-9

type budgetKey struct {
	of   BudgetOf
	name string
}

// budget is a budget with what is spent of it. That follows from attempts and nodes and is not recorded: a node's whole bill
// is shared among the attempts that used it, those that run included, by what they have used until now.
type budget struct {
	rec      Budget
	gone     float64 // of machines that are gone
	spent    float64 // when last measured; with gone
	reserved float64 // expected for the rest of what runs
}

// budgets are all budgets.
type budgets struct {
	byID  map[BudgetID]*budget
	byKey map[budgetKey][]*budget
	list  []*budget // by name
	// measured is when it was last looked what is spent; dirty: something has changed that a look would show.
	measured time.Time
	dirty    bool
}

func newBudgets() budgets {
	return budgets{byID: map[BudgetID]*budget{}, byKey: map[budgetKey][]*budget{}}
}

func (b *budget) key() budgetKey { return budgetKey{b.rec.Of, b.rec.Name} }

func (bs *budgets) add(b *budget) {
	bs.byID[b.rec.ID] = b
	bs.byKey[b.key()] = append(bs.byKey[b.key()], b)
	i, _ := slices.BinarySearchFunc(bs.list, b.rec.ID, func(b *budget, id BudgetID) int { return cmp.Compare(b.rec.ID, id) })
	bs.list = slices.Insert(bs.list, i, b)
	bs.dirty = true
}

func (bs *budgets) remove(b *budget) {
	delete(bs.byID, b.rec.ID)
	if bs.byKey[b.key()] = drop(bs.byKey[b.key()], b); len(bs.byKey[b.key()]) == 0 {
		delete(bs.byKey, b.key())
	}
	bs.list = drop(bs.list, b)
}

// budgetsOf returns the budgets that a job's spending counts for.
func (f *Farm) budgetsOf(j *job) []*budget {
	if len(f.budgets.list) == 0 {
		return nil
	}
	r := &j.rec
	var out []*budget
	for _, k := range []budgetKey{{BudgetJob, string(r.ID)}, {BudgetProject, r.Project}, {BudgetOwner, r.Owner}, {BudgetQueue, string(r.Queue)}} {
		out = append(out, f.budgets.byKey[k]...)
	}
	return out
}

// worked counts what an attempt that has left its node has used of it, in seconds of the whole node.
func (f *Farm) worked(a *attempt, share float64, ended time.Time) {
	n := a.node
	if n.rec.Price <= 0 {
		return
	}
	n.worked += share
	for _, b := range f.budgetsOf(a.step.job) {
		f.workedFor(b, n, share, ended)
	}
}

func (f *Farm) workedFor(b *budget, n *node, share float64, ended time.Time) {
	if ended.Before(b.rec.Since) {
		return
	}
	if n.workedFor == nil {
		n.workedFor = map[*budget]float64{}
	}
	n.workedFor[b] += share
	f.budgets.dirty = true
}

// settleBill enters what a machine that is gone has cost for good.
func (f *Farm) settleBill(now time.Time, n *node) {
	bill := n.rec.cost(now)
	for b, share := range n.workedFor {
		b.gone += bill * fraction(share, n.worked)
		f.budgets.dirty = true
	}
	n.workedFor = nil
}

func fraction(part, all float64) float64 {
	if all <= 0 {
		return 0
	}
	return part / all
}

// cost is what the node's machine has cost.
func (n *Node) cost(now time.Time) float64 {
	from, to := n.Bill(now)
	return n.Price * to.Sub(from).Hours()
}

// recount counts anew what belongs to a budget.
func (f *Farm) recount(now time.Time, b *budget) {
	b.gone = 0
	for _, n := range f.nodes {
		delete(n.workedFor, b)
	}
	touched := set[NodeID]{}
	for _, j := range f.jobList {
		if !slices.Contains(f.budgetsOf(j), b) {
			continue
		}
		for _, a := range j.attempts {
			if a.rec.State.OnNode() || a.node.rec.Price <= 0 {
				continue
			}
			ended := cmp.Or(a.rec.Ended, now)
			if u, begun := a.useOf(ended); begun {
				f.workedFor(b, a.node, u.Share, ended)
				touched.add(a.node.rec.ID)
			}
		}
	}
	for _, id := range touched.ordered() {
		if n := f.nodes[id]; n.rec.State == NodeDeleted {
			b.gone += n.rec.cost(now) * fraction(n.workedFor[b], n.worked)
			delete(n.workedFor, b)
		}
	}
}

// loadBudgets puts in what is recorded, when all else is there.
func (f *Farm) loadBudgets(now time.Time, records []Budget) {
	for _, j := range f.jobList {
		for _, a := range j.attempts {
			if !a.rec.State.OnNode() && a.node.rec.Price > 0 {
				u, _ := a.useOf(cmp.Or(a.rec.Ended, now))
				a.node.worked += u.Share
			}
		}
	}
	for i := range records {
		f.budgets.add(&budget{rec: records[i]})
	}
	for _, b := range f.budgets.list {
		f.recount(now, b)
	}
}

// measure works out what is spent and reserved of every budget.
func (f *Farm) measure(now time.Time) {
	for _, b := range f.budgets.list {
		b.spent, b.reserved = b.gone, 0
	}
	for _, n := range f.nodeList {
		if n.rec.Price > 0 && (len(n.workedFor) > 0 || len(n.live) > 0) {
			f.measureNode(now, n)
		}
	}
}

func (f *Farm) measureNode(now time.Time, n *node) {
	bill, total, parts := n.rec.cost(now), n.worked, 0.0
	for _, a := range n.live {
		parts += a.part()
		total += a.elapsed(now).Seconds() * a.part()
	}
	for b, share := range n.workedFor {
		b.spent += bill * fraction(share, total)
	}
	for _, a := range n.live {
		share := a.part() / parts
		rest := n.rec.Price * f.rest(now, a).Hours() * share
		if total > 0 {
			share = a.elapsed(now).Seconds() * a.part() / total
		}
		for _, b := range f.budgetsOf(a.step.job) {
			b.spent += bill * share
			b.reserved += rest
		}
	}
}

// part is the share of its whole node that an attempt takes, of what it takes most of; above 0.
func (a *attempt) part() float64 { return a.node.part(a.needs()) }

func (n *node) part(needs *Requirements) float64 {
	capacity := Amounts{VCPUs: n.rec.Capacity.VCPUs, MemoryMiB: n.rec.Capacity.MemoryMiB, GPUs: uint64(n.rec.Capacity.GPUs)}
	taken := needs.taken()
	if part := min(1, share(&taken, &capacity)); part > 0 {
		return part
	}
	return 1
}

// elapsed is how long an attempt has run; 0 if it has not begun.
func (a *attempt) elapsed(now time.Time) time.Duration {
	if a.rec.Started.IsZero() {
		return 0
	}
	return max(0, now.Sub(a.rec.Started))
}

// rest is how long an attempt is expected to run on. Of one that takes longer than expected a tenth is taken to be left, of
// one of which nothing is known as much as has passed.
func (f *Farm) rest(now time.Time, a *attempt) time.Duration {
	elapsed := a.elapsed(now)
	usual := a.step.usual(a.rec.Site)
	if usual == 0 {
		return elapsed
	}
	return max(usual-elapsed, usual/10)
}

// usual is how long a task of the step is expected to run at a site; 0: nothing is known.
func (s *step) usual(site SiteID) time.Duration {
	seconds := s.rec.Expected
	if e := s.rec.Estimate; e.Count > 0 {
		seconds = e.Mean
	}
	if e := s.rec.BySite[site]; e.Count > 0 {
		seconds = e.Mean
	}
	return time.Duration(seconds * float64(time.Second))
}

// expected is what a task of the step more would cost on a node.
func (f *Farm) expected(now time.Time, s *step, n *node) float64 {
	if n.rec.Price <= 0 {
		return 0
	}
	usual := s.usual(n.rec.Site)
	if usual == 0 { // as long as the longest of those that run
		for _, a := range s.job.live {
			if a.step == s {
				usual = max(usual, a.elapsed(now))
			}
		}
	}
	if n.worked == 0 && len(n.live) == 0 { // it pays for the start, and for what is billed at least
		from, _ := n.rec.Bill(now)
		return n.rec.Price * max(now.Sub(cmp.Or(from, now))+usual, n.rec.MinBilling).Hours()
	}
	mine := n.part(&s.needs)
	parts := mine
	for _, a := range n.live {
		parts += a.part()
	}
	return n.rec.Price * usual.Hours() * mine / parts
}

// unpaid returns the budget that keeps a task of the step off a node, and what the task would cost; or nil.
func (f *Farm) unpaid(now time.Time, s *step, n *node) (*budget, float64) {
	if n.rec.Price <= 0 || len(f.budgets.list) == 0 {
		return nil, 0
	}
	var cost float64
	for i, b := range f.budgetsOf(s.job) {
		if i == 0 {
			cost = f.expected(now, s, n)
		}
		if b.refuses(cost) {
			return b, cost
		}
	}
	return nil, 0
}

func (b *budget) refuses(cost float64) bool {
	switch b.rec.Then {
	case BudgetStop:
		return b.spent+b.reserved+cost > b.rec.Cap+nearly || b.spent+b.reserved >= b.rec.Cap
	case BudgetCancel:
		return b.spent >= b.rec.Cap
	case BudgetWarn:
	}
	return false
}

// short notes that a task of a cost could not start.
func (f *Farm) short(now time.Time, b *budget, cost float64) {
	if b.rec.Level == BudgetSpent {
		return
	}
	b.rec.Short = cost
	f.setLevel(now, b, BudgetSpent)
}

// reserve counts a task that starts on a node.
func (f *Farm) reserve(now time.Time, s *step, n *node) {
	if n.rec.Price <= 0 || len(f.budgets.list) == 0 {
		return
	}
	cost := f.expected(now, s, n)
	for _, b := range f.budgetsOf(s.job) {
		b.reserved += cost
	}
}

// tickBudgets looks at what is spent, if it is time. It reports whether something more may start, or has been stopped.
func (f *Farm) tickBudgets(now time.Time) bool {
	if at := f.nextOfBudgets(); at.IsZero() || at.After(now) {
		return false
	}
	f.judge(now)
	return true
}

// nextOfBudgets is when it is to be looked at what is spent; zero: nothing is.
func (f *Farm) nextOfBudgets() time.Time {
	if len(f.budgets.list) == 0 {
		return time.Time{}
	}
	if f.budgets.dirty || slices.ContainsFunc(f.nodeList, func(n *node) bool { return n.rec.Price > 0 && !n.rec.Billed.IsZero() }) {
		return f.budgets.measured.Add(budgetEvery)
	}
	return time.Time{}
}

// judge measures, says what has changed, and calls off what is to be called off.
func (f *Farm) judge(now time.Time) {
	f.budgets.measured, f.budgets.dirty = now, false
	f.measure(now)
	for _, b := range f.budgets.list {
		level := b.level()
		if level != BudgetSpent {
			b.rec.Short = 0
		}
		if level != b.rec.Level {
			f.setLevel(now, b, level)
		}
		if b.rec.Then == BudgetCancel && level == BudgetSpent {
			f.callOff(now, b)
		}
	}
}

// level is how far the budget is used up, as last measured.
func (b *budget) level() BudgetLevel {
	r := &b.rec
	bound := b.spent
	if r.Then == BudgetStop {
		bound += b.reserved
	}
	switch {
	case bound >= r.Cap, r.Short > 0 && bound+r.Short > r.Cap+nearly:
		return BudgetSpent
	case b.spent >= r.Warn*r.Cap:
		return BudgetWarned
	}
	return BudgetOpen
}

func (f *Farm) setLevel(now time.Time, b *budget, to BudgetLevel) {
	b.rec.Level = to
	f.touchBudget(b)
	f.emitBudget(now, b, b.says())
}

// says is how the budget stands, for people.
func (b *budget) says() string {
	r := &b.rec
	text := fmt.Sprintf("%.2f of %.2f spent", b.spent, r.Cap)
	if b.reserved >= 0.005 && r.Then == BudgetStop {
		text += fmt.Sprintf(", %.2f reserved for what runs", b.reserved)
	}
	switch {
	case r.Level != BudgetSpent:
		return text
	case r.Then == BudgetStop && r.Short > 0:
		return text + fmt.Sprintf("; a task more would cost %.2f: nothing more starts on rented nodes", r.Short)
	case r.Then == BudgetStop:
		return text + "; nothing more starts on rented nodes"
	case r.Then == BudgetCancel:
		return text + "; nothing runs for it on rented nodes any more"
	}
	return text
}

// String is what a budget is of.
func (r *Budget) String() string {
	return fmt.Sprintf("budget %s of %s %s", r.ID, r.Of, r.Name)
}

// callOff takes back what runs on rented nodes at the cost of a budget, and gives back the machines that worked for it.
func (f *Farm) callOff(now time.Time, b *budget) {
	reason := fmt.Sprintf("%s: %s", &b.rec, b.says())
	for _, n := range slices.Clone(f.nodeList) {
		if n.rec.Price <= 0 {
			continue
		}
		mine := slices.DeleteFunc(slices.Clone(n.live), func(a *attempt) bool { return !slices.Contains(f.budgetsOf(a.step.job), b) })
		others := len(n.live) - len(mine)
		if others == 0 && (len(mine) > 0 || n.workedFor[b] > n.worked/2) && n.rec.State == NodeOnline {
			n.rec.Stop = true
			f.drain(now, n, reason)
		}
		for _, a := range mine {
			f.stop(now, a, reason)
		}
	}
}

// payable splits what is left of the budgets over steps, in the order in which they are asked for.
type payable struct {
	f    *Farm
	left map[*budget]float64
}

func (f *Farm) payables(now time.Time) *payable {
	p := &payable{f: f, left: map[*budget]float64{}}
	if len(f.budgets.list) > 0 {
		f.measure(now)
	}
	for _, b := range f.budgets.list {
		p.left[b] = b.rec.Cap - b.spent
		if b.rec.Then == BudgetStop {
			p.left[b] -= b.reserved
		}
	}
	return p
}

// tasks returns how many of n tasks of a step can be paid for on rented nodes; broke: none could.
func (p *payable) tasks(s *step, n int64) (paid int64, broke bool) {
	bounds := slices.DeleteFunc(p.f.budgetsOf(s.job), func(b *budget) bool { return b.rec.Then == BudgetWarn })
	if len(bounds) == 0 {
		return n, false
	}
	each := p.f.cheapest(s)
	for _, b := range bounds {
		left := p.left[b]
		if left <= nearly || each > 0 && left < each {
			return 0, true
		}
		if each > 0 {
			n = min(n, int64(min(left/each+nearly, 1<<60)))
		}
	}
	for _, b := range bounds {
		p.left[b] -= float64(n) * each
	}
	return n, false
}

// cheapest is what a task of the step costs at least on a node that is rented and full.
func (f *Farm) cheapest(s *step) float64 {
	least := 0.0
	for _, shape := range f.cfg.Pools {
		n := &node{rec: Node{Site: shape.Site, Capacity: shape.Capacity}, class: classOf(&shape.Capacity)}
		cost := shape.Price * s.usual(shape.Site).Hours() * n.part(&s.needs)
		if shape.Price > 0 && f.unfit(s, n) == nil && (least == 0 || cost < least) {
			least = cost
		}
	}
	return least
}

func (f *Farm) touchBudget(b *budget) {
	f.changes.budgets.add(b.rec.ID)
	f.changes.oldBudgets.drop(b.rec.ID)
}

func (f *Farm) emitBudget(now time.Time, b *budget, reason string) {
	e := Event{At: now, Kind: "budget", To: string(b.rec.Level), Reason: string(b.rec.ID) + ": " + reason}
	if b.rec.Of == BudgetJob {
		e.Job = JobID(b.rec.Name)
	}
	f.emit(e)
}

// checkBudgets tells of what is counted wrongly.
func (f *Farm) checkBudgets() error {
	for _, b := range f.budgets.list {
		sum := 0.0
		for _, n := range f.nodeList {
			sum += n.workedFor[b]
		}
		least, lost := 0.0, 0.0
		for _, j := range f.jobList {
			for _, a := range j.attempts {
				if !slices.Contains(f.budgetsOf(j), b) || a.rec.State.OnNode() || a.node.rec.Price <= 0 || a.node.rec.State == NodeDeleted || a.rec.Ended.Before(b.rec.Since) {
					continue
				}
				if u, _ := a.useOf(a.rec.Ended); u.Lost > 0 || a.rec.Ended.IsZero() {
					lost = math.Inf(1) // counted until it was given up, which is recorded nowhere
				} else {
					least += u.Share
				}
			}
		}
		if sum < least-1e-6*(1+least) || sum > least+lost+1e-6*(1+least) {
			return fmt.Errorf("budget %s: %f seconds are counted, %f were worked", b.rec.ID, sum, least)
		}
	}
	for id, b := range f.budgets.byID {
		if id != b.rec.ID || !slices.Contains(f.budgets.byKey[b.key()], b) {
			return fmt.Errorf("budget %s is not in order", id)
		}
	}
	return nil
}
