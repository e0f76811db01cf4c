package filer

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// control answers the filer control service (api/proto/spillway/filer/v1).
type control struct {
	f     *Filer
	local bool // over the socket in the cache directory
}

var _ filerv1connect.FilerServiceHandler = control{}

// Control returns the handler of the control service for callers with TLS certificates.
func (f *Filer) Control() http.Handler {
	return control{f, false}.handler(func(r *http.Request) (identity.Subject, error) {
		if r.TLS == nil {
			return identity.Subject{}, fault.New(fault.Denied, "no TLS")
		}
		return identity.PeerSubject(*r.TLS)
	})
}

// handler serves; who tells the caller of a request.
func (c control) handler(who func(*http.Request) (identity.Subject, error)) http.Handler {
	_, service := filerv1connect.NewFilerServiceHandler(c, connect.WithReadMaxBytes(16<<20))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject, err := who(r)
		ctx := context.WithValue(r.Context(), callerKey{}, caller{subject, err})
		service.ServeHTTP(w, r.WithContext(ctx))
	})
}

type callerKey struct{}

type caller struct {
	identity.Subject
	err error
}

// demand returns the caller if it has one of the roles.
func demand(ctx context.Context, roles ...identity.Role) (identity.Subject, error) {
	c, _ := ctx.Value(callerKey{}).(caller)
	if c.err != nil {
		return c.Subject, connect.NewError(connect.CodeUnauthenticated, c.err)
	}
	for _, r := range roles {
		if c.Role == r {
			return c.Subject, nil
		}
	}
	return c.Subject, connect.NewError(connect.CodePermissionDenied, errors.New(c.String()+" may not call this"))
}

// acceptEpoch refuses a caller that acts for an earlier leader than one seen before. The highest epoch is durable.
func (f *Filer) acceptEpoch(epoch uint64) error {
	if epoch == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if epoch < f.epoch {
		return connect.NewError(connect.CodeFailedPrecondition, fault.New(fault.Conflict, "epoch %d is over, a server of epoch %d has called", epoch, f.epoch))
	}
	if epoch == f.epoch {
		return nil
	}
	if err := f.kv.Apply([]Change{{metaKey("epoch"), binary.BigEndian.AppendUint64(nil, epoch)}}, true); err != nil {
		return rpcError(err)
	}
	f.epoch = epoch
	return nil
}

// rpcError maps an error to its connect code.
func rpcError(err error) error {
	if err == nil {
		return nil
	}
	code := connect.CodeInternal
	switch origin.KindOf(err) {
	case fault.Invalid:
		code = connect.CodeInvalidArgument
	case fault.NotFound:
		code = connect.CodeNotFound
	case fault.Conflict:
		code = connect.CodeFailedPrecondition
	case fault.Exhausted:
		code = connect.CodeResourceExhausted
	case fault.Unavailable:
		code = connect.CodeUnavailable
	case fault.Denied:
		code = connect.CodePermissionDenied
	}
	return connect.NewError(code, err)
}

// Limits of what one call may carry.
const (
	maxPaths = 100_000
	maxKey   = 256
)

func checkPaths(paths []string) error {
	if len(paths) > maxPaths {
		return connect.NewError(connect.CodeInvalidArgument, fault.New(fault.Invalid, "%d paths in one call, at most %d", len(paths), maxPaths))
	}
	return nil
}

func (c control) OpenSession(ctx context.Context, req *connect.Request[filerv1.OpenSessionRequest]) (*connect.Response[filerv1.OpenSessionResponse], error) {
	who, err := demand(ctx, identity.RoleAgent, identity.RoleServer, identity.RoleFiler)
	if err != nil {
		return nil, err
	}
	m := req.Msg
	if err := c.f.acceptEpoch(m.Epoch); err != nil {
		return nil, err
	}
	if m.Key == "" || len(m.Key) > maxKey {
		return nil, rpcError(fault.New(fault.Invalid, "a session's key has 1 to %d bytes", maxKey))
	}
	s, mount, err := c.f.OpenSession(who.String(), m.Key, m.Export)
	if err != nil {
		return nil, rpcError(err)
	}
	return connect.NewResponse(&filerv1.OpenSessionResponse{SessionId: s, MountPath: mount, NfsAddress: c.f.Addr()}), nil
}

// OpenSession opens a mount session of an owner for an export, or a folder of one, or returns the live one of the same
// key: its id and the secret path to mount.
func (f *Filer) OpenSession(owner, key, export string) (id uint64, mountPath string, err error) {
	export, err = cleanPath(export)
	if err == nil {
		if e, names := f.exportOf(export); e.pseudo && len(names) > 0 {
			err = nfs.ErrNoEnt
		}
	}
	if err != nil {
		return 0, "", fault.New(fault.NotFound, "no export %q", export)
	}
	s, err := f.sessions.open(owner, key, export, time.Now())
	if err != nil {
		return 0, "", err
	}
	return s.ID, sessionPrefix + s.Secret + export, nil
}

// Addr returns the address of NFS, once the filer serves.
func (f *Filer) Addr() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addr
}

