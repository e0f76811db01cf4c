package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/fault"
)

const (
	orderFile = "order.json"
	endFile   = "end.json"
)

// accept takes an order to run a task: it is spooled first, then reported as accepted, then carried out. An order that is
// known is only reported again.
func (n *node) accept(order *agentv1.RunTask) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := n.attempts[order.Attempt]; a != nil {
		n.report(a)
		return
	}
	if n.forgotten[order.Attempt] || n.draining {
		n.log.Info("an order to run a task was not taken", "attempt", order.Attempt, "draining", n.draining)
		return
	}
	if !validName(order.Attempt) || !validName(order.Session) || !validName(order.Job) {
		n.log.Error("an order with unusable names was not taken", "attempt", order.Attempt, "session", order.Session, "job", order.Job)
		return
	}
	a, ctx := n.newAttempt(order)
	if err := n.spool(a); err != nil {
		a.phase, a.end = agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED, failed(session.Agent, err)
		n.report(a)
		return
	}
	n.report(a)
	n.work.Go(func() { n.carry(ctx, a) })
}

// newAttempt adds an attempt. The caller holds mu.
func (n *node) newAttempt(order *agentv1.RunTask) (*attempt, context.Context) {
	ctx, cancel := context.WithCancelCause(n.ctx)
	a := &attempt{
		order: order, dir: n.home.path("attempts", order.Attempt), cancel: cancel,
		phase: agentv1.AttemptPhase_ATTEMPT_PHASE_ACCEPTED, progress: -1, result: make(chan session.Result, 1),
	}
	n.attempts[order.Attempt] = a
	return a, ctx
}

func (n *node) spool(a *attempt) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fault.Wrap(fault.Exhausted, err, "spool the order")
	}
	data, err := protojson.Marshal(a.order)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "spool the order")
	}
	if err := supervise.Reserve(a.dir); err != nil {
		return fault.Wrap(fault.Exhausted, err, "reserve room on the node's disk")
	}
	return supervise.WriteJSON(filepath.Join(a.dir, orderFile), rawJSON(data))
}

// rawJSON is JSON already.
type rawJSON []byte

func (r rawJSON) MarshalJSON() ([]byte, error)  { return r, nil }
func (r *rawJSON) UnmarshalJSON(b []byte) error { *r = append((*r)[:0], b...); return nil }

// carry brings an attempt to its end, writes that down and reports it. If the agent ends first, the next one goes on.
func (n *node) carry(ctx context.Context, a *attempt) {
	end := n.execute(ctx, a)
	if end == nil {
		return // the agent ends
	}
	end.LogSize = n.closeLog(a, end)
	if data, err := protojson.Marshal(end); err != nil {
		n.log.Error("an attempt's end could not be encoded", "attempt", a.order.Attempt, "error", err)
	} else if err := supervise.WriteJSON(filepath.Join(a.dir, endFile), rawJSON(data)); err != nil {
		n.log.Error("an attempt's end could not be written down", "attempt", a.order.Attempt, "error", err)
	}
	n.uploads.follow(a.order.Attempt, filepath.Join(a.dir, "log"))
	n.uploads.finish(a.order.Attempt, int64(end.LogSize))
	n.change(a, func() { a.phase, a.end = agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED, end })
	a.cancel(nil)
	n.log.Info("attempt ended", "attempt", a.order.Attempt, "cause", end.Cause, "message", end.Message)
}

// execute returns how the attempt ended, or nil if the agent ends before that.
func (n *node) execute(ctx context.Context, a *attempt) *agentv1.AttemptEnd {
	if r, ok := readResult(a.dir); ok { // it ended while no agent was there
		return n.conclude(a, r)
	}
	if !n.handedOver(a) {
		if err := n.prepare(ctx, a); err != nil {
			return n.unlessStopping(a, ctx, err)
		}
	}
	handle, err := n.openSession(ctx, a)
	if err != nil {
		return n.unlessStopping(a, ctx, err)
	}
	n.uploads.follow(a.order.Attempt, filepath.Join(a.dir, "log"))
	handle.run(a)
	select {
	case r := <-a.result:
		return n.conclude(a, r)
	case <-ctx.Done():
	}
	if n.ctx.Err() != nil {
		return nil
	}
	c := cancelOf(context.Cause(ctx))
	handle.send(supervise.Command{Verb: supervise.Cancel, Attempt: a.order.Attempt, Cause: c.Cause, Reason: c.Reason, Grace: c.Grace})
	select {
	case r := <-a.result:
		return n.conclude(a, r)
	case <-n.ctx.Done():
		return nil
	}
}

// handedOver reports whether a supervisor has the task: its log is there.
func (n *node) handedOver(a *attempt) bool {
	_, err := os.Stat(filepath.Join(a.dir, "log"))
	return err == nil
}

// prepare waits for the storage and has names looked up anew that other tasks have written.
func (n *node) prepare(ctx context.Context, a *attempt) error {
	if err := n.mounts.await(ctx); err != nil {
		return err
	}
	return n.mounts.refresh(ctx, a.order.Refresh)
}

// unlessStopping turns an error into an end, unless it only says that the agent ends.
func (n *node) unlessStopping(a *attempt, ctx context.Context, err error) *agentv1.AttemptEnd {
	if n.ctx.Err() != nil {
		return nil
	}
	if ctx.Err() != nil {
		c := cancelOf(context.Cause(ctx))
		return failed(c.Cause, c)
	}
	cause := session.Agent
	if fault.KindOf(err) == fault.Unavailable {
		cause = session.Storage
	}
	n.log.Warn("a task was not started", "attempt", a.order.Attempt, "error", err)
	return failed(cause, err)
}

