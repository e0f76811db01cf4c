package farm

// Identifiers. They are opaque to users, ordered by creation where the server makes them, and never reused.
type (
	JobID     string // "j" + UUIDv7 in base 32
	AttemptID string // "a" + …
	SessionID string // "s" + …: an OpenJD session on a node
	NodeID    string // the name in the node's certificate: "ws-04", "burst-7"
	PoolID    string // an elastic pool's name
	SiteID    string // "studio", "cloud"
	FilerID   string // a filer's name
	QueueID   string
	Location  string // a storage location's name: "nas"
)

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
