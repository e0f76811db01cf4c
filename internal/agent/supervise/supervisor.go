package supervise

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/session"
	"github.com/spillway/spillway/internal/fault"
)

// farewell bounds how long a connection may take to be told that the session has ended.
const farewell = 5 * time.Second

// Serve is the supervisor process: it runs the session in dir until it ends. Ending ctx (a signal) cancels what runs,
// with the cause agent, and ends the session. Errors are those that kept the session from being served at all.
func Serve(ctx context.Context, dir string, log *slog.Logger) error {
	var spec session.Spec
	if err := ReadJSON(filepath.Join(dir, SpecFile), &spec); err != nil {
		return err
	}
	if err := process.Adopt(); err != nil {
		return fault.Wrap(fault.Internal, err, "become the reaper of the session's processes")
	}
	s := &supervisor{dir: dir, self: process.Identify(os.Getpid()), board: newBoard(spec.Session), log: log, bell: make(chan struct{}, 1), queued: make(map[string]*job)}
	if err := s.record(nil); err != nil {
		return err
	}
	listener, err := listen(dir)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "listen")
	}
	return s.serve(ctx, spec, listener)
}

// supervisor runs one session and talks to agents about it.
type supervisor struct {
	dir   string
	self  process.Ident
	board *board
	log   *slog.Logger
	bell  chan struct{} // rung when the queue or ending has changed

	// mu guards what follows.
	mu     sync.Mutex
	queue  []*job
	queued map[string]*job // every task ever taken
	ending bool
}

// job is a task that has been taken.
type job struct {
	task   session.Task
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (s *supervisor) serve(ctx context.Context, spec session.Spec, listener net.Listener) error {
	connCtx, hangUp := context.WithCancelCause(context.Background())
	var conns sync.WaitGroup
	conns.Go(func() { s.accept(connCtx, listener, &conns) })

	message := s.run(ctx, spec)
	if err := WriteJSON(filepath.Join(s.dir, EndedFile), Ended{message}); err != nil {
		s.log.Error("the session's end could not be written down", "error", err)
	}
	s.board.end(message)
	_ = listener.Close()
	patience := time.AfterFunc(farewell, func() { hangUp(errors.New("the session has ended")) })
	defer patience.Stop()
	conns.Wait()
	hangUp(nil)
	return nil
}

// run opens the session, runs the queue until it is told to end or the session is over, and returns why if not by
// command.
func (s *supervisor) run(ctx context.Context, spec session.Spec) (message string) {
	open, err := session.Open(spec, func(groups []process.Ident) {
		if err := s.record(groups); err != nil {
			s.log.Error("the process groups could not be written down", "error", err)
		}
	})
	if err != nil {
		s.log.Error("the session could not be opened", "error", err)
		s.refuseAll(ctx, session.Agent, err)
		return err.Error()
	}
	for open.Over() == nil {
		j := s.next(ctx)
		if j == nil {
			break
		}
		s.perform(ctx, open, j)
	}
	if err := open.Over(); err != nil {
		message = err.Error()
		s.refuseQueued(session.Agent, fault.Wrap(fault.Conflict, err, "the session has ended"))
	}
	if err := open.Close(context.WithoutCancel(ctx)); err != nil {
		s.log.Warn("the session was not left properly", "error", err)
		if message == "" {
			message = err.Error()
		}
	}
	return message
}

func (s *supervisor) perform(ctx context.Context, open *session.Session, j *job) {
	defer j.cancel(nil)
	stop := context.AfterFunc(ctx, func() {
		j.cancel(&session.Cancel{Cause: session.Agent, Reason: "the node shuts down", Grace: 5 * time.Second})
	})
	defer stop()
	s.finish(open.Run(j.ctx, j.task, &observer{s.board, j.task.Attempt}), j.task.Dir)
}

// finish writes a result down before anybody is told.
func (s *supervisor) finish(r session.Result, dir string) {
	if err := WriteJSON(filepath.Join(dir, ResultFile), r); err != nil {
		s.log.Error("an attempt's result could not be written down", "attempt", r.Attempt, "error", err)
	}
	s.board.change(r.Attempt, true, func(a *AttemptState) {
		a.Phase, a.Result, a.LogSize, a.Elapsed = Over, &r, r.LogSize, r.RunTime
	})
}

// next waits for a task. It returns nil when the session is to end: by command and with an empty queue, or with ctx.
func (s *supervisor) next(ctx context.Context) *job {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 && ctx.Err() == nil {
			j := s.queue[0]
			s.queue = s.queue[1:]
			s.mu.Unlock()
			return j
		}
		ending := s.ending
		s.mu.Unlock()
		if ending {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.bell:
		}
	}
}

