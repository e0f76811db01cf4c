package filer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// joinTimeout bounds one attempt to join or renew.
const joinTimeout = 15 * time.Second

// credentials returns the filer's certificate, joining the farm if it has none. While the server is away it tries again;
// a refusal is final.
func credentials(ctx context.Context, c *File, log *slog.Logger) (identity.Credentials, error) {
	have, err := identity.LoadCredentials(c.identityDir())
	if err == nil && time.Now().Before(have.Expires()) {
		if who := have.Subject(); who.Role != identity.RoleFiler || who.Name != c.Name {
			return have, fault.WithHint(fault.New(fault.Conflict, "%s holds the identity of %s, not of filer %q", c.identityDir(), who, c.Name),
				"use that name, or another cache directory")
		}
		return have, nil
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return have, err
	}
	if c.Server.URL == "" || c.Server.CA == "" || c.Server.TokenFile == "" {
		return have, fault.WithHint(fault.New(fault.Denied, "the filer has not joined the farm"),
			"give server.url, server.ca and server.tokenFile, or run it without control and parentControl")
	}
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		have, err = join(ctx, c)
		if err == nil || fault.KindOf(err) != fault.Unavailable {
			return have, err
		}
		log.Warn("the server cannot be reached to join", "server", c.Server.URL, "error", err)
		select {
		case <-ctx.Done():
			return have, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// join exchanges the token for a certificate. The key is saved before it is certified: a join repeated after a crash is
// recognised by it.
func join(ctx context.Context, c *File) (identity.Credentials, error) {
	ca, err := os.ReadFile(c.Server.CA)
	if err != nil {
		return identity.Credentials{}, fault.WithHint(fault.Wrap(fault.Invalid, err, "the farm's CA"), "copy ca.pem from the server")
	}
	token, err := os.ReadFile(c.Server.TokenFile)
	if err != nil {
		return identity.Credentials{}, fault.WithHint(fault.Wrap(fault.Invalid, err, "the join token"), "make one on the server")
	}
	trust, err := identity.TrustTLS(ca, identity.RoleServer)
	if err != nil {
		return identity.Credentials{}, err
	}
	key, err := identity.LoadKey(c.identityDir())
	if err != nil && fault.KindOf(err) == fault.NotFound {
		if key, _, err = identity.NewKeyAndCSR(); err == nil {
			err = identity.SaveKey(c.identityDir(), key)
		}
	}
	if err != nil {
		return identity.Credentials{}, err
	}
	csr, err := identity.NewCSR(key)
	if err != nil {
		return identity.Credentials{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	answer, err := agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport}, strings.TrimSuffix(c.Server.URL, "/")).Join(ctx,
		connect.NewRequest(&agentv1.JoinRequest{
			Token: strings.TrimSpace(string(token)), Csr: csr, Name: c.Name, Role: string(identity.RoleFiler),
		}))
	if err != nil {
		return identity.Credentials{}, joinError(err)
	}
	got, err := identity.NewCredentials(key, answer.Msg.Certificates, answer.Msg.Ca)
	if err != nil {
		return got, fault.Wrap(fault.Denied, err, "the server's answer")
	}
	return got, got.Save(c.identityDir())
}

func joinError(err error) error {
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated:
		return fault.WithHint(fault.Wrap(fault.Denied, err, "the server does not accept the join token"), "a token works once and for a while: make a new one on the server")
	case connect.CodeAlreadyExists, connect.CodePermissionDenied, connect.CodeInvalidArgument, connect.CodeFailedPrecondition:
		return fault.Wrap(fault.Denied, err, "the server refuses the filer")
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Denied {
		return fault.WithHint(fault.Wrap(fault.Denied, err, "the server is not of the farm whose CA was given"), "check server.url and server.ca")
	}
	return fault.Wrap(fault.Unavailable, err, "join")
}

// renew keeps the certificate fresh until ctx ends. The key stays.
func renew(ctx context.Context, c *File, ring *identity.Keyring, log *slog.Logger) {
	if c.Server.URL == "" {
		return
	}
	transport := &http.Transport{TLSClientConfig: ring.ClientTLS(identity.RoleServer), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := agentv1connect.NewAgentServiceClient(&http.Client{Transport: transport, Timeout: joinTimeout}, strings.TrimSuffix(c.Server.URL, "/"))
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(time.Second, time.Until(ring.Current().RenewAt()))):
		}
		if err := renewOnce(ctx, c, ring, client); err != nil {
			log.Warn("the certificate could not be renewed", "expires", ring.Current().Expires(), "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Minute):
			}
		}
	}
}

func renewOnce(ctx context.Context, c *File, ring *identity.Keyring, client agentv1connect.AgentServiceClient) error {
	key := ring.Current().Key()
	csr, err := identity.NewCSR(key)
	if err != nil {
		return err
	}
	answer, err := client.Renew(ctx, connect.NewRequest(&agentv1.RenewRequest{Csr: csr}))
	if err != nil {
		return err
	}
	got, err := identity.NewCredentials(key, answer.Msg.Certificates, answer.Msg.Ca)
	if err != nil {
		return err
	}
	if err := got.Save(c.identityDir()); err != nil {
		return err
	}
	return ring.Replace(got)
}
