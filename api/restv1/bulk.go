package restv1

import "time"

// Bulk does something to every job that fits all that is given of the filter.
type Bulk struct {
	Verb    string     `json:"verb" enum:"cancel,retry,pause,resume,change"`
	Jobs    []string   `json:"jobs,omitempty" nullable:"false" maxItems:"10000" doc:"One of these ids."`
	State   string     `json:"state,omitempty" enum:"active,paused,succeeded,failed,canceled"`
	Owner   string     `json:"owner,omitempty"`
	Project string     `json:"project,omitempty"`
	Queue   string     `json:"queue,omitempty"`
	Name    string     `json:"name,omitempty" doc:"A pattern, such as sh01*."`
	All     bool       `json:"all,omitempty" doc:"Must be set for a filter that gives nothing."`
	Change  *JobChange `json:"change,omitempty" doc:"What is to be different, with the verb change."`
	DryRun  bool       `json:"dryRun,omitempty" doc:"Only tell which jobs fit."`
}

// JobChange changes a job while it runs. What is left out stays.
type JobChange struct {
	Priority       *int       `json:"priority,omitempty" minimum:"0" maximum:"100"`
	Queue          *string    `json:"queue,omitempty"`
	MaxTasks       *int       `json:"maxTasks,omitempty" minimum:"0" doc:"That run at once; 0: any number."`
	MaxNodes       *int       `json:"maxNodes,omitempty" minimum:"0" doc:"That it uses at once; 0: any number."`
	Retries        *int       `json:"retries,omitempty" minimum:"0" maximum:"1000"`
	AvoidNodeAfter *int       `json:"avoidNodeAfter,omitempty" minimum:"1" maximum:"1000" doc:"Failures in a row on a node."`
	PauseAfter     *int       `json:"pauseAfter,omitempty" minimum:"0" maximum:"1000" doc:"Tasks that fail in a row; 0: never."`
	Deadline       *time.Time `json:"deadline,omitempty"`
	NoDeadline     bool       `json:"noDeadline,omitempty" doc:"Takes the deadline away."`
}

// BulkDone tells what became of the jobs that fitted.
type BulkDone struct {
	Done    []string  `json:"done" nullable:"false" doc:"In the order of their submission."`
	Skipped []Skipped `json:"skipped" nullable:"false" doc:"Of which the change was refused."`
}

// Skipped is a job that was left out.
type Skipped struct {
	Job string `json:"job"`
	Why string `json:"why"`
}
