package rest

import (
	"context"
	"io"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// The interfaces below are what the API needs of the control plane. All methods may be called by many goroutines at once,
// return committed state only, end early when their context does, and return classified errors (internal/fault): NotFound
// for an unknown id, Conflict for a state that forbids the action, Invalid with the position for bad templates, policies
// and parameters, Unavailable while the store is away. Slices may be nil. The caller does not change what it gets.

// Jobs answers for jobs.
type Jobs interface {
	// Submit parses and checks the submission, stores the job and returns it; it is durable then. A second call with the
	// same non-empty key returns the job of the first, with created false; the same key with another submission is Conflict.
	Submit(ctx context.Context, s restv1.Submission, key string) (job restv1.Job, created bool, err error)
	// Cancel stops the job and what runs of it. Canceling a canceled job changes nothing; one that ended well is Conflict.
	Cancel(ctx context.Context, id string) (restv1.Job, error)
	// Retry makes the job's failed and canceled units pending again. Without such units it is Conflict.
	Retry(ctx context.Context, id string) (restv1.Job, error)
	// Bulk does something to every job that fits, in one transaction; those of which it is refused are told of.
	Bulk(ctx context.Context, b restv1.Bulk) (restv1.BulkDone, error)
	// Tasks skips or requeues tasks. Conflict: the job has succeeded or is canceled.
	Tasks(ctx context.Context, id string, c restv1.TaskChange) (restv1.TasksDone, error)
	// Order changes the order of a job's tasks while it runs. Invalid: no step that it fits. Conflict: the job has ended.
	Order(ctx context.Context, id string, c restv1.OrderChange) (restv1.Job, error)
	// Jobs returns jobs without their parameters, newest first.
	Jobs(ctx context.Context, f JobFilter) ([]restv1.Job, error)
	// Job returns one job with everything known of it.
	Job(ctx context.Context, id string) (restv1.Job, error)
	// Units returns the recorded units of a step whose index is at least from, at most limit of them, by index.
	Units(ctx context.Context, id string, step int, from int64, limit int) (restv1.UnitPage, error)
	// Attempts returns attempts of the job, newest first, at most limit of them.
	Attempts(ctx context.Context, id string, f AttemptFilter) ([]restv1.Attempt, error)
	// Why explains what the job waits for.
	Why(ctx context.Context, id string) (restv1.Why, error)
}

// JobFilter narrows a list of jobs. The zero value of a field asks for nothing.
type JobFilter struct {
	State  string // a job state's name
	Before string // only jobs submitted before the one with this id
	Limit  int    // at most this many; always set, 1 to 1000
}

// AttemptFilter narrows a list of attempts.
type AttemptFilter struct {
	Step  *int
	Unit  *int64
	Limit int // always set, 1 to 1000
}

// Fleet answers for everything that is not a job.
type Fleet interface {
	Summary(ctx context.Context) (restv1.Summary, error)
	Attempt(ctx context.Context, id string) (restv1.Attempt, error)
	// Nodes returns nodes by site and name; deleted ones only with all.
	Nodes(ctx context.Context, all bool) ([]restv1.Node, error)
	// ChangeNode does something to a node: drain (nothing new), resume (ends that), release (ends its quarantine and the blocks
	// of jobs). Conflict: its state forbids it.
	ChangeNode(ctx context.Context, id, verb string) (restv1.Node, error)
	Pools(ctx context.Context) ([]restv1.Pool, error)
	// EvaluateAutoscale evaluates a formula for a pool and changes nothing. A formula that is wrong, or fails, is an answer with
	// an Error in it. NotFound: no such pool. Invalid: neither the request nor the pool has a formula; samples of unknown variables.
	EvaluateAutoscale(ctx context.Context, pool string, r restv1.AutoscaleRequest) (restv1.AutoscaleRun, error)
	// AutoscaleSamples returns what has been measured for a pool's formula, oldest first. Conflict: the pool has none.
	AutoscaleSamples(ctx context.Context, pool string) ([]restv1.AutoscaleSample, error)
	// Decisions returns the newest decisions, newest first, at most limit.
	Decisions(ctx context.Context, limit int) ([]restv1.Decision, error)
	// Forecast tells what becomes of a job, as things are or if they were otherwise; nothing is changed. Conflict: it is over
	// or paused.
	Forecast(ctx context.Context, job string, q WhatIf) (restv1.Prospect, error)
	// StopPools stops a pool, or all if none is named, or lets them go on, and returns them. NotFound: no such pool.
	StopPools(ctx context.Context, pool string, c restv1.PoolStop) ([]restv1.Pool, error)
	// Filers returns the status of each filer, at most a few seconds old. A filer that does not answer is listed as such.
	Filers(ctx context.Context) ([]restv1.Filer, error)
	// MintToken makes a join token. Invalid: names that are no pattern, an unknown site, a filer that is not configured.
	MintToken(ctx context.Context, r restv1.TokenRequest) (restv1.Token, error)
}

// Sharing answers for what divides the farm among its users.
type Sharing interface {
	// Limits returns limits by name.
	Limits(ctx context.Context) ([]restv1.Limit, error)
	// SetLimit makes a limit or changes what is given of one. Invalid: a name that is none, a new limit without seats.
	SetLimit(ctx context.Context, id string, c restv1.LimitChange) (restv1.Limit, error)
	// ReportLimit takes in the use outside the farm.
	ReportLimit(ctx context.Context, id string, r restv1.LimitReport) (restv1.Limit, error)
	// DeleteLimit removes a limit. While jobs that are not over need it, it is Conflict.
	DeleteLimit(ctx context.Context, id string) error
	// Queues returns queues by name.
	Queues(ctx context.Context) ([]restv1.Queue, error)
	// SetQueue makes a queue or changes what is given of one. Invalid: a name that is none, a weight that is not positive.
	SetQueue(ctx context.Context, id string, c restv1.QueueChange) (restv1.Queue, error)
	// DeleteQueue removes a queue. While it has jobs that are not over, and for the default one, it is Conflict.
	DeleteQueue(ctx context.Context, id string) error
}

// Streams answers with what is long or goes on.
type Streams interface {
	// Events opens the farm's history at the cursor. It returns at once.
	Events(ctx context.Context, at Cursor) (Follow, error)
	// Log opens an attempt's output at a byte offset; a negative one counts from the end. With follow, reading waits for
	// more until the attempt has ended or ctx has. An attempt that has written nothing has an empty log.
	Log(ctx context.Context, attempt string, offset int64, follow bool) (Log, error)
	// Pictures returns the job's landed picture outputs (png, jpeg, webp), newest first, at most limit. Empty id: of all jobs.
	// The caller fills in URL.
	Pictures(ctx context.Context, job string, limit int) ([]restv1.Picture, error)
	// Picture opens the n-th output of an attempt. An output without a receipt is Conflict.
	Picture(ctx context.Context, attempt string, n int) (File, error)
}

// Cursor says where an event stream starts.
type Cursor struct {
	Resume bool   // right after event After; else with the newest Last events
	After  uint64 // 0: from the first event kept
	Last   int    // 0: only what happens from now on
}

// Follow is an open event stream. Events is closed when the context of the call ends, when the server stops, and when the
// reader is too slow to be kept; a reader that was cut off comes again with the cursor of the last event it saw.
type Follow struct {
	Events <-chan restv1.Event
	// Gap says that events right after the cursor have been forgotten (or never were): the reader must load everything anew.
	Gap bool
}

// Log is an open log. Offset is the position of its first byte. The reader closes it.
type Log struct {
	io.ReadCloser
	Offset int64
}

// File is an open picture file. The reader closes it.
type File struct {
	io.ReadSeekCloser
	Name     string
	Modified time.Time
	SHA256   string // hex; names the content for caches
}
