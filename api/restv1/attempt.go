package restv1

import "time"

// Attempt is one try at one unit on one node.
type Attempt struct {
	ID         string    `json:"id"`
	Job        string    `json:"job"`
	Step       int       `json:"step"`
	Unit       int64     `json:"unit"`
	Number     int       `json:"number" doc:"1, 2, … of this unit."`
	Node       string    `json:"node"`
	Site       string    `json:"site"`
	State      string    `json:"state" enum:"warming,ordered,running,canceling,landing,fencing,succeeded,failed,canceled,lost"`
	Reason     string    `json:"reason"`
	Cause      string    `json:"cause,omitempty" doc:"Of its end, such as task error, timeout or node lost."`
	Assigned   time.Time `json:"assigned"`
	Started    time.Time `json:"started,omitzero"`
	Ended      time.Time `json:"ended,omitzero"`
	Landed     time.Time `json:"landed,omitzero"`
	ExitCode   int       `json:"exitCode"`
	RunSeconds float64   `json:"runSeconds,omitempty"`
	CPUSeconds float64   `json:"cpuSeconds,omitempty"`
	MaxRSSMiB  uint64    `json:"maxRSSMiB,omitempty"`
	LogBytes   uint64    `json:"logBytes,omitempty"`
	Progress   float64   `json:"progress,omitempty" doc:"0 to 1."`
	Outputs    []Output  `json:"outputs,omitempty" nullable:"false"`
	Removed    []Removed `json:"removed,omitempty" nullable:"false" doc:"Unfinished files taken away after the fence."`
}

// Output is a file that an attempt left.
type Output struct {
	Location string   `json:"location"`
	Path     string   `json:"path" doc:"Below the storage location."`
	Size     uint64   `json:"size"`
	SHA256   string   `json:"sha256"`
	Kind     string   `json:"kind,omitempty" doc:"What it was verified as, such as png."`
	Width    uint32   `json:"width,omitempty"`
	Height   uint32   `json:"height,omitempty"`
	Receipt  *Receipt `json:"receipt,omitempty" doc:"Absent until the storage has the file."`
}

// Receipt is the storage's word that it has a file.
type Receipt struct {
	Filer  string    `json:"filer"`
	Serial uint64    `json:"serial"`
	Size   uint64    `json:"size"`
	SHA256 string    `json:"sha256"`
	Issued time.Time `json:"issued"`
}

// Removed is an unfinished file of a dead attempt.
type Removed struct {
	Location string `json:"location"`
	Path     string `json:"path"`
	Size     uint64 `json:"size"`
}

// Picture is a landed output that can be looked at.
type Picture struct {
	Attempt string    `json:"attempt"`
	Index   int       `json:"index" doc:"Position among the attempt's outputs."`
	Job     string    `json:"job"`
	Step    int       `json:"step"`
	Unit    int64     `json:"unit"`
	Site    string    `json:"site"`
	Node    string    `json:"node"`
	Name    string    `json:"name" doc:"File name."`
	Path    string    `json:"path" doc:"Below the storage location."`
	Width   uint32    `json:"width,omitempty"`
	Height  uint32    `json:"height,omitempty"`
	Landed  time.Time `json:"landed"`
	URL     string    `json:"url" doc:"Where its bytes are, relative to the server."`
}
