package agent

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/fault"
)

const (
	// supervisorStart is how long a supervisor may take to listen.
	supervisorStart = 20 * time.Second
	// reapTimeout bounds one attempt at killing what a dead supervisor left.
	reapTimeout = 10 * time.Second
)

// sessionHandle is a session's supervisor as the agent sees it.
type sessionHandle struct {
	id, dir string
	gone    chan struct{} // closed when the session has ended and its directory is removed

	mu      sync.Mutex // guards what follows; a leaf
	client  *supervise.Client
	backlog []supervise.Command // to send when connected: idempotent, so that all are sent on every connection
	ending  bool
}

// openSession returns the attempt's session, with a supervisor started if there is none. A session that is ending is
// waited for; then one is opened anew.
func (n *node) openSession(ctx context.Context, a *attempt) (*sessionHandle, error) {
	for {
		n.mu.Lock()
		h := n.sessions[a.order.Session]
		if h == nil {
			break
		}
		n.mu.Unlock()
		if !h.isEnding() {
			return h, nil
		}
		select {
		case <-h.gone:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	defer n.mu.Unlock()
	if n.handedOver(a) {
		return nil, fault.New(fault.Internal, "the supervisor of the task was lost while no agent was there")
	}
	return n.startSession(a)
}

// startSession writes the session's specification and starts its supervisor. The caller holds mu.
func (n *node) startSession(a *attempt) (*sessionHandle, error) {
	job, err := n.loadJob(a.order.Job)
	if err != nil {
		return nil, err
	}
	h := newSessionHandle(a.order.Session, n.home.path("sessions", a.order.Session))
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Exhausted, err, "make the session's directory")
	}
	spec := session.Spec{
		Session: h.id, Job: job.Job, JobName: job.Name, Template: job.TemplateJson, Parameters: job.Parameters, Step: a.order.Step,
		Rules: n.mounts.rules(), Dir: h.dir, Env: n.marks(), Cgroup: n.slot(h.id), LogCap: n.config.LogCap,
	}
	if err := supervise.WriteJSON(filepath.Join(h.dir, supervise.SpecFile), spec); err != nil {
		return nil, err
	}
	if err := supervise.Spawn(append(slices.Clone(n.config.Command), "supervise"), h.dir, n.environment()); err != nil {
		return nil, err
	}
	n.addSession(h)
	return h, nil
}

func newSessionHandle(id, dir string) *sessionHandle {
	return &sessionHandle{id: id, dir: dir, gone: make(chan struct{})}
}

// addSession follows a session until it has ended. The caller holds mu.
func (n *node) addSession(h *sessionHandle) {
	n.sessions[h.id] = h
	n.out.put("", sessionReport(h.id, agentv1.SessionPhase_SESSION_PHASE_OPEN, ""))
	n.work.Go(func() { n.follow(h) })
}

func sessionReport(id string, phase agentv1.SessionPhase, message string) *agentv1.Report {
	return &agentv1.Report{Report: &agentv1.Report_Session{Session: &agentv1.SessionUpdate{Session: id, Phase: phase, Message: message}}}
}

// slot names the cgroup of a session; "" where the machine has no hierarchy for it.
func (n *node) slot(session string) string {
	if n.hierarchy == "" {
		return ""
	}
	return filepath.Join(n.hierarchy, slotPrefix+n.config.Name+"-"+session)
}

// marks are the environment entries by which a node's processes are found.
func (n *node) marks() []string {
	return []string{"SPILLWAY_NODE=" + n.config.Name, "SPILLWAY_NODE_DIR=" + n.config.Dir}
}

