package server

import (
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// filers are the clients of the filers' control services.
type filers struct {
	config    *Config
	transport *http.Transport
	clients   map[string]filerv1connect.FilerServiceClient
}

// maxFilerMessage bounds an answer of a filer.
const maxFilerMessage = 16 << 20

func newFilers(c *Config, ring *identity.Keyring) *filers {
	t := &http.Transport{
		TLSClientConfig: ring.ClientTLS(identity.RoleFiler), ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 10 * time.Second},
	}
	f := &filers{config: c, transport: t, clients: map[string]filerv1connect.FilerServiceClient{}}
	for _, filer := range c.Filers {
		f.clients[filer.Name] = filerv1connect.NewFilerServiceClient(
			&http.Client{Transport: t}, filer.Control, connect.WithReadMaxBytes(maxFilerMessage))
	}
	return f
}

func (f *filers) close() { f.transport.CloseIdleConnections() }

// get returns a filer's client and configuration.
func (f *filers) get(name farm.FilerID) (filerv1connect.FilerServiceClient, *Filer, error) {
	c := f.clients[string(name)]
	if c == nil {
		err := fault.New(fault.Unavailable, "filer %s is not configured", name)
		return nil, nil, fault.WithHint(err, "add it to the server's configuration again")
	}
	return c, f.config.filer(string(name)), nil
}

// filerFault classifies what a call to a filer returned.
func filerFault(name farm.FilerID, err error) error {
	if err == nil {
		return nil
	}
	kinds := map[connect.Code]fault.Kind{
		connect.CodeInvalidArgument: fault.Invalid, connect.CodeNotFound: fault.NotFound, connect.CodePermissionDenied: fault.Denied,
		connect.CodeUnauthenticated: fault.Denied, connect.CodeResourceExhausted: fault.Exhausted, connect.CodeFailedPrecondition: fault.Conflict,
		connect.CodeInternal: fault.Internal, connect.CodeUnknown: fault.Internal,
	}
	kind, ok := kinds[connect.CodeOf(err)]
	if !ok {
		kind = fault.Unavailable
	}
	var wire *connect.Error
	if errors.As(err, &wire) {
		err = errors.New(wire.Message())
	}
	return fault.Wrap(kind, err, "filer "+string(name))
}
