package identity_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/spillway/spillway/internal/identity"
)

// handshake joins two configurations over a pipe, with one byte each way so that both sides' verdicts are in, and
// returns what the server knows of the client.
func handshake(server, client *tls.Config) (tls.ConnectionState, error) {
	a, b := net.Pipe()
	s, c := tls.Server(a, server), tls.Client(b, client)
	served := make(chan error, 1)
	go func() { served <- exchange(s); a.Close() }()
	err := exchange(c)
	b.Close()
	return s.ConnectionState(), errors.Join(err, <-served)
}

func exchange(c *tls.Conn) error {
	if err := c.Handshake(); err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte{1})
		written <- err
	}()
	_, err := io.ReadFull(c, make([]byte, 1))
	if err != nil {
		c.NetConn().Close() // ends the write, too
	}
	return errors.Join(err, <-written)
}

// withCert shows a certificate whatever the server asks for.
func withCert(t *testing.T, config *tls.Config, c identity.Credentials) *tls.Config {
	t.Helper()
	config = config.Clone()
	config.GetClientCertificate = c.ClientTLS().GetClientCertificate
	return config
}
