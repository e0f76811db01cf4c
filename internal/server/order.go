package server

import (
	"context"
	"fmt"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/internal/server/policy"
)

// orderOf returns the order of a step's tasks.
func orderOf(e *catalog.Entry, step int, o *policy.Order) (farm.Order, error) {
	if o == nil {
		return farm.Order{}, nil
	}
	var n policy.Numbering
	if o.Counted() {
		c, err := counting(&e.Job.Steps[step])
		if err != nil {
			return farm.Order{}, err
		}
		n = policy.Numbering{First: c.first, Every: c.every}
	}
	return o.Farm(e.Job.Steps[step].Tasks.Len(), n)
}

// policyOrder checks an order that came over the API.
func policyOrder(o restv1.Order) (*policy.Order, error) {
	out := policy.Order(o)
	return &out, out.Validate()
}

// orderSteps gives an order to those steps of a submission that have none of their own and whose tasks it fits.
func orderSteps(e *catalog.Entry, o *policy.Order) error {
	var wrong error
	fit := false
	for i := range e.Job.Steps {
		name := e.Job.Steps[i].Name
		step := e.Policy.Steps[name]
		if step.Order != nil {
			continue
		}
		if _, err := orderOf(e, i, o); err != nil {
			if wrong == nil {
				wrong = fault.Wrap(fault.KindOf(err), err, "step "+name)
			}
			continue
		}
		if e.Policy.Steps == nil {
			e.Policy.Steps = map[string]policy.Step{}
		}
		step.Order, fit = o, true
		e.Policy.Steps[name] = step
	}
	if !fit && wrong != nil {
		return wrong
	}
	return nil
}

// Order changes the order of a job's tasks while it runs: of one step, or of all that it fits.
func (s *Server) Order(ctx context.Context, id string, change restv1.OrderChange) (restv1.Job, error) {
	o, err := policyOrder(change.Order)
	if err != nil {
		return restv1.Job{}, err
	}
	e, err := s.entry(ctx, farm.JobID(id))
	if err != nil {
		return restv1.Job{}, err
	}
	orders := map[int]farm.Order{}
	var wrong error
	known := false
	for i := range e.Job.Steps {
		name := e.Job.Steps[i].Name
		if change.Step != "" && change.Step != name {
			continue
		}
		known = true
		order, err := orderOf(e, i, o)
		if err != nil {
			wrong = fault.Wrap(fault.KindOf(err), err, "step "+name)
			continue
		}
		orders[i] = order
	}
	switch {
	case !known:
		return restv1.Job{}, fault.WithHint(fault.New(fault.Invalid, "job %s has no step %q", id, change.Step), "its steps are: %v", stepNames(e.Template))
	case len(orders) == 0:
		return restv1.Job{}, wrong
	}
	return s.change(ctx, id, farm.ChangeOrder{Job: farm.JobID(id), Orders: orders, Reason: fmt.Sprintf("ordered by the user: %s", orderText(o))})
}

func orderText(o *policy.Order) string {
	switch {
	case o.Every > 0:
		return fmt.Sprintf("every %d first", o.Every)
	case o.Frames != "":
		return fmt.Sprintf("frames %.60s first", o.Frames)
	}
	return o.By
}
