package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server"
	"github.com/spillway/spillway/internal/server/join"
	"github.com/spillway/spillway/internal/server/rest"
	"github.com/spillway/spillway/internal/store"
	"github.com/spillway/spillway/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; it is met only when something is wrong.
const patience = time.Minute

// world is a server in this process over a directory that survives it.
type world struct {
	t      testing.TB
	config server.Config
	wrap   func(store.Store) store.Store // to inject failures
	nas    string

	*server.Server
	stop  context.CancelFunc
	ended chan error
}

// newWorld starts a server whose storage location "nas" is a folder that nodes of site "plain" use directly. change, if
// not nil, may add filers and pools.
func newWorld(t testing.TB, change func(*world)) *world {
	w := &world{t: t, nas: t.TempDir()}
	w.config = server.Config{
		// An address that nobody else uses, so that a restarted server is found there: no outgoing connection has it.
		Listen: fmt.Sprintf("127.%d.%d.%d:%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254), 12000+rand.IntN(20000)),
		Dir:    t.TempDir(), Version: "test", Log: slog.New(slog.NewTextHandler(testLog{t}, nil)),
		Storage: []server.Storage{{
			Name: "nas", Path: w.nas, Sources: []server.Source{{Path: "/mnt/nas"}}, Sites: map[string]server.Door{"plain": {Direct: w.nas}},
		}},
		Lease: config.Duration(time.Minute), Beat: config.Duration(100 * time.Millisecond),
		Planner: server.Planner{Interval: config.Duration(50 * time.Millisecond)},
	}
	if change != nil {
		change(w)
	}
	w.start()
	t.Cleanup(w.close)
	return w
}

// shortLease lets nodes that are silent be lost while the test waits.
func shortLease(w *world) { w.config.Lease = config.Duration(2 * time.Second) }

// start opens the store and the server over the world's directory.
func (w *world) start() {
	w.t.Helper()
	listener, err := net.Listen("tcp", w.config.Listen)
	w.must(err)
	st, err := sqlite.Open(context.Background(), filepath.Join(w.config.Dir, "farm.db"))
	w.must(err)
	var used store.Store = st
	if w.wrap != nil {
		used = w.wrap(st)
	}
	w.Server, err = server.New(w.config, used)
	w.must(err)
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.ended = stop, make(chan error, 1)
	go func() {
		err := w.Run(ctx, listener)
		st.Close()
		w.ended <- err
	}()
	select {
	case <-w.Ready():
	case err := <-w.ended:
		w.t.Fatal("the server ended:", err)
	case <-time.After(patience):
		w.t.Fatal("the server is not ready")
	}
}

// close stops the server, if it runs.
func (w *world) close() {
	if w.stop == nil {
		return
	}
	w.stop()
	w.stop = nil
	select {
	case err := <-w.ended:
		if err != nil {
			w.t.Error("the server ended with", err)
		}
	case <-time.After(patience):
		w.t.Error("the server does not stop")
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// token makes a join token for one name.
func (w *world) token(role identity.Role, name, pool string) string {
	w.t.Helper()
	g := join.Grant{Role: role, Names: name}
	g.Pool = poolID(pool)
	secret, err := w.Mint(g)
	w.must(err)
	return secret
}

// submit submits a template with a policy, at most once by key.
func (w *world) submit(template, policy, key string) restv1.Job {
	w.t.Helper()
	job, _, err := w.Submit(context.Background(), restv1.Submission{Template: template, Policy: policy, Owner: "mara"}, key)
	w.must(err)
	return job
}

// wait polls the job until it is as wanted.
func (w *world) wait(id, what string, ok func(restv1.Job) bool) restv1.Job {
	w.t.Helper()
	var job restv1.Job
	w.until("job: "+what, func() bool {
		var err error
		job, err = w.Job(context.Background(), id)
		return err == nil && ok(job)
	}, func() any { return job })
	return job
}

// waitState waits until the job is in a state.
func (w *world) waitState(id, state string) restv1.Job {
	w.t.Helper()
	return w.wait(id, state, func(j restv1.Job) bool { return j.State == state })
}

// until polls: what is waited for happens in other goroutines and over sockets.
func (w *world) until(what string, ok func() bool, seen func() any) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s; last seen: %+v", what, seen())
		}
		<-time.After(5 * time.Millisecond)
	}
}

// allJobs asks for every job.
var allJobs = rest.JobFilter{Limit: 1000}

func nothing() any { return nil }

// testLog writes the server's log to the test's.
type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	if os.Getenv("SPILLWAY_TEST_LOG") != "" {
		os.Stderr.Write(p) // t.Log must not be called after the test, which the server's last words may be
	}
	return len(p), nil
}
