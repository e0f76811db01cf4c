package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// joinTimeout bounds one attempt to join or to renew.
const joinTimeout = 15 * time.Second

// credentials returns the node's, joining the farm if it has none that are valid. While the server is away it tries
// again; a refusal is final: fault.Denied or fault.Conflict.
func credentials(ctx context.Context, c Config, dir string, log *slog.Logger) (identity.Credentials, error) {
	have, err := identity.LoadCredentials(dir)
	switch {
	case err == nil && time.Now().Before(have.Expires()):
		if got := have.Subject(); got.Name != c.Name {
			return have, fault.WithHint(fault.New(fault.Conflict, "%s holds the identity of node %q, not %q", dir, got.Name, c.Name),
				"use --name %s, or another --dir", got.Name)
		}
		return have, nil
	case err == nil:
		log.Warn("the node's certificate has expired; it joins anew", "expired", have.Expires())
	case fault.KindOf(err) != fault.NotFound:
		return have, err
	}
	if c.Token == "" {
		return have, fault.WithHint(fault.New(fault.Denied, "the node has not joined the farm"), "make a join token on the server and give it with --token-file")
	}
	if len(c.CA) == 0 {
		return have, fault.WithHint(fault.New(fault.Invalid, "the farm's CA certificate is needed to join"), "copy ca.pem from the server and give it with --ca")
	}
	for wait := newBackoff(); ; {
		have, err = join(ctx, c, dir)
		if err == nil || fault.KindOf(err) != fault.Unavailable {
			return have, err
		}
		log.Warn("the server cannot be reached to join", "server", c.Server, "error", err)
		if err := wait.pause(ctx); err != nil {
			return have, err
		}
	}
}

func join(ctx context.Context, c Config, dir string) (identity.Credentials, error) {
	// The key is saved before it is certified: a join repeated after a crash is then recognised by it.
	key, err := identity.LoadKey(dir)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		if key, _, err = identity.NewKeyAndCSR(); err == nil {
			err = identity.SaveKey(dir, key)
		}
	}
	if err != nil {
		return identity.Credentials{}, err
	}
	csr, err := identity.NewCSR(key)
	if err != nil {
		return identity.Credentials{}, err
	}
	trust, err := identity.TrustTLS(c.CA, identity.RoleServer)
	if err != nil {
		return identity.Credentials{}, err
	}
	client := newHTTPClient(trust)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	answer, err := agentv1connect.NewAgentServiceClient(client, c.Server).Join(ctx, connect.NewRequest(
		&agentv1.JoinRequest{Token: c.Token, Csr: csr, Name: c.Name, Role: string(identity.RoleAgent)}))
	if err != nil {
		return identity.Credentials{}, explainJoin(err, c)
	}
	got, err := identity.NewCredentials(key, answer.Msg.Certificates, answer.Msg.Ca)
	if err != nil {
		return got, fault.Wrap(fault.Denied, err, "the server's answer")
	}
	return got, got.Save(dir)
}

func explainJoin(err error, c Config) error {
	var tlsError *tls.CertificateVerificationError
	switch connect.CodeOf(err) {
	case connect.CodeUnauthenticated:
		return fault.WithHint(fault.Wrap(fault.Denied, err, "the server does not accept the join token"), "a token works once and for a while: make a new one (spillway token create)")
	case connect.CodeAlreadyExists:
		return fault.WithHint(fault.Wrap(fault.Conflict, err, "the server refuses the name"), "another node is called %q: choose another --name", c.Name)
	case connect.CodePermissionDenied, connect.CodeInvalidArgument, connect.CodeFailedPrecondition, connect.CodeUnimplemented:
		return fault.Wrap(fault.Denied, err, "the server refuses the node")
	}
	if errors.As(err, &tlsError) || isUntrusted(err) {
		return fault.WithHint(fault.Wrap(fault.Denied, err, "the server is not of the farm whose CA was given"), "check --server and --ca")
	}
	return fault.Wrap(fault.Unavailable, err, "join")
}

// isUntrusted reports whether a connection failed because the peer is not of the farm: package identity answers Denied.
func isUntrusted(err error) bool {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Kind == fault.Denied
	}
	return false
}

// renew keeps the certificate fresh until ctx ends. The key stays.
func renew(ctx context.Context, keys *identity.Keyring, client agentv1connect.AgentServiceClient, dir string, log *slog.Logger) {
	wait := newBackoff()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(0, time.Until(keys.Current().RenewAt()))):
		}
		if err := renewOnce(ctx, keys, client, dir); err != nil {
			log.Warn("the certificate could not be renewed", "expires", keys.Current().Expires(), "error", err)
			if wait.pause(ctx) != nil {
				return
			}
			continue
		}
		log.Info("the certificate has been renewed", "expires", keys.Current().Expires())
		wait = newBackoff()
	}
}

func renewOnce(ctx context.Context, keys *identity.Keyring, client agentv1connect.AgentServiceClient, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	key := keys.Current().Key()
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
	if err := got.Save(dir); err != nil {
		return err
	}
	return keys.Replace(got)
}

// newHTTPClient returns a client that speaks HTTP/2 and notices a server that has gone without a word.
func newHTTPClient(config *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: joinTimeout,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 10 * time.Second},
	}}
}
