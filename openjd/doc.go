// Package openjd reads Open Job Description templates, specification version 2023-09 with its extensions, and answers what running them
// takes: bound job parameters, resolved format strings, task spaces, host requirements, path mapping and the messages
// that actions print.
//
// The package is pure: it opens no file, starts no process, reads no clock. Section numbers in comments are those of
// "Template Schemas [Version: 2023-09]" unless they name "How Jobs Are Run".
//
// The way from a document to a task:
//
//	t, err := openjd.ParseJobTemplate(src, "shot.yaml")         // Errors with positions, all at once
//	p, err := t.BindParameters(values, openjd.BaseDirs{…})      // job parameters, checked
//	job, err := t.CreateJob(p)                                  // what is resolved at job creation (§7.4)
//	task, err := job.Steps[0].Tasks.At(17)                      // values of one task, computed from its index
//
// and on the worker host:
//
//	symbols, err := t.HostSymbols(p, mapper)
//	symbols.SetSession(workDir, rulesFile, mapper)
//	symbols, err = t.Steps[0].HostSymbols(symbols)              // the step's name and let bindings
//	task.AddTo(symbols, mapper)
//	err = t.Steps[0].Script.Bind(symbols)                       // the script's let bindings
//	run, err := job.Steps[0].Script.Actions.OnRun.Resolve(openjd.OnRun, symbols)
package openjd
