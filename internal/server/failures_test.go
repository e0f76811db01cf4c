package server_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/spillway/spillway/api/restv1"
	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/store"
)

// flaky fails commits on demand: before they are written, or after, which the caller can't tell apart from before.
type flaky struct {
	store.Store

	mu    sync.Mutex
	next  string // "before", "after", "deposed"; empty: works
	loads int
}

func (f *flaky) set(next string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = next
}

func (f *flaky) Commit(ctx context.Context, epoch uint64, b farm.Batch) error {
	f.mu.Lock()
	next := f.next
	f.next = ""
	f.mu.Unlock()
	switch next {
	case "before":
		return errors.New("disk full")
	case "deposed":
		return store.ErrDeposed
	}
	err := f.Store.Commit(ctx, epoch, b)
	if next == "after" && err == nil {
		return store.ErrUnknown
	}
	return err
}

func (f *flaky) Load(ctx context.Context) (*farm.Records, error) {
	f.mu.Lock()
	f.loads++
	f.mu.Unlock()
	return f.Store.Load(ctx)
}

func TestFailedCommitPromisesNothing(t *testing.T) {
	var st *flaky
	w := newWorld(t, func(w *world) {
		w.wrap = func(s store.Store) store.Store { st = &flaky{Store: s}; return st }
	})
	ctx := context.Background()
	submission := restv1.Submission{Template: shot(2), Policy: shotPolicy}

	st.set("before")
	if _, _, err := w.Submit(ctx, submission, "key"); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("a submit whose commit failed: %v", err)
	}
	if jobs, err := w.Jobs(ctx, allJobs); err != nil || len(jobs) != 0 {
		t.Errorf("%d jobs, %v: nothing was stored", len(jobs), err)
	}
	st.set("after")
	if _, _, err := w.Submit(ctx, submission, "key"); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("a submit whose commit is unknown: %v", err)
	}
	if jobs, err := w.Jobs(ctx, allJobs); err != nil || len(jobs) != 1 {
		t.Errorf("%d jobs, %v: it was stored", len(jobs), err)
	}
	job, created, err := w.Submit(ctx, submission, "key") // the client tries again
	if err != nil || created {
		t.Errorf("again: created %t, %v", created, err)
	}

	// An agent's report whose commit fails is not acknowledged; the agent comes back and says it again.
	a := w.newAgent("ws-01", "plain", "")
	a.work = nil
	a.connect()
	w.wait(job.ID, "running", func(j restv1.Job) bool { return j.Steps[0].Counts.Running == 1 })
	st.set("before")
	task := a.tasks()[0]
	a.end(task.GetAttempt(), succeed(task))
	w.until("the farm is loaded anew", func() bool { st.mu.Lock(); defer st.mu.Unlock(); return st.loads == 4 }, nothing)
	a.become(succeed)
	a.connect()
	w.waitState(job.ID, "succeeded")
}

func TestDeposedServerStops(t *testing.T) {
	var st *flaky
	w := newWorld(t, func(w *world) {
		w.wrap = func(s store.Store) store.Store { st = &flaky{Store: s}; return st }
	})
	st.set("deposed")
	if _, _, err := w.Submit(context.Background(), restv1.Submission{Template: shot(1)}, ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a submit to a deposed server: %v", err)
	}
	select {
	case err := <-w.ended:
		if !errors.Is(err, store.ErrDeposed) {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("it goes on")
	}
	w.stop()
	w.stop = nil
}

func TestStrangersAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	a := w.newAgent("ws-01", "plain", "")
	other := &fakeAgent{t: t, name: "ws-02", site: "plain"}

	if err := other.join(w, "spw_WRONG"); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("a wrong token: %v", err)
	}
	token := w.token(identity.RoleAgent, "ws-03", "")
	if err := other.join(w, token); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("a token for another name: %v", err)
	}
	for what, change := range map[string]func(){
		"another's name":  func() { a.name = "ws-09" },
		"another's pool":  func() { a.pool = "burst" },
		"a later epoch":   func() { a.epoch = 1 << 40 },
		"no site at all":  func() { a.site = "" },
		"an unknown past": func() { a.attempts["a-unknown"] = &agentv1.AttemptUpdate{Attempt: "a-unknown"} },
	} {
		name, pool, site, epoch := a.name, a.pool, a.site, a.epoch
		change()
		if err := a.dial(); err == nil {
			t.Errorf("%s: welcome", what)
		}
		a.name, a.pool, a.site, a.epoch, a.attempts = name, pool, site, epoch, map[string]*agentv1.AttemptUpdate{}
	}
	a.connect()
}

