package openjd

import "github.com/spillway/spillway/openjd/expr"

// SetWrapped defines WrappedAction.* for a hook that runs instead of an action (§4.3.1): the action, resolved, and the
// variables that the session has defined, as NAME=value.
func (s *Symbols) SetWrapped(run Run, environment []string) {
	s.Set("WrappedAction.Command", run.Command)
	s.SetValue("WrappedAction.Args", stringList(run.Args))
	s.SetValue("WrappedAction.Environment", stringList(environment))
	timeout, mode, period := expr.Null(), expr.Null(), expr.Null()
	if run.OwnTimeout {
		timeout = expr.Int(int64(run.Timeout.Seconds()))
	}
	if run.OwnCancel {
		mode = expr.String(string(run.Cancel))
		if run.Cancel == NotifyThenTerminate {
			period = expr.Int(int64(run.NotifyPeriod.Seconds()))
		}
	}
	s.SetValue("WrappedAction.Timeout", timeout)
	s.SetValue("WrappedAction.Cancelation.Mode", mode)
	s.SetValue("WrappedAction.Cancelation.NotifyPeriodInSeconds", period)
}

func stringList(texts []string) expr.Value {
	items := make([]expr.Value, len(texts))
	for i, text := range texts {
		items[i] = expr.String(text)
	}
	return expr.List(expr.ListOf(expr.StringType), items)
}