func cancelOf(cause error) *session.Cancel {
	if c, ok := errors.AsType[*session.Cancel](cause); ok {
		return c
	}
	return &session.Cancel{Cause: session.Canceled, Reason: fmt.Sprint(cause)}
}

// conclude checks what a task has left, if its action ended well, and says how the attempt ended.
func (n *node) conclude(a *attempt, r session.Result) *agentv1.AttemptEnd {
	end := &agentv1.AttemptEnd{
		Cause: endCauses[r.Cause], ExitCode: int32(r.ExitCode), Message: r.Message,
		RunTime: durationpb.New(r.RunTime), CpuSeconds: r.CPU, MaxRssMib: r.MaxRSS,
	}
	if r.Cause != session.Success {
		return end
	}
	n.change(a, func() { a.status = "checking the outputs" })
	outputs, err := n.mounts.verify(n.ctx, a.order.Outputs, r.Saved)
	switch {
	case n.ctx.Err() != nil:
		return nil
	case err == nil:
		end.Outputs = outputs
	case fault.KindOf(err) == fault.Invalid:
		end.Cause, end.Message = agentv1.EndCause_END_CAUSE_VERIFICATION, err.Error()
	default:
		end.Cause, end.Message = agentv1.EndCause_END_CAUSE_STORAGE, err.Error()
	}
	return end
}

var endCauses = map[session.Cause]agentv1.EndCause{
	session.Success:     agentv1.EndCause_END_CAUSE_SUCCESS,
	session.TaskError:   agentv1.EndCause_END_CAUSE_TASK_ERROR,
	session.Timeout:     agentv1.EndCause_END_CAUSE_TIMEOUT,
	session.Canceled:    agentv1.EndCause_END_CAUSE_CANCELED,
	session.Environment: agentv1.EndCause_END_CAUSE_ENVIRONMENT,
	session.Storage:     agentv1.EndCause_END_CAUSE_STORAGE,
	session.Agent:       agentv1.EndCause_END_CAUSE_AGENT,
	session.NoProgress:  agentv1.EndCause_END_CAUSE_NO_PROGRESS,
	session.Memory:      agentv1.EndCause_END_CAUSE_OUT_OF_MEMORY,
	session.Licence:     agentv1.EndCause_END_CAUSE_LICENCE,
}

// failed is the end of an attempt whose action was never started.
func failed(cause session.Cause, err error) *agentv1.AttemptEnd {
	return &agentv1.AttemptEnd{Cause: endCauses[cause], ExitCode: -1, Message: err.Error(), RunTime: durationpb.New(0)}
}

// closeLog adds to the log what the agent found after the action, and returns its size.
func (n *node) closeLog(a *attempt, end *agentv1.AttemptEnd) uint64 {
	path := filepath.Join(a.dir, "log")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	found := end.Cause == agentv1.EndCause_END_CAUSE_VERIFICATION || end.Cause == agentv1.EndCause_END_CAUSE_STORAGE || info.Size() == 0
	if found && end.Message != "" {
		if _, err := fmt.Fprintf(f, "[spillway] %s\n", end.Message); err == nil {
			info, err = f.Stat()
			if err != nil {
				return 0
			}
		}
	}
	return uint64(info.Size())
}

func readResult(dir string) (session.Result, bool) {
	var r session.Result
	return r, supervise.ReadJSON(filepath.Join(dir, supervise.ResultFile), &r) == nil
}

// cancelAttempt ends an attempt. One that is unknown is reported as ended, so that the server can close its record.
func (n *node) cancelAttempt(order *agentv1.CancelAttempt) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &session.Cancel{Cause: session.Canceled, Reason: order.Reason, Grace: order.Grace.AsDuration()}
	a := n.attempts[order.Attempt]
	switch {
	case a == nil:
		unknown := &attempt{order: &agentv1.RunTask{Attempt: order.Attempt}, phase: agentv1.AttemptPhase_ATTEMPT_PHASE_ENDED, progress: -1,
			end: failed(session.Canceled, fault.New(fault.NotFound, "the node does not have the attempt"))}
		n.report(unknown)
	case a.end != nil:
		n.report(a)
	default:
		a.cancel(c)
	}
}

// forget removes an attempt whose end the server has recorded and whose log it has stored.
func (n *node) forget(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.attempts[id]
	if a == nil || a.end == nil {
		return
	}
	delete(n.attempts, id)
	if len(n.forgotten) >= maxForgotten {
		clear(n.forgotten)
	}
	n.forgotten[id] = true
	n.uploads.drop(id)
	if err := os.RemoveAll(a.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.log.Warn("an attempt's spool could not be removed", "attempt", id, "error", err)
	}
	n.noteChange()
}

// maxForgotten bounds the memory of attempts that are over.
const maxForgotten = 10_000

// supervisorSays takes the state of an attempt from its supervisor.
func (n *node) supervisorSays(s *supervise.AttemptState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := n.attempts[s.Attempt]
	if a == nil || a.end != nil {
		return
	}
	n.uploads.grew(s.Attempt, s.LogSize)
	if s.Result != nil {
		select {
		case a.result <- *s.Result:
		default:
		}
		return
	}
	phase := a.phase
	if s.Phase == supervise.Running {
		a.phase = agentv1.AttemptPhase_ATTEMPT_PHASE_RUNNING
		a.started = time.Now().Add(-s.Elapsed)
	}
	if a.phase != phase || a.progress != s.Progress || a.status != s.Status {
		a.progress, a.status = s.Progress, s.Status
		n.report(a)
	}
}
