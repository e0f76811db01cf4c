package filer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/origin"
	originnfs "github.com/spillway/spillway/internal/origin/nfs"
	"github.com/spillway/spillway/nfs"
)

// controlled is a farm whose filers have control services over mutual TLS, and whose cloud filer enters the edge through
// a session of its own.
type controlled struct {
	*farm
	ca       *identity.CA
	edgeURL  string
	cloudURL string
}

func issue(t *testing.T, ca *identity.CA, role identity.Role, name string) identity.Credentials {
	t.Helper()
	c, err := ca.Issue(identity.Subject{Role: role, Name: name}, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serveControl serves whatever filer r is at the time of a request.
func serveControl(t *testing.T, r *running, c identity.Credentials) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.ServerTLS(true))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.Control().ServeHTTP(w, req)
	})}
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return "https://" + l.Addr().String()
}

func newControlled(t *testing.T) *controlled {
	t.Helper()
	ca, err := identity.CreateCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir, o := folder(t)
	edge := start(t, Config{Name: "edge", Exports: []Export{{Path: "/nas", Origin: o}}})
	edgeURL := serveControl(t, edge, issue(t, ca, identity.RoleFiler, "edge"))
	cloudCert := issue(t, ca, identity.RoleFiler, "cloud")
	parent := DialParent(edgeURL, "/nas", "nas", cloudCert.ClientTLS(identity.RoleFiler))
	t.Cleanup(parent.Close)
	up, err := originnfs.Open(originnfs.Config{Addr: edge.addr, Path: "/nas", MountPath: parent.MountPath})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { up.Close() })
	cloud := start(t, Config{Name: "cloud", Exports: []Export{{Path: "/nas", Origin: up, Parent: parent}}})
	cloudURL := serveControl(t, cloud, cloudCert)
	return &controlled{&farm{dir, edge, cloud}, ca, edgeURL, cloudURL}
}

func (c *controlled) as(t *testing.T, url string, role identity.Role, name string) filerv1connect.FilerServiceClient {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: issue(t, c.ca, role, name).ClientTLS(identity.RoleFiler), ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return filerv1connect.NewFilerServiceClient(&http.Client{Transport: tr}, url)
}

// session opens a session as a node and mounts it.
func (c *controlled) session(t *testing.T, node string) (*client, uint64, string) {
	t.Helper()
	res, err := c.as(t, c.cloudURL, identity.RoleAgent, node).OpenSession(t.Context(),
		connect.NewRequest(&filerv1.OpenSessionRequest{Export: "/nas", Key: "mnt"}))
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, c.cloud.addr, res.Msg.MountPath), res.Msg.SessionId, res.Msg.MountPath
}

func TestFlushGivesReceiptsOfTheLastHop(t *testing.T) {
	c := newControlled(t)
	node, _, _ := c.session(t, "burst-1")
	server := c.as(t, c.cloudURL, identity.RoleServer, "main")
	want := noise(700<<10, 20)
	h := node.make(node.root, "frame_0001.png")
	node.put(h, 0, want, nfs.Unstable)
	flush := func(paths ...string) *filerv1.FlushResponse {
		res, err := server.Flush(t.Context(), connect.NewRequest(&filerv1.FlushRequest{Paths: paths}))
		if err != nil {
			t.Fatal(err)
		}
		return res.Msg
	}
	res := flush("/nas/frame_0001.png", "/nas/none.png", "/elsewhere/x")
	if len(res.Receipts) != 1 || len(res.Errors) != 2 {
		t.Fatalf("got %v", res)
	}
	for _, e := range res.Errors {
		if e.Kind != "not_found" {
			t.Errorf("%s: %s, want not_found", e.Path, e.Kind)
		}
	}
	r := res.Receipts[0]
	sum := sha256.Sum256(readFile(t, filepath.Join(c.dir, "frame_0001.png")))
	if r.Path != "/nas/frame_0001.png" || r.Size != uint64(len(want)) || !bytes.Equal(r.Sha256, sum[:]) || r.Filer != "edge" || r.Serial != 1 {
		t.Errorf("receipt %v", r)
	}
	if sum != sha256.Sum256(want) {
		t.Error("the folder holds something else")
	}
	node.put(h, 0, []byte("again"), nfs.Unstable)
	again := flush("/nas/frame_0001.png").Receipts[0]
	if again.Serial <= r.Serial || bytes.Equal(again.Sha256, r.Sha256) {
		t.Errorf("the second receipt does not supersede the first: %v", again)
	}
	if owed := c.cloud.Status().Exports[0].Dirty; owed != 0 {
		t.Errorf("%d bytes are still owed after a flush", owed)
	}
}

