package identity

import (
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Keyring holds the credentials in use. TLS configurations made from it present the current ones in every handshake, so
// that a renewal needs no restart. Safe for concurrent use.
type Keyring struct {
	current atomic.Pointer[Credentials]
}

// NewKeyring returns a keyring that holds c. Zero credentials are fault.Invalid.
func NewKeyring(c Credentials) (*Keyring, error) {
	k := new(Keyring)
	return k, k.Replace(c)
}

// Replace puts renewed credentials in use. Connections that are open keep theirs.
func (k *Keyring) Replace(c Credentials) error {
	if c.key == nil {
		return fault.New(fault.Invalid, "no credentials")
	}
	k.current.Store(&c)
	return nil
}

// Current returns the credentials in use.
func (k *Keyring) Current() Credentials { return *k.current.Load() }

// ServerTLS returns the configuration of a listener. A client certificate is verified if given; requireClient refuses
// clients without one. Handlers ask PeerSubject or Demand who it is.
func (k *Keyring) ServerTLS(requireClient bool) *tls.Config {
	auth := tls.VerifyClientCertIfGiven
	if requireClient {
		auth = tls.RequireAndVerifyClientCert
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2", "http/1.1"},
		ClientAuth: auth,
		ClientCAs:  pool(k.Current().ca),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return k.Current().certificate(), nil
		},
	}
}

// ClientTLS returns the configuration of a caller that shows its certificate. The peer must be vouched for by the farm's
// CA and have one of the roles (any, if none is named); the address dialled is not compared with its certificate.
func (k *Keyring) ClientTLS(peers ...Role) *tls.Config {
	config := trust(k.Current().ca, peers)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return k.Current().certificate(), nil
	}
	return config
}

// ServerTLS is Keyring.ServerTLS for credentials that are never replaced.
func (c Credentials) ServerTLS(requireClient bool) *tls.Config {
	return fixed(c).ServerTLS(requireClient)
}

// ClientTLS is Keyring.ClientTLS for credentials that are never replaced.
func (c Credentials) ClientTLS(peers ...Role) *tls.Config {
	return fixed(c).ClientTLS(peers...)
}

func fixed(c Credentials) *Keyring {
	k := new(Keyring)
	k.current.Store(&c)
	return k
}

// TrustTLS returns the configuration of a caller without a certificate (a person's command line, a node that joins): it
// verifies the peer like Keyring.ClientTLS against the CA's PEM. No certificate in it is fault.Invalid.
func TrustTLS(caPEM []byte, peers ...Role) (*tls.Config, error) {
	blocks := pemBlocks(caPEM[:min(len(caPEM), maxFile)], "CERTIFICATE")
	if len(blocks) == 0 {
		return nil, fault.New(fault.Invalid, "the CA file holds no certificate")
	}
	ca, err := x509.ParseCertificate(blocks[0])
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the CA's certificate")
	}
	return trust(ca, peers), nil
}

func trust(ca *x509.Certificate, peers []Role) *tls.Config {
	roots := pool(ca)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The standard check compares the address dialled. VerifyConnection, which runs in every handshake, resumed ones
		// too, does all of the rest and demands the role instead.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			return verifyServer(state, roots, peers)
		},
	}
}

func verifyServer(state tls.ConnectionState, roots *x509.CertPool, peers []Role) error {
	if len(state.PeerCertificates) == 0 {
		return fault.New(fault.Denied, "the peer showed no certificate")
	}
	leaf, rest := state.PeerCertificates[0], x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		rest.AddCert(cert)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: rest,
		CurrentTime:   time.Now(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return fault.Wrap(fault.Denied, err, "the peer is not of this farm")
	}
	subject, err := SubjectOf(leaf)
	if err != nil {
		return err
	}
	return subject.demand(peers)
}

func pool(ca *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	if ca != nil {
		p.AddCert(ca)
	}
	return p
}
