package farm

import "time"

// SubmitJob adds a job. It returns the JobID; a key that is known returns the job of its first use. A job that no known
// node or pool could ever run is Invalid, with what is missing.
type SubmitJob struct {
	Key        string // idempotency key; "" makes every submit a new job
	Name       string
	Owner      string
	Project    string
	Queue      QueueID
	Priority   int
	Deadline   time.Time
	Estimate   float64 // seconds a unit of the widest step; 0: unknown
	MaxRetries int
	MaxTasks   int // that run at once; 0: any number
	MaxNodes   int // that it uses at once; 0: any number
	Failing    FailurePolicy
	Budget     *NewBudget // nil: none of its own
	Spec       JobSpec
	Steps      []NewStep
}

// NewStep is a step of a job to be submitted.
type NewStep struct {
	Name      string
	Units     int64
	DependsOn []int // positions in SubmitJob.Steps
	After     []Dependency
	Needs     Requirements
	HasOwn    bool
	Order     Order
	Limits    map[LimitID]int // seats that each running task takes
	Estimate  float64         // seconds a unit, as the submitter expects; 0: unknown
}

// CancelJob stops a job for good: pending units are canceled at once, running attempts are told to stop, what is landing
// lands. Canceling a canceled job is no error; one that ended otherwise is a Conflict.
type CancelJob struct {
	Job    JobID
	Reason string // "canceled by mara"
}

// RetryJob makes a job's failed and canceled units pending again, with all their retries, and forgets which nodes failed
// it. It returns the number of units (int64).
type RetryJob struct {
	Job    JobID
	Reason string
}

// PauseJob starts nothing new of a job until ResumeJob.
type PauseJob struct {
	Job    JobID
	Reason string
}

// ResumeJob ends a pause.
type ResumeJob struct {
	Job    JobID
	Reason string
}
