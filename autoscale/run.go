package autoscale

import (
	"errors"
	"fmt"
	"time"
)

// Run is the outcome of evaluating a formula, in the form of the service (AutoScaleRun in its REST API).
type Run struct {
	Timestamp time.Time `json:"timestamp"`
	// Results hold the targets that the formula wants, or, if there is an error, those that there are.
	Results string    `json:"results"`
	Error   *RunError `json:"error,omitempty"`
}

// RunError says why a formula could not be evaluated.
type RunError struct {
	Code    string     `json:"code"`
	Message string     `json:"message"`
	Values  []RunValue `json:"values,omitempty"` // one for each thing that is wrong
}

// RunValue is a detail of an error.
type RunValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// EvaluateAutoScale parses and evaluates a formula as the service's operation "Evaluate Auto Scale" does: it always answers,
// and changes nothing.
func EvaluateAutoScale(text string, in Input) Run {
	f, err := Parse(text)
	if err != nil {
		return NewRun(in, Result{}, err)
	}
	result, err := f.Evaluate(in)
	return NewRun(in, result, err)
}

// NewRun puts an evaluation's outcome into the service's form.
func NewRun(in Input, result Result, err error) Run {
	if err == nil {
		return Run{Timestamp: in.Now.UTC(), Results: result.String()}
	}
	as := Result{TargetDedicatedNodes: in.TargetDedicatedNodes, TargetLowPriorityNodes: in.TargetLowPriorityNodes, NodeDeallocationOption: Requeue}
	e := &RunError{Code: "AutoScalingFormulaEvaluationError", Message: "The specified auto-scaling formula has evaluation error"}
	for _, one := range ErrorsOf(err) {
		e.Values = append(e.Values, RunValue{Name: "Message", Value: one.azure()})
	}
	return Run{Timestamp: in.Now.UTC(), Results: as.String(), Error: e}
}

// ErrorsOf returns what Parse or Evaluate has found, nil if err is something else.
func ErrorsOf(err error) Errors {
	if all := (Errors)(nil); errors.As(err, &all) {
		return all
	}
	if one := (*Error)(nil); errors.As(err, &one) {
		return Errors{one}
	}
	return nil
}

// Error returns the message and its details.
func (e *RunError) Error() string {
	s := e.Code + ": " + e.Message
	for _, v := range e.Values {
		s += fmt.Sprintf("; %s: %s", v.Name, v.Value)
	}
	return s
}
