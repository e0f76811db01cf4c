// Package autoscale parses, checks and evaluates the autoscale formulas of Azure Batch.
//
// A formula is up to 100 statements, separated by semicolons, that read samples of a pool's recent past and assign the
// number of nodes that it should have:
//
//	busy = $PendingTasks.GetSamplePercent(5 * TimeInterval_Minute) < 70
//	    ? 1 : avg($PendingTasks.GetSample(5 * TimeInterval_Minute));
//	$TargetDedicatedNodes = min(20, busy);
//	$NodeDeallocationOption = taskcompletion;
//
// Parse finds everything that can be wrong before there are samples: syntax, unknown names, and types, which are all known
// because a formula has no loops and no functions of its own. Evaluate then runs it over Samples at a moment:
//
//	f, err := autoscale.Parse(text) // Errors, each with line, column, caret and hint
//	r, err := f.Evaluate(autoscale.Input{Now: now, Samples: history})
//	r.TargetDedicatedNodes          // whole nodes
//	r.String()                      // "$TargetDedicatedNodes=4;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue"
//
// EvaluateAutoScale does both and answers in the form of the service's operation of that name. History is a bounded store of
// samples; ReadRecording reads samples from JSON, so that a formula can be tried on what another day has recorded.
//
// The package is pure: it opens no file and reads no clock. The cost of any formula is bounded, in time and in memory.
//
// Where the service's documentation is silent, doc comments say what was chosen; what is not part of the service's language
// at all (the slot-aware variables, $TargetSpotNodes) is marked in Variables.
package autoscale
