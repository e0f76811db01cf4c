package restv1

import "time"

// Job is a job as lists and panels show it.
type Job struct {
	ID         string            `json:"id" doc:"Opaque, ordered by creation." example:"j01jb2v8x4c7k"`
	Name       string            `json:"name"`
	Owner      string            `json:"owner"`
	Project    string            `json:"project,omitempty"`
	Queue      string            `json:"queue"`
	Priority   int               `json:"priority" doc:"0 to 100, higher first."`
	State      string            `json:"state" enum:"active,paused,succeeded,failed,canceled"`
	Reason     string            `json:"reason" doc:"Why the job is in that state."`
	Submitted  time.Time         `json:"submitted"`
	Started    time.Time         `json:"started,omitzero"`
	Ended      time.Time         `json:"ended,omitzero"`
	Deadline   time.Time         `json:"deadline,omitzero"`
	Parameters map[string]string `json:"parameters,omitempty" doc:"Only for a single job."`
	Steps      []Step            `json:"steps" nullable:"false"`
	Forecast   *Forecast         `json:"forecast,omitempty"`
	Priming    []Priming         `json:"priming,omitempty" nullable:"false" doc:"Shared assets on their way into the sites' filers."`
}

// Step is a step of a job with the counts of its units.
type Step struct {
	Name            string   `json:"name"`
	Units           int64    `json:"units" doc:"Size of the step's task space."`
	DependsOn       []int    `json:"dependsOn,omitempty" nullable:"false" doc:"Positions of the steps that must have succeeded."`
	Counts          Counts   `json:"counts"`
	EstimateSeconds float64  `json:"estimateSeconds,omitempty" doc:"Mean run time of a unit, measured or as submitted."`
	Numbering       *Numbers `json:"numbering,omitempty" doc:"Set when the units count through one integer parameter."`
}

// Numbers says how a unit's index gives its frame number: First + index × Every.
type Numbers struct {
	Parameter string `json:"parameter" example:"Frame"`
	First     int64  `json:"first"`
	Every     int64  `json:"every"`
}

// Counts are the units of a step by state. Assigned ones whose attempt runs are counted as running.
type Counts struct {
	Pending   int64 `json:"pending"`
	Assigned  int64 `json:"assigned"`
	Running   int64 `json:"running"`
	Landing   int64 `json:"landing"`
	Fencing   int64 `json:"fencing"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Canceled  int64 `json:"canceled"`
	Skipped   int64 `json:"skipped,omitempty" doc:"Of the succeeded: held for done by a user."`
}

// Forecast says when a job is expected to be done.
type Forecast struct {
	At      time.Time `json:"at" doc:"With the nodes that the farm plans to use."`
	AtHome  time.Time `json:"atHome,omitzero" doc:"With the static nodes alone."`
	Seconds float64   `json:"seconds" doc:"From now."`
}

// Priming is the loading of a job's shared assets into a filer.
type Priming struct {
	Job       string    `json:"job"`
	Filer     string    `json:"filer"`
	State     string    `json:"state" enum:"wanted,running,done,failed"`
	Reason    string    `json:"reason,omitempty"`
	Files     uint64    `json:"files"`
	FilesDone uint64    `json:"filesDone"`
	Bytes     uint64    `json:"bytes"`
	BytesDone uint64    `json:"bytesDone"`
	Started   time.Time `json:"started,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
}

// UnitPage is a part of a step's units. Units about which nothing is recorded are pending and are left out.
type UnitPage struct {
	Step   int    `json:"step"`
	Total  int64  `json:"total" doc:"Size of the step's task space."`
	Counts Counts `json:"counts"`
	Units  []Unit `json:"units" nullable:"false" doc:"By index, ascending, without pending ones."`
	Next   *int64 `json:"next,omitempty" doc:"Pass as from for the following page; absent on the last."`
}