func TestFenceEndsASession(t *testing.T) {
	c := newControlled(t)
	node, id, path := c.session(t, "burst-1")
	other, _, _ := c.session(t, "burst-2")
	server := c.as(t, c.cloudURL, identity.RoleServer, "main")

	landed := node.make(node.root, "landed.png")
	node.put(landed, 0, noise(1000, 1), nfs.FileSync)
	if _, err := server.Flush(t.Context(), connect.NewRequest(&filerv1.FlushRequest{Paths: []string{"/nas/landed.png"}})); err != nil {
		t.Fatal(err)
	}
	torn := node.make(node.root, "torn.png")
	node.put(torn, 0, noise(1234, 2), nfs.Unstable)

	fence := func() *filerv1.FenceResponse {
		res, err := server.Fence(t.Context(), connect.NewRequest(&filerv1.FenceRequest{
			SessionId: id, Reason: "node lost", Discard: []string{"/nas/torn.png", "/nas/landed.png", "/nas/never.png", "/nas/no/dir.png"},
		}))
		if err != nil {
			t.Fatal(err)
		}
		return res.Msg
	}
	res := fence()
	if len(res.Discarded) != 1 || res.Discarded[0].Path != "/nas/torn.png" || res.Discarded[0].Size != 1234 {
		t.Errorf("discarded %v", res.Discarded)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "torn.png")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the torn file is still there: %v", err)
	}
	readFile(t, filepath.Join(c.dir, "landed.png"))
	if res := fence(); len(res.SessionIds) != 1 || len(res.Discarded) != 0 {
		t.Errorf("a repeated fence: %v", res)
	}

	fenced := func() {
		t.Helper()
		if _, err := node.Write(t.Context(), nil, nfs.WriteArgs{File: landed, Data: []byte("x"), Stable: nfs.FileSync}); !errors.Is(err, nfs.ErrStale) {
			t.Errorf("a write of the fenced session: %v, want stale", err)
		}
		if _, err := node.Mnt(t.Context(), nil, path); !errors.Is(err, nfs.ErrAcces) {
			t.Errorf("mounting the fenced session: %v, want access denied", err)
		}
		other.look(other.root, "landed.png")
	}
	fenced()
	c.cloud.crash()
	fenced()
	next, newID, _ := c.session(t, "burst-1")
	if newID == id {
		t.Error("a fenced session's id was given again")
	}
	next.wantContent(next.look(next.root, "landed.png"), noise(1000, 1))
}

func TestFenceWaitsForCallsInFlight(t *testing.T) {
	dir, o := folder(t)
	slow := &slowWrites{Origin: o, started: make(chan struct{}, 1), proceed: make(chan struct{})}
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: slow}}})
	id, path, err := f.OpenSession("agent/n", "k", "/nas")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, f.addr, path)
	h := c.make(c.root, "a")
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(t.Context(), nil, nfs.WriteArgs{File: h, Data: []byte("late"), Stable: nfs.FileSync})
		wrote <- err
	}()
	<-slow.started
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Fence(short, id, "", "test", nil); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("a fence with a write in flight: %v, want unavailable", err)
	}
	close(slow.proceed)
	out, err := f.Fence(t.Context(), id, "", "test", []string{"/nas/a"})
	if err != nil || len(out.Discarded) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	<-wrote // whatever it answered, it has ended before the fence returned
	if _, err := os.Stat(filepath.Join(dir, "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the discarded file is there: %v", err)
	}
}

// slowWrites holds every write until it may proceed.
type slowWrites struct {
	origin.Origin
	started, proceed chan struct{}
}

func (s *slowWrites) Write(ctx context.Context, as origin.Cred, id origin.ID, off uint64, data []byte, how nfs.Stable) (origin.WriteResult, error) {
	s.started <- struct{}{}
	<-s.proceed
	return s.Origin.Write(ctx, as, id, off, data, how)
}

func TestRevalidateSeesWhatLanded(t *testing.T) {
	c := newControlled(t)
	node, _, _ := c.session(t, "burst-1")
	server := c.as(t, c.cloudURL, identity.RoleServer, "main")
	writeFile(t, filepath.Join(c.dir, "old.txt"), []byte("old"))
	h := node.look(node.root, "old.txt")
	node.wantContent(h, []byte("old"))
	if _, err := node.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: node.root, Name: "new.txt"}); !errors.Is(err, nfs.ErrNoEnt) {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(c.dir, "new.txt"), []byte("new"))
	writeFile(t, filepath.Join(c.dir, "old.txt"), []byte("changed"))
	if _, err := node.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: node.root, Name: "new.txt"}); !errors.Is(err, nfs.ErrNoEnt) {
		t.Fatal("the negative entry was not served from the cache: this test shows nothing")
	}
	res, err := server.Revalidate(t.Context(), connect.NewRequest(&filerv1.RevalidateRequest{
		Paths: []string{"/nas/new.txt", "/nas/old.txt", "/nas/nothing"},
	}))
	if err != nil || len(res.Msg.Errors) != 0 || len(res.Msg.Changed) != 2 {
		t.Fatalf("%v, %v", res, err)
	}
	node.wantContent(node.look(node.root, "new.txt"), []byte("new"))
	node.wantContent(h, []byte("changed"))
}

