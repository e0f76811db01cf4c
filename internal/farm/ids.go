package farm

// Identifiers are opaque to users, ordered by creation where the server makes them, and never reused.

// JobID is "j" + UUIDv7 in base 32.
type JobID string

// AttemptID is "a" + UUIDv7 in base 32.
type AttemptID string

// SessionID is "s" + UUIDv7 in base 32: an OpenJD session on a node.
type SessionID string

// NodeID is the name in the node's certificate: "ws-04", "burst-7".
type NodeID string

// PoolID is an elastic pool's name.
type PoolID string

// SiteID is a site's name: "studio", "cloud".
type SiteID string

// FilerID is a filer's name.
type FilerID string

// QueueID is a queue's name.
type QueueID string

// LimitID is a limit's name.
type LimitID string

// Location is a storage location's name: "nas".
type Location string

// StepRef names a step by its position in the job's template.
type StepRef struct {
	Job  JobID `json:"job"`
	Step int   `json:"step"`
}

// UnitRef names one unit of work: the task at an index of the step's task space.
type UnitRef struct {
	StepRef
	Unit int64 `json:"unit"`
}

// StoragePath is a file's name that is the same at every site: a storage location and a slash-separated path below it.
type StoragePath struct {
	Location Location `json:"location"`
	Path     string   `json:"path"`
}
