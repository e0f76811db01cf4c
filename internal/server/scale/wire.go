package scale

import (
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/autoscale"
)

// Wrong is the evaluation of a formula that cannot be parsed.
func Wrong(now time.Time, target int, spot bool, err error) Run {
	in := autoscale.Input{Now: now, TargetDedicatedNodes: target}
	if spot {
		in.TargetDedicatedNodes, in.TargetLowPriorityNodes = 0, target
	}
	return Run{Run: autoscale.NewRun(in, autoscale.Result{}, err), Nodes: target, Errors: autoscale.ErrorsOf(err)}
}

// Wire returns the evaluation as the API shows it.
func (r Run) Wire() restv1.AutoscaleRun {
	out := restv1.AutoscaleRun{
		Timestamp: r.Timestamp, Results: r.Results, Nodes: r.Nodes, Note: r.Note, Mistakes: wireMistakes(r.Errors), Warnings: wireMistakes(r.Warnings),
	}
	if r.Error != nil {
		out.Error = &restv1.AutoscaleError{Code: r.Error.Code, Message: r.Error.Message}
		for _, v := range r.Error.Values {
			out.Error.Values = append(out.Error.Values, restv1.AutoscaleDetail(v))
		}
	}
	return out
}

func wireMistakes(es autoscale.Errors) []restv1.AutoscaleMistake {
	var out []restv1.AutoscaleMistake
	for _, e := range es {
		out = append(out, restv1.AutoscaleMistake{Line: e.Line, Column: e.Column, Message: e.Message, Hint: e.Hint, Excerpt: e.Excerpt()})
	}
	return out
}
