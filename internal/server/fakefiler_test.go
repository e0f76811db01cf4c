package server_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server"
)

// fakeFiler answers the control service over the real transport. Every file has its storage path as content.
type fakeFiler struct {
	filerv1connect.UnimplementedFilerServiceHandler
	name string

	mu          sync.Mutex
	away        bool              // answers nothing
	wrong       map[string]bool   // paths whose content on the storage differs
	leftovers   map[string]uint64 // unfinished files by path
	flushed     []string
	fenced      []*filerv1.FenceRequest
	primed      []string
	revalidated []string
	calls       []string // in order
}

// addFilers gives the world an edge and a cloud filer at sites studio and cloud.
func addFilers(w *world) (edge, cloud *fakeFiler) {
	edge, cloud = &fakeFiler{name: "edge"}, &fakeFiler{name: "cloud"}
	for _, f := range []*fakeFiler{edge, cloud} {
		f.wrong, f.leftovers = map[string]bool{}, map[string]uint64{}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		w.must(err)
		w.config.Filers = append(w.config.Filers, server.Filer{
			Name: f.name, Control: "https://" + listener.Addr().String(), NFS: "127.0.0.1:1", Export: "/nas",
		})
		path, handler := filerv1connect.NewFilerServiceHandler(f)
		mux := http.NewServeMux()
		mux.Handle(path, f.guard(handler))
		ca, err := identity.OpenCA(w.config.Dir)
		if err != nil {
			ca, err = identity.CreateCA(w.config.Dir)
		}
		w.must(err)
		mine, err := ca.Issue(identity.Subject{Role: identity.RoleFiler, Name: f.name}, nil, time.Hour)
		w.must(err)
		web := &http.Server{Handler: mux, TLSConfig: mine.ServerTLS(true)}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = web.ServeTLS(listener, "", "") }()
		w.t.Cleanup(func() { web.Close(); <-ended })
	}
	w.config.Filers[1].Parent = "edge"
	w.config.Storage[0].Sites["studio"] = server.Door{Filer: "edge"}
	w.config.Storage[0].Sites["cloud"] = server.Door{Filer: "cloud"}
	return edge, cloud
}

// guard demands the server's certificate, and lets a filer be away.
func (f *fakeFiler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := identity.Demand(*r.TLS, identity.RoleServer); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		f.mu.Lock()
		away := f.away
		f.mu.Unlock()
		if away {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}

func (f *fakeFiler) goAway(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

func (f *fakeFiler) Flush(_ context.Context, req *connect.Request[filerv1.FlushRequest]) (*connect.Response[filerv1.FlushResponse], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "flush")
	if req.Msg.GetEpoch() == 0 {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("no epoch"))
	}
	res := &filerv1.FlushResponse{}
	for i, path := range req.Msg.GetPaths() {
		f.flushed = append(f.flushed, path)
		content := strings.TrimPrefix(path, "/nas/")
		if f.wrong[content] {
			content = strings.ToUpper(content)
		}
		sum := sha256.Sum256([]byte(content))
		res.Receipts = append(res.Receipts, &filerv1.Receipt{
			Path: path, Size: uint64(len(content)), Sha256: sum[:], Filer: "edge", Issued: timestamppb.Now(), Serial: uint64(len(f.flushed) + i),
		})
	}
	return connect.NewResponse(res), nil
}

func (f *fakeFiler) Fence(_ context.Context, req *connect.Request[filerv1.FenceRequest]) (*connect.Response[filerv1.FenceResponse], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "fence")
	f.fenced = append(f.fenced, req.Msg)
	res := &filerv1.FenceResponse{SessionIds: []uint64{req.Msg.GetSessionId()}}
	for _, path := range req.Msg.GetDiscard() {
		if size, ok := f.leftovers[path]; ok {
			delete(f.leftovers, path)
			res.Discarded = append(res.Discarded, &filerv1.DiscardedFile{Path: path, Size: size})
		}
	}
	return connect.NewResponse(res), nil
}

func (f *fakeFiler) Prime(_ context.Context, req *connect.Request[filerv1.PrimeRequest], stream *connect.ServerStream[filerv1.PrimeProgress]) error {
	f.mu.Lock()
	f.calls = append(f.calls, "prime")
	f.primed = append(f.primed, req.Msg.GetPaths()...)
	f.mu.Unlock()
	if err := stream.Send(&filerv1.PrimeProgress{FilesTotal: 2, FilesDone: 1, BytesTotal: 100, BytesDone: 50}); err != nil {
		return err
	}
	return stream.Send(&filerv1.PrimeProgress{FilesTotal: 2, FilesDone: 2, BytesTotal: 100, BytesDone: 100, Done: true})
}

func (f *fakeFiler) Revalidate(_ context.Context, req *connect.Request[filerv1.RevalidateRequest]) (*connect.Response[filerv1.RevalidateResponse], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "revalidate")
	f.revalidated = append(f.revalidated, req.Msg.GetPaths()...)
	return connect.NewResponse(&filerv1.RevalidateResponse{}), nil
}

func (f *fakeFiler) Status(context.Context, *connect.Request[filerv1.StatusRequest]) (*connect.Response[filerv1.StatusResponse], error) {
	return connect.NewResponse(&filerv1.StatusResponse{
		Name:    f.name,
		Exports: []*filerv1.ExportStatus{{Path: "/nas", OriginOk: true, DirtyBytes: 3, Traffic: &filerv1.OriginTraffic{BytesReadPrimed: 7}}},
	}), nil
}

// mounted is a node's mount through a filer.
func mounted(filer string, session uint64) []*agentv1.MountUpdate {
	return []*agentv1.MountUpdate{{Location: "nas", Phase: agentv1.MountPhase_MOUNT_PHASE_READY, Kind: "fuse", Filer: filer, MountSession: session}}
}
