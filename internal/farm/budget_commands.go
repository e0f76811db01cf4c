package farm

import (
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// SetBudget makes a budget or changes one. What is nil keeps its value; a new one needs Of, Name and Cap, warns at 0.8 and
// stops. It returns a BudgetView.
type SetBudget struct {
	Budget BudgetID
	Of     *BudgetOf
	Name   *string
	Cap    *float64
	Warn   *float64
	Then   *BudgetThen
	Since  *time.Time
	Reason string
}

// DeleteBudget removes a budget. What was spent stays in the ledgers.
type DeleteBudget struct {
	Budget BudgetID
	Reason string
}

// NewBudget is a budget that comes with a job.
type NewBudget struct {
	Cap  float64
	Warn float64 // 0: 0.8
	Then BudgetThen
}

// BudgetView is a budget as it stands.
type BudgetView struct {
	Budget
	Spent    float64 // what runs included
	Reserved float64 // expected for the rest of what runs
	Owner    string  // with Project: of the job whose it is
	Project  string
}

const (
	maxBudgets  = 100_000
	maxCap      = 1e12
	defaultWarn = 0.8
)

func (c SetBudget) apply(f *Farm, now time.Time) (any, error) {
	b := f.budgets.byID[c.Budget]
	r := Budget{ID: c.Budget, Cap: -1, Warn: defaultWarn, Then: BudgetStop}
	if b != nil {
		r = b.rec
	}
	r.Of, r.Name, r.Cap = given(c.Of, r.Of), given(c.Name, r.Name), given(c.Cap, r.Cap)
	r.Warn, r.Then = given(c.Warn, r.Warn), given(c.Then, r.Then)
	if c.Since != nil {
		r.Since = time.Time{}
		if !c.Since.IsZero() {
			r.Since = instant(*c.Since)
		}
	}
	if err := f.checkBudget(&r); err != nil {
		return nil, err
	}
	if b == nil && len(f.budgets.list) >= maxBudgets {
		return nil, fault.New(fault.Exhausted, "there are %d budgets already", maxBudgets)
	}
	r.Short = 0
	f.putBudget(now, b, r, orElse(c.Reason, "set"))
	return f.budgetView(f.budgets.byID[r.ID]), nil
}

// putBudget makes a budget, or changes b, and looks at what is spent of it.
func (f *Farm) putBudget(now time.Time, b *budget, r Budget, reason string) {
	if b == nil {
		b = &budget{rec: r}
	} else {
		f.budgets.remove(b)
		b.rec = r
	}
	f.budgets.add(b)
	f.recount(now, b)
	f.touchBudget(b)
	f.measure(now)
	f.emitBudget(now, b, reason+": "+b.says())
	f.judge(now)
}

func (f *Farm) checkBudget(r *Budget) error {
	switch {
	case !nameLike(string(r.ID)):
		return fault.WithHint(fault.New(fault.Invalid, "%q is no name for a budget", r.ID), nameNeeded)
	case r.Of == "":
		return fault.WithHint(fault.New(fault.Invalid, "there is no budget %s, and a new one needs to know whose it is", r.ID),
			"spillway budget set %s --project NAME --cap AMOUNT", r.ID)
	case !slices.Contains([]BudgetOf{BudgetProject, BudgetOwner, BudgetQueue, BudgetJob}, r.Of):
		return fault.New(fault.Invalid, "%q is none of project, owner, queue and job", r.Of)
	case r.Name == "" && r.Of != BudgetProject:
		return fault.New(fault.Invalid, "the budget %s needs the name of its %s", r.ID, r.Of)
	case r.Cap == -1:
		return fault.WithHint(fault.New(fault.Invalid, "a new budget needs an amount"), "spillway budget set %s --cap AMOUNT", r.ID)
	case !(r.Cap >= 0) || r.Cap > maxCap:
		return fault.New(fault.Invalid, "a budget of %v is not between 0 and %v", r.Cap, maxCap)
	case !(r.Warn >= 0) || r.Warn > 1:
		return fault.New(fault.Invalid, "a warning at %v is not between 0 and 1, shares of the budget", r.Warn)
	case !slices.Contains([]BudgetThen{BudgetWarn, BudgetStop, BudgetCancel}, r.Then):
		return fault.New(fault.Invalid, "%q is none of warn, stop and cancel", r.Then)
	case r.Of == BudgetQueue && f.queues[QueueID(r.Name)] == nil:
		return f.noQueue(QueueID(r.Name))
	case r.Of == BudgetJob && f.jobs[JobID(r.Name)] == nil:
		return fault.New(fault.NotFound, "no job %q", r.Name)
	}
	return nil
}

func (c DeleteBudget) apply(f *Farm, now time.Time) (any, error) {
	b := f.budgets.byID[c.Budget]
	if b == nil {
		return nil, fault.WithHint(fault.New(fault.NotFound, "there is no budget %q", c.Budget), "%s", f.budgetsKnown())
	}
	f.budgets.remove(b)
	for _, n := range f.nodes {
		delete(n.workedFor, b)
	}
	f.changes.budgets.drop(c.Budget)
	f.changes.oldBudgets.add(c.Budget)
	b.rec.Level = BudgetOpen
	f.emitBudget(now, b, orElse(c.Reason, "deleted"))
	return nil, nil
}

func (f *Farm) budgetsKnown() string {
	var names []string
	for _, b := range f.budgets.list {
		if b.rec.Of != BudgetJob {
			names = append(names, string(b.rec.ID))
		}
	}
	if len(names) == 0 {
		return "see: spillway budget list"
	}
	return "there are: " + strings.Join(names[:min(len(names), 20)], ", ")
}

// check refuses a budget that no job can have.
func (c *NewBudget) check() error {
	if c == nil {
		return nil
	}
	r := Budget{ID: "job", Of: BudgetProject, Cap: c.Cap, Warn: c.Warn, Then: c.Then}
	return (&Farm{}).checkBudget(&r)
}

// give makes the budget that a new job comes with.
func (f *Farm) give(now time.Time, j *job, c *NewBudget) {
	if c == nil {
		return
	}
	r := Budget{ID: BudgetID(j.rec.ID), Of: BudgetJob, Name: string(j.rec.ID), Cap: c.Cap, Warn: c.Warn, Then: c.Then}
	if r.Warn == 0 {
		r.Warn = defaultWarn
	}
	f.putBudget(now, nil, r, "comes with the job")
}

// Budgets returns all budgets as they stand, by name.
func (f *Farm) Budgets(now time.Time) []BudgetView {
	if len(f.budgets.list) > 0 {
		f.measure(now)
	}
	out := make([]BudgetView, 0, len(f.budgets.list))
	for _, b := range f.budgets.list {
		out = append(out, f.budgetView(b))
	}
	return out
}

func (f *Farm) budgetView(b *budget) BudgetView {
	v := BudgetView{Budget: b.rec, Spent: b.spent, Reserved: b.reserved}
	switch b.rec.Of {
	case BudgetProject:
		v.Project = b.rec.Name
	case BudgetOwner:
		v.Owner = b.rec.Name
	case BudgetJob:
		if j := f.jobs[JobID(b.rec.Name)]; j != nil {
			v.Project, v.Owner = j.rec.Project, j.rec.Owner
		}
	case BudgetQueue:
	}
	return v
}
