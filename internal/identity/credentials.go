package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Files of a credentials directory. An authority's directory has ca.pem and ca-key.pem.
const (
	fileCert  = "cert.pem"
	fileKey   = "key.pem"
	fileCA    = "ca.pem"
	fileCAKey = "ca-key.pem"
)

// Credentials are a key, its certificate and the authority that vouches for it. The zero value has none.
type Credentials struct {
	key   *ecdsa.PrivateKey
	chain []*x509.Certificate // leaf first
	ca    *x509.Certificate
}

// NewKeyAndCSR makes a key and the request (PKCS #10, DER) to have it certified. Save the key (SaveKey) before the
// request is sent: whoever signs may recognise a repeated request by its key.
func NewKeyAndCSR() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, err, "make a key")
	}
	csr, err := NewCSR(key)
	return key, csr, err
}

// NewCSR returns a certificate request for a key that exists: a join that is repeated, or a renewal.
func NewCSR(key *ecdsa.PrivateKey) ([]byte, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	return csr, fault.Wrap(fault.Internal, err, "make a certificate request")
}

// NewCredentials puts a key, its chain (leaf first, DER) and the authority (DER) together. What does not belong
// together, or is not signed by the authority, is fault.Invalid.
func NewCredentials(key *ecdsa.PrivateKey, chainDER [][]byte, caDER []byte) (Credentials, error) {
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		return Credentials{}, fault.Wrap(fault.Invalid, err, "the CA's certificate")
	}
	var chain []*x509.Certificate
	for _, der := range chainDER {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return Credentials{}, fault.Wrap(fault.Invalid, err, "certificate")
		}
		chain = append(chain, cert)
	}
	return assemble(key, chain, ca)
}

func assemble(key *ecdsa.PrivateKey, chain []*x509.Certificate, ca *x509.Certificate) (Credentials, error) {
	if key == nil || len(chain) == 0 {
		return Credentials{}, fault.New(fault.Invalid, "a key and a certificate are needed")
	}
	if !key.PublicKey.Equal(chain[0].PublicKey) {
		return Credentials{}, fault.New(fault.Invalid, "the key does not belong to the certificate")
	}
	if _, err := SubjectOf(chain[0]); err != nil {
		return Credentials{}, fault.Wrap(fault.Invalid, err, "certificate")
	}
	if err := chain[0].CheckSignatureFrom(ca); err != nil {
		return Credentials{}, fault.Wrap(fault.Invalid, err, "the certificate is not of this farm's CA")
	}
	return Credentials{key: key, chain: chain, ca: ca}, nil
}

// LoadCredentials reads what Save wrote. No certificate there is fault.NotFound; files that do not belong together are
// fault.Invalid; a key that others may read is fault.Denied. An expired certificate loads: see Expires.
func LoadCredentials(dir string) (Credentials, error) {
	chain, err := loadCerts(filepath.Join(dir, fileCert))
	if err != nil {
		return Credentials{}, err
	}
	key, err := loadKey(filepath.Join(dir, fileKey))
	if err != nil {
		return Credentials{}, err
	}
	ca, err := loadCerts(filepath.Join(dir, fileCA))
	if err != nil {
		return Credentials{}, err
	}
	c, err := assemble(key, chain, ca[0])
	if err != nil {
		return Credentials{}, fault.WithHint(err, "the credentials in %s are damaged: remove them and join again", dir)
	}
	return c, nil
}

// Save writes cert.pem, key.pem and ca.pem to dir (mode 0600), each replaced atomically, the certificate last. A renewal
// keeps its key, so that no interruption leaves a certificate without its key.
func (c Credentials) Save(dir string) error {
	if c.key == nil {
		return fault.New(fault.Invalid, "no credentials to save")
	}
	if err := writePrivate(filepath.Join(dir, fileCA), certPEM(c.ca.Raw)); err != nil {
		return err
	}
	if err := SaveKey(dir, c.key); err != nil {
		return err
	}
	var chain []byte
	for _, cert := range c.chain {
		chain = append(chain, certPEM(cert.Raw)...)
	}
	return writePrivate(filepath.Join(dir, fileCert), chain)
}

// SaveKey writes dir/key.pem (mode 0600).
func SaveKey(dir string, key *ecdsa.PrivateKey) error {
	return saveKey(filepath.Join(dir, fileKey), key)
}

// LoadKey reads dir/key.pem. None there is fault.NotFound.
func LoadKey(dir string) (*ecdsa.PrivateKey, error) { return loadKey(filepath.Join(dir, fileKey)) }

// Subject returns whom the credentials name; the zero Subject for none.
func (c Credentials) Subject() Subject {
	if len(c.chain) == 0 {
		return Subject{}
	}
	s, _ := SubjectOf(c.chain[0]) // assemble has checked it
	return s
}

// Key returns the private key, for a renewal's request.
func (c Credentials) Key() *ecdsa.PrivateKey { return c.key }

// Expires returns when the certificate ends.
func (c Credentials) Expires() time.Time {
	if len(c.chain) == 0 {
		return time.Time{}
	}
	return c.chain[0].NotAfter
}

// RenewAt returns when to ask for the next certificate: two thirds through this one's life.
func (c Credentials) RenewAt() time.Time {
	if len(c.chain) == 0 {
		return time.Time{}
	}
	from, to := c.chain[0].NotBefore.Add(clockSkew), c.chain[0].NotAfter
	return from.Add(to.Sub(from) * 2 / 3)
}

// CAPEM returns the authority's certificate.
func (c Credentials) CAPEM() []byte {
	if c.ca == nil {
		return nil
	}
	return certPEM(c.ca.Raw)
}

func (c Credentials) certificate() *tls.Certificate {
	raw := make([][]byte, len(c.chain))
	for i, cert := range c.chain {
		raw[i] = slices.Clone(cert.Raw)
	}
	return &tls.Certificate{Certificate: raw, PrivateKey: c.key, Leaf: c.chain[0]}
}