func (c control) Fence(ctx context.Context, req *connect.Request[filerv1.FenceRequest]) (*connect.Response[filerv1.FenceResponse], error) {
	who, err := demand(ctx, identity.RoleServer, identity.RoleFiler)
	if err != nil {
		return nil, err
	}
	m := req.Msg
	if err := errors.Join(c.f.acceptEpoch(m.Epoch), checkPaths(m.Discard)); err != nil {
		return nil, err
	}
	if who.Role == identity.RoleFiler && !c.f.ownsAll(who.String(), m.SessionId, m.Owner) {
		return nil, connect.NewError(connect.CodePermissionDenied, errors.New("a filer may fence its own sessions only"))
	}
	out, err := c.f.Fence(ctx, m.SessionId, m.Owner, m.Reason, m.Discard)
	if err != nil {
		return nil, rpcError(err)
	}
	res := &filerv1.FenceResponse{SessionIds: out.Sessions, DrainedCalls: out.Drained}
	for _, d := range out.Discarded {
		res.Discarded = append(res.Discarded, &filerv1.DiscardedFile{Path: d.Path, Size: d.Size})
	}
	return connect.NewResponse(res), nil
}

// ownsAll says whether all that a fence names belongs to who.
func (f *Filer) ownsAll(who string, id uint64, owner string) bool {
	if owner != "" && owner != who {
		return false
	}
	if id == 0 {
		return owner == who
	}
	s, ok := f.sessions.get(id)
	return ok && s.Owner == who
}

func (c control) Prime(ctx context.Context, req *connect.Request[filerv1.PrimeRequest], stream *connect.ServerStream[filerv1.PrimeProgress]) error {
	if _, err := demand(ctx, identity.RoleServer); err != nil {
		return err
	}
	m := req.Msg
	if err := checkPaths(m.Paths); err != nil {
		return err
	}
	start := time.Now()
	err := c.f.Prime(ctx, m.Paths, m.MetadataOnly, func(p Primed) error {
		if p.Done {
			c.f.log.Info("primed", "cause", m.Cause, "files", p.FilesDone, "bytes", p.BytesDone, "fetched", p.BytesFetched,
				"errors", len(p.Errors), "took", time.Since(start).Round(time.Millisecond))
		}
		return stream.Send(wirePrimed(p))
	})
	return rpcError(err)
}

func (c control) Flush(ctx context.Context, req *connect.Request[filerv1.FlushRequest]) (*connect.Response[filerv1.FlushResponse], error) {
	if _, err := demand(ctx, identity.RoleServer, identity.RoleFiler); err != nil {
		return nil, err
	}
	if err := errors.Join(c.f.acceptEpoch(req.Msg.Epoch), checkPaths(req.Msg.Paths)); err != nil {
		return nil, err
	}
	receipts, errs := c.f.Flush(ctx, req.Msg.Paths)
	res := &filerv1.FlushResponse{Errors: wireErrors(errs)}
	for _, r := range receipts {
		res.Receipts = append(res.Receipts, &filerv1.Receipt{
			Path: r.Path, Size: r.Size, Sha256: r.SHA256[:], Mtime: timestamppb.New(r.Mtime),
			Filer: r.Filer, Issued: timestamppb.New(r.Issued), Serial: r.Serial,
		})
	}
	return connect.NewResponse(res), nil
}

func (c control) Revalidate(ctx context.Context, req *connect.Request[filerv1.RevalidateRequest]) (*connect.Response[filerv1.RevalidateResponse], error) {
	if _, err := demand(ctx, identity.RoleServer, identity.RoleFiler); err != nil {
		return nil, err
	}
	if err := checkPaths(req.Msg.Paths); err != nil {
		return nil, err
	}
	changed, errs := c.f.Revalidate(ctx, req.Msg.Paths)
	return connect.NewResponse(&filerv1.RevalidateResponse{Changed: changed, Errors: wireErrors(errs)}), nil
}

func (c control) Status(ctx context.Context, _ *connect.Request[filerv1.StatusRequest]) (*connect.Response[filerv1.StatusResponse], error) {
	if _, err := demand(ctx, identity.RoleServer, identity.RoleFiler); err != nil {
		return nil, err
	}
	return connect.NewResponse(wireStatus(c.f.Status())), nil
}

// wireErrors puts errors into the shape of the protocol: a kind, and one sentence.
func wireErrors(errs []PathError) []*filerv1.PathError {
	var out []*filerv1.PathError
	for _, e := range errs {
		out = append(out, &filerv1.PathError{Path: e.Path, Kind: origin.KindOf(e.Err).String(), Message: e.Err.Error()})
	}
	return out
}

func wireStatus(s Status) *filerv1.StatusResponse {
	out := &filerv1.StatusResponse{
		Name: s.Name, Version: s.Version, Started: timestamppb.New(s.Started),
		Cache: &filerv1.CacheStatus{
			CapacityBytes: s.Cache.Capacity, UsedBytes: s.Cache.Used, Inodes: s.Cache.Inodes, EvictedBytes: s.Cache.Evicted,
		},
	}
	for _, e := range s.Exports {
		out.Exports = append(out.Exports, &filerv1.ExportStatus{
			Path: e.Path, Origin: e.Origin, OriginOk: e.OriginError == "", OriginError: e.OriginError, DirtyBytes: e.Dirty,
			Traffic: &filerv1.OriginTraffic{
				BytesReadDemand: e.ReadDemand, BytesReadReadahead: e.ReadAhead, BytesReadPrimed: e.ReadPrimed,
				BytesUnused: e.Unused, BytesUniqueDemand: e.UniqueDemand, BytesWritten: e.Written, Calls: e.Calls,
				BytesServed: e.Served, BytesServedCached: e.ServedHits,
			},
		})
	}
	for _, m := range s.Sessions {
		out.Sessions = append(out.Sessions, &filerv1.SessionStatus{
			SessionId: m.ID, Owner: m.Owner, Export: m.Export, Fenced: m.Fenced, FenceReason: m.Reason,
			Opened: timestamppb.New(m.Opened), Calls: m.Calls, BytesRead: m.Read, BytesWritten: m.Written,
		})
	}
	return out
}
