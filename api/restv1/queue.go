package restv1

// Queue holds jobs. Queues share the farm by their weights: of those that have work, the one is served next whose dominant
// share, divided by its weight, is the smallest.
type Queue struct {
	ID     string  `json:"id"`
	Weight float64 `json:"weight"`
	Paused bool    `json:"paused,omitempty" doc:"Nothing new is started."`
	Quota  Amounts `json:"quota" doc:"What its running tasks take at most; 0: any amount."`
	Used   Amounts `json:"used" doc:"By its running tasks."`
	Jobs   int     `json:"jobs" doc:"That are not over."`
	Share  float64 `json:"share" doc:"Part of the farm that it has, of what it has most of; 0 to 1."`
	Fair   float64 `json:"fair" doc:"Part that its weight gives it among the queues with jobs; 0 to 1."`
}

// Amounts are what tasks take.
type Amounts struct {
	VCPUs     float64 `json:"vcpus"`
	MemoryMiB int64   `json:"memoryMiB"`
	GPUs      int64   `json:"gpus"`
	Tasks     int64   `json:"tasks"`
}

// QueueChange makes a queue or changes one. What is left out keeps its value; a new queue has the weight 1 and no quota.
type QueueChange struct {
	Weight    *float64 `json:"weight,omitempty" minimum:"0.000001" maximum:"1000000"`
	Paused    *bool    `json:"paused,omitempty"`
	VCPUs     *float64 `json:"vcpus,omitempty" minimum:"0" doc:"Of the quota; 0: any amount."`
	MemoryMiB *int64   `json:"memoryMiB,omitempty" minimum:"0" doc:"Of the quota; 0: any amount."`
	GPUs      *int64   `json:"gpus,omitempty" minimum:"0" doc:"Of the quota; 0: any number."`
	Tasks     *int64   `json:"tasks,omitempty" minimum:"0" doc:"Of the quota; 0: any number."`
}
