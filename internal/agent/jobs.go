package agent

import (
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/fault"
)

// saveJob keeps a job's specification: attempts refer to it, also after a restart of the agent.
func (n *node) saveJob(job *agentv1.JobSpec) {
	if !validName(job.Job) {
		n.log.Error("a job with an unusable name was not taken", "job", job.Job)
		return
	}
	data, err := protojson.Marshal(job)
	if err == nil {
		err = supervise.WriteJSON(n.home.path("jobs", job.Job+".json"), rawJSON(data))
	}
	if err != nil {
		n.log.Error("a job's specification could not be kept", "job", job.Job, "error", err)
	}
}

func (n *node) loadJob(id string) (*agentv1.JobSpec, error) {
	var raw rawJSON
	if err := supervise.ReadJSON(n.home.path("jobs", id+".json"), &raw); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the job's specification")
	}
	job := new(agentv1.JobSpec)
	if err := protojson.Unmarshal(raw, job); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the job's specification")
	}
	return job, nil
}

// sweepJobs removes the specifications that nothing on the node refers to; the server sends them again before it orders.
func (n *node) sweepJobs() {
	used := make(map[string]bool)
	for _, a := range n.attempts {
		used[a.order.Job] = true
	}
	files, _ := filepath.Glob(n.home.path("jobs", "*.json"))
	for _, f := range files {
		if !used[strings.TrimSuffix(filepath.Base(f), ".json")] {
			_ = os.Remove(f)
		}
	}
}
