package identity

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

const (
	caLife = 10 * 365 * 24 * time.Hour
	// clockSkew is how far behind a peer's clock may be.
	clockSkew = 5 * time.Minute
	maxCSR    = 16 << 10
)

// CA is the farm's certificate authority.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// CreateCA makes a new authority and keeps it in dir (ca.pem, ca-key.pem). An authority that is there already is
// fault.Conflict.
func CreateCA(dir string) (*CA, error) {
	if _, err := os.Lstat(filepath.Join(dir, fileCAKey)); !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Conflict, "%s holds a CA already", dir)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "make the CA's key")
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Spillway farm " + rand.Text()[:8]},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "sign the CA's certificate")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "read the CA's certificate back")
	}
	// The certificate first: a key alone would be taken for an authority.
	if err := writePrivate(filepath.Join(dir, fileCA), certPEM(der)); err != nil {
		return nil, err
	}
	if err := saveKey(filepath.Join(dir, fileCAKey), key); err != nil {
		return nil, err
	}
	return &CA{cert: cert, key: key}, nil
}

// OpenCA reads the authority in dir. None there is fault.NotFound; damaged files are fault.Invalid.
func OpenCA(dir string) (*CA, error) {
	key, err := loadKey(filepath.Join(dir, fileCAKey))
	if err != nil {
		return nil, err
	}
	chain, err := loadCerts(filepath.Join(dir, fileCA))
	if err != nil {
		return nil, err
	}
	cert := chain[0]
	if !cert.IsCA || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fault.New(fault.Invalid, "%s in %s does not belong to %s", fileCAKey, dir, fileCA)
	}
	return &CA{cert: cert, key: key}, nil
}

// PEM returns the authority's certificate, for those who are to trust it.
func (ca *CA) PEM() []byte { return certPEM(ca.cert.Raw) }

// DER returns the authority's certificate as the join protocol carries it.
func (ca *CA) DER() []byte { return ca.cert.Raw }

// Sign answers a certificate request (PKCS #10, DER) with a chain, leaf first, DER. Only the request's key is used: the
// signer chooses the subject and the names. The request's signature proves possession of the key. A malformed, forged
// or weak request is fault.Invalid. The certificate never outlives the authority.
func (ca *CA) Sign(csrDER []byte, subject Subject, ttl time.Duration) ([][]byte, error) {
	if len(csrDER) > maxCSR {
		return nil, fault.New(fault.Invalid, "certificate request of %d bytes is larger than %d", len(csrDER), maxCSR)
	}
	csr, err := x509.ParseCertificateRequest(csrDER)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "certificate request")
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "certificate request's signature")
	}
	return ca.sign(csr.PublicKey, subject, nil, ttl)
}

// Issue makes a key and its certificate. Hosts (DNS names or IP addresses) are added to the local ones that every
// server's and filer's certificate has, for clients that verify the address, such as browsers.
func (ca *CA) Issue(subject Subject, hosts []string, ttl time.Duration) (Credentials, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credentials{}, fault.Wrap(fault.Internal, err, "make a key")
	}
	chain, err := ca.sign(key.Public(), subject, hosts, ttl)
	if err != nil {
		return Credentials{}, err
	}
	return NewCredentials(key, chain, ca.cert.Raw)
}

func (ca *CA) sign(public any, subject Subject, hosts []string, ttl time.Duration) ([][]byte, error) {
	if err := subject.Validate(); err != nil {
		return nil, err
	}
	if err := checkKey(public); err != nil {
		return nil, err
	}
	now := time.Now()
	if ttl <= 0 || !now.Before(ca.cert.NotAfter) {
		return nil, fault.New(fault.Invalid, "a certificate for %s would have expired before it is signed", subject)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: subject.Name, OrganizationalUnit: []string{string(subject.Role)}},
		URIs:        []*url.URL{subject.uri()},
		NotBefore:   now.Add(-clockSkew),
		NotAfter:    earlier(now.Add(ttl), ca.cert.NotAfter),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},

		BasicConstraintsValid: true,
	}
	if subject.Role != RoleAgent { // an agent serves nobody
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		template.DNSNames, template.IPAddresses = splitHosts(append([]string{"localhost", "127.0.0.1", "::1"}, hosts...))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, public, ca.key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "sign a certificate")
	}
	return [][]byte{der}, nil
}

// checkKey keeps weak keys out of the farm.
func checkKey(public any) error {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	}
	return fault.New(fault.Invalid, "certificate request has a key of type %T, want ECDSA P-256, P-384 or Ed25519", public)
}

func splitHosts(hosts []string) (names []string, addresses []net.IP) {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			addresses = append(addresses, ip)
		} else if h != "" {
			names = append(names, h)
		}
	}
	return names, addresses
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