// refuseAll answers every task with the same failure until the session is to end.
func (s *supervisor) refuseAll(ctx context.Context, cause session.Cause, err error) {
	for j := s.next(ctx); j != nil; j = s.next(ctx) {
		s.refuse(j, cause, err)
		s.mu.Lock()
		s.ending = true // one is told why; then the agent opens a session anew
		s.mu.Unlock()
	}
}

func (s *supervisor) refuseQueued(cause session.Cause, err error) {
	s.mu.Lock()
	s.ending = true
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, j := range queue {
		s.refuse(j, cause, err)
	}
}

func (s *supervisor) refuse(j *job, cause session.Cause, err error) {
	j.cancel(nil)
	s.finish(session.Result{Attempt: j.task.Attempt, Cause: cause, ExitCode: -1, Message: err.Error()}, j.task.Dir)
}

// take handles one command.
func (s *supervisor) take(c Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch c.Verb {
	case Run:
		s.takeTask(*c.Task)
	case Cancel:
		if j := s.queued[c.Attempt]; j != nil {
			j.cancel(&session.Cancel{Cause: c.Cause, Reason: c.Reason, Grace: c.Grace})
		}
	case End:
		s.ending = true
	}
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

func (s *supervisor) takeTask(t session.Task) {
	if s.queued[t.Attempt] != nil {
		return
	}
	j := &job{task: t}
	j.ctx, j.cancel = context.WithCancelCause(context.Background())
	s.queued[t.Attempt] = j
	if s.ending {
		go s.refuse(j, session.Agent, fault.New(fault.Conflict, "the session is ending"))
		return
	}
	s.queue = append(s.queue, j)
	s.board.change(t.Attempt, true, func(*AttemptState) {})
}

func (s *supervisor) record(groups []process.Ident) error {
	return WriteJSON(filepath.Join(s.dir, RecordFile), Record{Version: Version, Supervisor: s.self, Groups: groups})
}

func (s *supervisor) accept(ctx context.Context, listener net.Listener, conns *sync.WaitGroup) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		conns.Go(func() { s.talk(ctx, conn) })
	}
}

// talk serves one agent.
func (s *supervisor) talk(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancelCause(ctx)
	var reading sync.WaitGroup
	reading.Go(func() {
		in := lines(conn)
		for in.Scan() {
			c, err := ParseCommand(in.Bytes())
			if err != nil {
				s.log.Warn("a command was ignored", "error", err)
				continue
			}
			s.take(c)
		}
		cancel(errors.New("the agent is gone"))
	})
	w := s.board.watch()
	out := json.NewEncoder(conn)
	err := w.follow(ctx, func(m Message) error { return out.Encode(m) })
	s.log.Debug("an agent's connection ended", "error", err)
	s.board.unwatch(w)
	_ = conn.Close()
	reading.Wait()
}

// observer puts what happens to a task on the board.
type observer struct {
	board   *board
	attempt string
}

func (o *observer) Started() {
	o.board.change(o.attempt, true, func(a *AttemptState) { a.Phase = Running })
}

func (o *observer) Progress(percent float64, status string) {
	o.board.change(o.attempt, false, func(a *AttemptState) {
		if percent >= 0 {
			a.Progress = percent
		}
		if status != "" {
			a.Status = status
		}
	})
}

func (o *observer) LogGrew(size int64) {
	o.board.change(o.attempt, false, func(a *AttemptState) { a.LogSize = max(a.LogSize, size) })
}

var _ session.Observer = (*observer)(nil)