// follow talks to a session's supervisor, across broken connections, until the session has ended or the agent does.
func (n *node) follow(h *sessionHandle) {
	started := time.Now()
	for {
		client, err := supervise.Dial(h.dir)
		if err == nil {
			err = n.listen(h, client)
			h.disconnect()
			started = time.Now()
		}
		if n.ctx.Err() != nil {
			return
		}
		if message, ended := n.sessionEnded(h, time.Since(started)); ended {
			n.closeSession(h, message)
			return
		}
		n.log.Debug("no connection to a supervisor", "session", h.id, "error", err)
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// listen passes on what the supervisor says until the connection ends.
func (n *node) listen(h *sessionHandle, client *supervise.Client) error {
	stop := context.AfterFunc(n.ctx, func() { _ = client.Close() })
	defer stop()
	if err := h.connect(client); err != nil {
		return err
	}
	for {
		m, err := client.Next()
		if err != nil {
			return err
		}
		switch {
		case m.Attempt != nil:
			if r := m.Attempt.Result; r != nil && r.Cause != session.Success {
				h.markEnding()
			}
			n.supervisorSays(m.Attempt)
		case m.Session.Ended:
			return nil
		}
	}
}

// sessionEnded reports whether a session without a connection is over: it said so, or its supervisor is dead. A
// supervisor that was started a moment ago may not listen yet.
func (n *node) sessionEnded(h *sessionHandle, since time.Duration) (message string, ended bool) {
	var end supervise.Ended
	if supervise.ReadJSON(filepath.Join(h.dir, supervise.EndedFile), &end) == nil {
		return end.Message, true
	}
	var record supervise.Record
	err := supervise.ReadJSON(filepath.Join(h.dir, supervise.RecordFile), &record)
	if err != nil && since < supervisorStart || err == nil && record.Supervisor.Alive() {
		return "", false
	}
	return "the session's supervisor was killed", true
}

// closeSession ends what is left of a session, says so, and gives attempts that got no result one.
func (n *node) closeSession(h *sessionHandle, message string) {
	n.reap(h)
	n.mu.Lock()
	for id, a := range n.attempts {
		if a.order.Session != h.id || a.end != nil {
			continue
		}
		r, ok := readResult(a.dir)
		if !ok && !h.has(id) {
			continue // waits for the next session of this name
		}
		if !ok {
			r = session.Result{Attempt: id, Cause: session.Agent, ExitCode: -1, Message: message}
		}
		select {
		case a.result <- r:
		default:
		}
	}
	n.mu.Unlock()
	if err := os.RemoveAll(h.dir); err != nil {
		n.log.Warn("a session's directory could not be removed", "session", h.id, "error", err)
	}
	n.mu.Lock()
	delete(n.sessions, h.id)
	n.out.put("", sessionReport(h.id, agentv1.SessionPhase_SESSION_PHASE_ENDED, message))
	n.noteChange()
	n.mu.Unlock()
	close(h.gone)
}

// reap kills what a dead supervisor may have left, until nothing is left of it.
func (n *node) reap(h *sessionHandle) {
	var record supervise.Record
	_ = supervise.ReadJSON(filepath.Join(h.dir, supervise.RecordFile), &record)
	mark := session.Mark(h.id)
	if slot := n.slot(h.id); slot != "" {
		if err := process.RemoveSlot(slot); err != nil {
			n.log.Warn("a session's cgroup could not be removed", "session", h.id, "error", err)
		} else {
			mark = "" // an empty cgroup leaves nothing to search for
		}
	}
	for n.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(n.ctx, reapTimeout)
		left, err := process.KillGroup(ctx, record.Groups, mark)
		cancel()
		if err == nil {
			return
		}
		n.log.Error("processes of a session do not die", "session", h.id, "processes", len(left), "error", err)
	}
}

// endSession lets a session end after what it runs.
func (n *node) endSession(id string) {
	n.mu.Lock()
	h := n.sessions[id]
	n.mu.Unlock()
	if h == nil {
		n.out.put("", sessionReport(id, agentv1.SessionPhase_SESSION_PHASE_ENDED, ""))
		return
	}
	h.markEnding()
	h.send(supervise.Command{Verb: supervise.End, Reason: "by order"})
}

// run hands an attempt to the supervisor.
func (h *sessionHandle) run(a *attempt) {
	o := a.order
	h.send(supervise.Command{Verb: supervise.Run, Task: &session.Task{
		Attempt: o.Attempt, Number: o.AttemptNumber, Step: o.Step, Index: o.TaskIndex, Parameters: o.TaskParameters, Dir: a.dir,
		NoProgress: o.NoProgress.AsDuration(), Signs: signs(o.Signs),
	}})
}

// signs are by what an order wants failures told apart.
func signs(ordered []*agentv1.FailureSign) []session.Sign {
	var out []session.Sign
	for _, o := range ordered {
		s := session.Sign{Text: o.Text}
		for cause, end := range endCauses {
			if end == o.Cause {
				s.Cause = cause
			}
		}
		for _, code := range o.ExitCodes {
			s.ExitCodes = append(s.ExitCodes, int(code))
		}
		if s.Cause != "" { // else a newer server's
			out = append(out, s)
		}
	}
	return out
}

// send sends a command now, and again on every later connection.
func (h *sessionHandle) send(c supervise.Command) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.backlog = append(h.backlog, c)
	if h.client != nil {
		_ = h.client.Send(c) // if it fails, the connection is gone and the next one repeats it
	}
}

func (h *sessionHandle) connect(client *supervise.Client) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.client = client
	for _, c := range h.backlog {
		if err := client.Send(c); err != nil {
			return err
		}
	}
	return nil
}

func (h *sessionHandle) disconnect() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.client != nil {
		_ = h.client.Close()
		h.client = nil
	}
}

// has reports whether an attempt was handed to this supervisor by this agent.
func (h *sessionHandle) has(attempt string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.backlog, func(c supervise.Command) bool { return c.Task != nil && c.Task.Attempt == attempt })
}

func (h *sessionHandle) markEnding() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ending = true
}

func (h *sessionHandle) isEnding() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ending
}
