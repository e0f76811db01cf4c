package filer

import (
	"context"
	"crypto/tls"
	"net/http"
	"path"
	"strings"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/fault"
)

// Parent is the control service of the filer that an export's origin is.
type Parent interface {
	// Flush makes the paths durable at the storage; errors are by path.
	Flush(ctx context.Context, paths []string) ([]Receipt, []PathError, error)
	// Revalidate compares what is cached of the paths with the storage; it returns those that had to be changed.
	Revalidate(ctx context.Context, paths []string) (changed []string, errs []PathError, err error)
	// Path maps a path below the export, "/" for the export itself, to the parent's namespace.
	Path(rel string) string
}

// PathError is what went wrong with one path.
type PathError struct {
	Path string
	Err  error
}

// parentClient reaches the parent over mutual TLS.
type parentClient struct {
	client    filerv1connect.FilerServiceClient
	transport *http.Transport
	path      string // of the parent's namespace, what our export mounts
	export    string // of the parent
	key       string
}

var _ Parent = (*parentClient)(nil)

// DialParent returns the control client of a parent at the base URL. mount is the namespace path there that the export
// mounts; key names this filer's session at the parent. Nothing is sent yet.
func DialParent(url, mount, key string, config *tls.Config) *parentClient {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}
	return &parentClient{
		client:    filerv1connect.NewFilerServiceClient(&http.Client{Transport: transport}, strings.TrimSuffix(url, "/")),
		transport: transport, path: mount, export: mount, key: key,
	}
}

// Close closes idle connections.
func (p *parentClient) Close() { p.transport.CloseIdleConnections() }

// MountPath opens this filer's session at the parent and returns what to mount. The same session comes back every time,
// until it is fenced.
func (p *parentClient) MountPath(ctx context.Context) (string, error) {
	res, err := p.client.OpenSession(ctx, connect.NewRequest(&filerv1.OpenSessionRequest{Export: p.export, Key: p.key}))
	if err != nil {
		return "", fromRPC(err)
	}
	return res.Msg.MountPath, nil
}

func (p *parentClient) Path(rel string) string { return path.Join(p.path, rel) }

func (p *parentClient) Flush(ctx context.Context, paths []string) ([]Receipt, []PathError, error) {
	res, err := p.client.Flush(ctx, connect.NewRequest(&filerv1.FlushRequest{Paths: paths}))
	if err != nil {
		return nil, nil, fromRPC(err)
	}
	var out []Receipt
	for _, r := range res.Msg.Receipts {
		if len(r.Sha256) != 32 {
			return nil, nil, fault.New(fault.Internal, "the parent's receipt for %s has no digest", r.Path)
		}
		out = append(out, Receipt{
			Path: r.Path, Size: r.Size, SHA256: [32]byte(r.Sha256), Mtime: r.Mtime.AsTime(), Filer: r.Filer,
			Issued: r.Issued.AsTime(), Serial: r.Serial,
		})
	}
	return out, unwireErrors(res.Msg.Errors), nil
}

func (p *parentClient) Revalidate(ctx context.Context, paths []string) ([]string, []PathError, error) {
	res, err := p.client.Revalidate(ctx, connect.NewRequest(&filerv1.RevalidateRequest{Paths: paths}))
	if err != nil {
		return nil, nil, fromRPC(err)
	}
	return res.Msg.Changed, unwireErrors(res.Msg.Errors), nil
}

func unwireErrors(errs []*filerv1.PathError) []PathError {
	var out []PathError
	for _, e := range errs {
		out = append(out, PathError{e.Path, fault.New(fault.ParseKind(e.Kind), "%s", e.Message)})
	}
	return out
}

// fromRPC classifies an error of the parent.
func fromRPC(err error) error { return rpcFault(err, "parent filer") }

// rpcFault classifies an error of a control service.
func rpcFault(err error, who string) error {
	kind := fault.Unavailable
	switch connect.CodeOf(err) {
	case connect.CodeInvalidArgument:
		kind = fault.Invalid
	case connect.CodeNotFound:
		kind = fault.NotFound
	case connect.CodeFailedPrecondition, connect.CodeAlreadyExists:
		kind = fault.Conflict
	case connect.CodeResourceExhausted:
		kind = fault.Exhausted
	case connect.CodePermissionDenied, connect.CodeUnauthenticated:
		kind = fault.Denied
	case connect.CodeInternal:
		kind = fault.Internal
	}
	return fault.Wrap(kind, err, who)
}