// Unit is one task of a step and its newest attempt.
type Unit struct {
	Unit         int64             `json:"unit" doc:"Index in the step's task space, from 0."`
	State        string            `json:"state" enum:"pending,assigned,running,landing,fencing,succeeded,failed,canceled"`
	Attempt      string            `json:"attempt,omitempty" doc:"The newest."`
	AttemptState string            `json:"attemptState,omitempty"`
	Number       int               `json:"number,omitempty" doc:"Of the newest attempt, from 1."`
	Node         string            `json:"node,omitempty"`
	Site         string            `json:"site,omitempty"`
	Params       map[string]string `json:"params,omitempty" doc:"The unit's task parameters."`
	Progress     float64           `json:"progress,omitempty" doc:"0 to 1, of the running attempt."`
	Seconds      float64           `json:"seconds,omitempty" doc:"Run time of the newest attempt."`
	Reason       string            `json:"reason,omitempty"`
	Skipped      bool              `json:"skipped,omitempty" doc:"A user held it for done."`
}

// Why explains what a job waits for. It is the scheduler's own word.
type Why struct {
	Job     string      `json:"job"`
	Summary string      `json:"summary" doc:"One sentence."`
	Reasons []WhyReason `json:"reasons" nullable:"false"`
}

// WhyReason is one reason with the number of units or nodes that it concerns.
type WhyReason struct {
	Step  string `json:"step,omitempty"`
	Count int64  `json:"count"`
	Of    string `json:"of" enum:"units,nodes,attempts" doc:"What is counted."`
	Text  string `json:"text"`
}

// Order says which of a step's tasks start first, in one of three ways.
type Order struct {
	By      string `json:"by,omitempty" enum:"ascending,descending,middleOut,binary"`
	Every   int64  `json:"every,omitempty" minimum:"1" doc:"Every so-manieth first, then the rest."`
	Frames  string `json:"frames,omitempty" doc:"These first, in this order, then the rest." example:"1-100x10"`
	Dialect string `json:"dialect,omitempty" doc:"In which Frames is written; openjd if empty." example:"deadline"`
}

// OrderChange changes the order of a job's tasks.
type OrderChange struct {
	Step  string `json:"step,omitempty" doc:"By name; empty: every step that the order fits."`
	Order Order  `json:"order"`
}

// TaskChange does something to those tasks of a job that fit all that is given.
type TaskChange struct {
	Verb      string   `json:"verb" enum:"skip,requeue"`
	Step      string   `json:"step,omitempty" doc:"By name; empty: all steps."`
	Tasks     string   `json:"tasks,omitempty" maxLength:"100000" doc:"Frame numbers where the step counts through one integer, else indexes from 0; needs the step unless there is but one." example:"5,10-20:2"`
	States    []string `json:"states,omitempty" nullable:"false" enum:"pending,running,failed,canceled" doc:"None: all of these."`
	Elsewhere bool     `json:"elsewhere,omitempty" doc:"With requeue: the job avoids the nodes where they run, or last ran, from now on."`
	DryRun    bool     `json:"dryRun,omitempty"`
}

// TasksDone tells how many tasks were meant, by the state they were in.
type TasksDone struct {
	Pending  int64 `json:"pending"`
	Running  int64 `json:"running"`
	Failed   int64 `json:"failed"`
	Canceled int64 `json:"canceled"`
	Landing  int64 `json:"landing" doc:"Left alone: their files are on the way."`
}

// Submission asks for a job.
type Submission struct {
	Template   string            `json:"template" minLength:"1" doc:"Open Job Description job template, YAML or JSON text."`
	Policy     string            `json:"policy,omitempty" doc:"Text of the spillway.yaml beside the template."`
	Parameters map[string]string `json:"parameters,omitempty" doc:"Values of the template's job parameters."`
	Name       string            `json:"name,omitempty" maxLength:"256" doc:"Instead of the template's name."`
	Owner      string            `json:"owner,omitempty" maxLength:"128"`
	Project    string            `json:"project,omitempty" maxLength:"128"`
	Order      *Order            `json:"order,omitempty" doc:"Of the tasks of every step that it fits and that has none of its own."`
	After      []string          `json:"after,omitempty" nullable:"false" maxItems:"1000" doc:"Ids of jobs that must have succeeded first."`
}
