package restv1

import "time"

// Prospect tells what becomes of a job, as things are or if something were otherwise.
type Prospect struct {
	Job      string         `json:"job"`
	Done     time.Time      `json:"done,omitzero" doc:"When the job ends; absent: never, or nobody knows."`
	Known    bool           `json:"known" doc:"How long all of its tasks take has been measured, or is expected."`
	Late     bool           `json:"late" doc:"The moment asked for, or else the job's own goal, is missed."`
	Nodes    map[string]int `json:"nodes" doc:"Rented nodes that the farm then has, by pool."`
	Cost     float64        `json:"cost" doc:"Of all rented nodes from now until the work is done."`
	Extra    float64        `json:"extra" doc:"Of the cost, what there would not be without the job."`
	Cap      string         `json:"cap,omitempty" doc:"What keeps it from being sooner: max, vcpus, quota, hourly, budget or stopped."`
	Currency string         `json:"currency,omitempty"`
}

// PoolStop stops pools, or lets them go on.
type PoolStop struct {
	Stopped bool   `json:"stopped" doc:"Stopped pools get no more nodes, and those they have drain."`
	Reason  string `json:"reason,omitempty" maxLength:"500" doc:"For those who wonder."`
}
