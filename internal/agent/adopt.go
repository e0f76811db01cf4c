package agent

import (
	"os"
	"path/filepath"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/fault"
)

// adopt takes over what an earlier agent has left: sessions under their supervisors, attempts running, ended or never
// started.
func (n *node) adopt() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range namesIn(n.home.path("sessions")) {
		h := newSessionHandle(id, n.home.path("sessions", id))
		n.addSession(h)
		n.log.Info("adopted a session", "session", id)
	}
	for _, id := range namesIn(n.home.path("attempts")) {
		if err := n.adoptAttempt(id); err != nil {
			n.log.Error("an attempt's spool is unusable and is removed", "attempt", id, "error", err)
			_ = os.RemoveAll(n.home.path("attempts", id))
		}
	}
	n.sweepJobs()
}

func (n *node) adoptAttempt(id string) error {
	dir := n.home.path("attempts", id)
	order, end := new(agentv1.RunTask), new(agentv1.AttemptEnd)
	if err := readProto(filepath.Join(dir, orderFile), order); err != nil {
		return err
	}
	if order.Attempt != id {
		return fault.New(fault.Invalid, "the order is for %q", order.Attempt)
	}
	a, ctx := n.newAttempt(order)
	log := filepath.Join(dir, "log")
	err := readProto(filepath.Join(dir, endFile), end)
	if err == nil {
		a.phase, a.end = agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED, end
		n.uploads.follow(id, log)
		n.uploads.finish(id, int64(end.LogSize))
		n.report(a)
		return nil
	}
	if h := n.sessions[order.Session]; h != nil && n.handedOver(a) {
		h.run(a) // known to the supervisor by its id; if it died, the attempt ends with it
	}
	n.work.Go(func() { n.carry(ctx, a) })
	return nil
}

func readProto(path string, m proto.Message) error {
	var raw rawJSON
	if err := supervise.ReadJSON(path, &raw); err != nil {
		return err
	}
	return fault.Wrap(fault.Invalid, protojson.Unmarshal(raw, m), "read "+path)
}

func namesIn(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		if validName(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}