func TestTokensAreMade(t *testing.T) {
	w, _, _ := filerWorld(t, nil)
	ctx := context.Background()
	made, err := w.MintToken(ctx, restv1.TokenRequest{Role: "agent", Names: "ws-*", Site: "studio", Uses: 2, LifeSeconds: 3600})
	w.must(err)
	if left := time.Until(made.Expires); made.Uses != 2 || left < 50*time.Minute || left > time.Hour {
		t.Errorf("made %+v", made)
	}
	for name, welcome := range map[string]bool{"ws-01": true, "ws-02": true, "burst-1": false} {
		if err := (&fakeAgent{t: t, name: name, site: "studio"}).join(w, made.Secret); (err == nil) != welcome {
			t.Errorf("%s joins: %v", name, err)
		}
	}
	if made, err := w.MintToken(ctx, restv1.TokenRequest{Role: "filer", Names: "edge"}); err != nil || made.Uses != 1 || time.Until(made.Expires) < 23*time.Hour {
		t.Errorf("a filer's: %+v, %v", made, err)
	}
	for what, r := range map[string]restv1.TokenRequest{
		"no names":      {Role: "agent"},
		"no pattern":    {Role: "filer", Names: "["},
		"no such site":  {Role: "agent", Names: "ws-01", Site: "moon"},
		"no such filer": {Role: "filer", Names: "edgy"},
		"server's own":  {Role: "server", Names: "studio"},
	} {
		if _, err := w.MintToken(ctx, r); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSlowAgentDelaysNobody(t *testing.T) {
	w := newWorld(t, nil)
	slow := w.newAgent("ws-slow", "plain", "")
	held := make(chan struct{})
	defer close(held)
	slow.work = func(*agentv1.RunTask) *agentv1.AttemptEnd { <-held; return nil } // stops reading its orders
	slow.connect()
	fast := w.newAgent("ws-fast", "plain", "")
	fast.connect()
	job := w.submit(shot(30), shotPolicy, "")
	w.wait(job.ID, "all but one", func(j restv1.Job) bool { return j.Steps[0].Counts.Succeeded >= 29 })
}

func TestLogsAreStoredAndFollowed(t *testing.T) {
	w := newWorld(t, nil)
	a := w.newAgent("ws-01", "plain", "")
	a.work = nil
	a.connect()
	w.submit(shot(1), shotPolicy, "")
	w.until("a task", func() bool { return len(a.tasks()) == 1 }, nothing)
	task := a.tasks()[0]
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	log, err := w.Log(ctx, task.GetAttempt(), 0, true)
	w.must(err)
	defer log.Close()

	up := a.client.UploadLog(ctx)
	send := func(offset uint64, text string, complete bool) uint64 {
		t.Helper()
		w.must(up.Send(&agentv1.LogChunk{Attempt: task.GetAttempt(), Offset: offset, Data: []byte(text), Complete: complete}))
		ack, err := up.Receive()
		w.must(err)
		return ack.GetStored()
	}
	if got := send(0, "Fra:1\n", false); got != 6 {
		t.Errorf("stored %d", got)
	}
	if got := send(20, "gap", false); got != 6 {
		t.Errorf("after a gap: stored %d", got)
	}
	if got := send(4, "1\nSaved: x\n", false); got != 15 {
		t.Errorf("after an overlap: stored %d", got)
	}
	end := succeed(task)
	end.LogSize = 20
	a.end(task.GetAttempt(), end)
	send(15, "quit\n", true)
	text, err := io.ReadAll(log)
	if err != nil || string(text) != "Fra:1\nSaved: x\nquit\n" {
		t.Errorf("followed %q, %v", text, err)
	}
	w.until("the spool may go", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.attempts[task.GetAttempt()] == nil
	}, nothing)
	tail, err := w.Log(ctx, task.GetAttempt(), -5, false)
	w.must(err)
	defer tail.Close()
	if text, err := io.ReadAll(tail); err != nil || strings.TrimSpace(string(text)) != "quit" || tail.Offset != 15 {
		t.Errorf("the tail is %q from %d, %v", text, tail.Offset, err)
	}
	w.must(up.CloseRequest())
	w.must(up.CloseResponse())
}