func TestPrimeLoadsSubtrees(t *testing.T) {
	c := newControlled(t)
	node, _, _ := c.session(t, "burst-1")
	server := c.as(t, c.cloudURL, identity.RoleServer, "main")
	tree := map[string][]byte{"p/a.bin": noise(1<<20+5, 1), "p/sub/b.bin": noise(10, 2), "p/empty": nil, "other": noise(9000, 3)}
	var total uint64
	for name, data := range tree {
		writeFile(t, filepath.Join(c.dir, name), data)
		total += uint64(len(data))
	}
	prime := func() *filerv1.PrimeProgress {
		t.Helper()
		stream, err := server.Prime(t.Context(), connect.NewRequest(&filerv1.PrimeRequest{Paths: []string{"/nas/p", "/nas/other", "/nas/gone"}, Cause: "job/J1"}))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		var last *filerv1.PrimeProgress
		for stream.Receive() {
			last = stream.Msg()
		}
		if err := stream.Err(); err != nil || last == nil || !last.Done {
			t.Fatalf("%v, %v", last, err)
		}
		return last
	}
	p := prime()
	if p.BytesDone != total || p.BytesTotal != total || p.BytesFetched != total || p.FilesDone != 4 || len(p.Errors) != 1 {
		t.Errorf("first: %v, want %d bytes", p, total)
	}
	if p := prime(); p.BytesFetched != 0 || p.BytesDone != total {
		t.Errorf("a repeated priming fetched again: %v", p)
	}
	tr := &c.cloud.targets[0].traffic
	if tr.primed.Load() != total || tr.unusedPrimed.Load() != total {
		t.Errorf("primed %d, unused %d, want %d", tr.primed.Load(), tr.unusedPrimed.Load(), total)
	}
	node.wantContent(node.look(node.look(node.root, "p"), "a.bin"), tree["p/a.bin"])
	if tr.demand.Load()+tr.ahead.Load() != 0 {
		t.Error("a primed file was fetched on demand")
	}
	if want := total - uint64(len(tree["p/a.bin"])); tr.unusedPrimed.Load() != want {
		t.Errorf("unused %d, want %d", tr.unusedPrimed.Load(), want)
	}
}

func TestControlAsksWhoCalls(t *testing.T) {
	c := newControlled(t)
	agent := c.as(t, c.cloudURL, identity.RoleAgent, "burst-1")
	server := c.as(t, c.cloudURL, identity.RoleServer, "main")
	_, id, _ := c.session(t, "burst-1")
	if _, err := agent.Fence(t.Context(), connect.NewRequest(&filerv1.FenceRequest{SessionId: id})); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("an agent fenced: %v", err)
	}
	if _, err := agent.Status(t.Context(), connect.NewRequest(&filerv1.StatusRequest{})); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("an agent asked for status: %v", err)
	}
	filer := c.as(t, c.cloudURL, identity.RoleFiler, "stranger")
	if _, err := filer.Fence(t.Context(), connect.NewRequest(&filerv1.FenceRequest{SessionId: id})); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("a filer fenced a node's session: %v", err)
	}
	if _, err := server.Fence(t.Context(), connect.NewRequest(&filerv1.FenceRequest{SessionId: 999})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("fencing an unknown session: %v", err)
	}
	if _, err := server.Flush(t.Context(), connect.NewRequest(&filerv1.FlushRequest{Epoch: 5})); err != nil {
		t.Error(err)
	}
	c.cloud.crash()
	if _, err := server.Flush(t.Context(), connect.NewRequest(&filerv1.FlushRequest{Epoch: 4})); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("an old epoch was accepted: %v", err)
	}
	res, err := server.Status(t.Context(), connect.NewRequest(&filerv1.StatusRequest{}))
	if err != nil || res.Msg.Name != "cloud" || len(res.Msg.Exports) != 1 || !res.Msg.Exports[0].OriginOk || len(res.Msg.Sessions) != 1 {
		t.Errorf("%v, %v", res, err)
	}
}
