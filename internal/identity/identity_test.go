package identity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCA(t *testing.T) *identity.CA {
	t.Helper()
	ca, err := identity.CreateCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca *identity.CA, role identity.Role, name string) identity.Credentials {
	t.Helper()
	c, err := ca.Issue(identity.Subject{Role: role, Name: name}, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCAIsCreatedOnceAndOpened(t *testing.T) {
	dir := t.TempDir()
	if _, err := identity.OpenCA(dir); fault.KindOf(err) != fault.NotFound {
		t.Errorf("open an empty directory: %v", err)
	}
	made, err := identity.CreateCA(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := identity.CreateCA(dir); fault.KindOf(err) != fault.Conflict {
		t.Errorf("create again: %v", err)
	}
	opened, err := identity.OpenCA(dir)
	if err != nil || !bytes.Equal(made.PEM(), opened.PEM()) {
		t.Errorf("opened another CA: %v", err)
	}
	for _, name := range []string{"ca.pem", "ca-key.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestJoinAndRenew(t *testing.T) {
	ca, dir := newCA(t), t.TempDir()
	key, csr, err := identity.NewKeyAndCSR()
	if err != nil {
		t.Fatal(err)
	}
	if err := identity.SaveKey(dir, key); err != nil {
		t.Fatal(err)
	}
	want := identity.Subject{Role: identity.RoleAgent, Name: "burst-1"}
	chain, err := ca.Sign(csr, want, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := identity.NewCredentials(key, chain, ca.DER())
	if err != nil {
		t.Fatal(err)
	}
	if err := joined.Save(dir); err != nil {
		t.Fatal(err)
	}
	loaded, err := identity.LoadCredentials(dir)
	if err != nil || loaded.Subject() != want || !bytes.Equal(loaded.CAPEM(), ca.PEM()) {
		t.Fatalf("loaded %v, %v", loaded.Subject(), err)
	}
	if left := time.Until(loaded.RenewAt()); left < 39*time.Minute || left > 40*time.Minute {
		t.Errorf("renewal in %v of an hour's life", left)
	}
	again, err := identity.NewCSR(loaded.Key())
	if err != nil {
		t.Fatal(err)
	}
	chain2, err := ca.Sign(again, want, 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	renewed, err := identity.NewCredentials(loaded.Key(), chain2, ca.DER())
	if err != nil || !renewed.Expires().After(loaded.Expires()) {
		t.Errorf("renewed until %v, %v", renewed.Expires(), err)
	}
	a, _ := x509.ParseCertificate(chain[0])
	b, _ := x509.ParseCertificate(chain2[0])
	if a.SerialNumber.Cmp(b.SerialNumber) == 0 || a.SerialNumber.BitLen() < 64 {
		t.Errorf("serials %v and %v", a.SerialNumber, b.SerialNumber)
	}
}

func TestSignChoosesTheNames(t *testing.T) {
	ca := newCA(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		DNSNames: []string{"farm.example.com"},
		URIs:     []*url.URL{{Scheme: "spillway", Host: "server", Path: "/main"}},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := ca.Sign(csr, identity.Subject{Role: identity.RoleAgent, Name: "n"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	subject, err := identity.SubjectOf(cert)
	if err != nil || subject.Role != identity.RoleAgent || len(cert.DNSNames) != 0 || cert.IsCA {
		t.Errorf("signed %v (DNS %v), %v", subject, cert.DNSNames, err)
	}
}

func TestSignRefuses(t *testing.T) {
	ca := newCA(t)
	_, good, err := identity.NewKeyAndCSR()
	if err != nil {
		t.Fatal(err)
	}
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	node := identity.Subject{Role: identity.RoleAgent, Name: "n"}
	for name, c := range map[string]struct {
		csr     []byte
		subject identity.Subject
		ttl     time.Duration
	}{
		"nothing":      {nil, node, time.Hour},
		"noise":        {[]byte("noise"), node, time.Hour},
		"forged":       {forged, node, time.Hour},
		"cut":          {good[:len(good)/2], node, time.Hour},
		"huge":         {make([]byte, 1<<20), node, time.Hour},
		"other key":    {weak, node, time.Hour},
		"no time":      {good, node, 0},
		"unknown role": {good, identity.Subject{Role: "root", Name: "n"}, time.Hour},
		"no name":      {good, identity.Subject{Role: identity.RoleAgent}, time.Hour},
		"bad name":     {good, identity.Subject{Role: identity.RoleAgent, Name: "a/b"}, time.Hour},
		"dot name":     {good, identity.Subject{Role: identity.RoleAgent, Name: ".."}, time.Hour},
		"long name":    {good, identity.Subject{Role: identity.RoleAgent, Name: string(bytes.Repeat([]byte("n"), 64))}, time.Hour},
	} {
		if _, err := ca.Sign(c.csr, c.subject, c.ttl); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
}

func TestSubjectIsParsedStrictly(t *testing.T) {
	for _, uri := range []string{
		"http://agent/n", "spillway:agent/n", "spillway://agent", "spillway://agent/", "spillway://root/n", "spillway://agent/a/b",
		"spillway://agent/n?x=1", "spillway://agent/n#x", "spillway://u@agent/n", "spillway://agent:1/n", "spillway://agent/%6e", "spillway://AGENT/n",
	} {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := identity.SubjectOf(&x509.Certificate{URIs: []*url.URL{u}}); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v, %v", uri, s, err)
		}
	}
	if _, err := identity.SubjectOf(&x509.Certificate{}); fault.KindOf(err) != fault.Denied {
		t.Errorf("no name: %v", err)
	}
}

func TestDamagedFiles(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	foreign := issue(t, other, identity.RoleAgent, "n")
	damage := map[string]struct {
		do   func(dir string) error
		want fault.Kind
	}{
		"no certificate": {func(dir string) error { return os.Remove(filepath.Join(dir, "cert.pem")) }, fault.NotFound},
		"noise":          {func(dir string) error { return os.WriteFile(filepath.Join(dir, "key.pem"), []byte("noise"), 0o600) }, fault.Invalid},
		"other key":      {func(dir string) error { return identity.SaveKey(dir, foreign.Key()) }, fault.Invalid},
		"other CA": {func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "ca.pem"), other.PEM(), 0o600)
		}, fault.Invalid},
		"readable key": {func(dir string) error { return os.Chmod(filepath.Join(dir, "key.pem"), 0o644) }, fault.Denied},
		"cut certificate": {func(dir string) error {
			path := filepath.Join(dir, "cert.pem")
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, data[:len(data)/2], 0o600)
		}, fault.Invalid},
	}
	for name, c := range damage {
		dir := t.TempDir()
		if err := issue(t, ca, identity.RoleAgent, "n").Save(dir); err != nil {
			t.Fatal(err)
		}
		if err := c.do(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.LoadCredentials(dir); fault.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTokens(t *testing.T) {
	secret, hash := identity.NewToken()
	second, _ := identity.NewToken()
	if secret == second || len(secret) < 26 {
		t.Errorf("tokens %q and %q", secret, second)
	}
	if !identity.TokenMatches(secret, hash) || identity.TokenMatches(second, hash) || identity.TokenMatches("", hash) || identity.TokenMatches(secret, "") {
		t.Error("tokens match wrongly")
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newCA(t)
		server := issue(t, ca, identity.RoleServer, "main")
		agent := issue(t, ca, identity.RoleAgent, "n")
		if _, err := handshake(server.ServerTLS(true), agent.ClientTLS(identity.RoleServer)); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour + time.Second) // virtual
		fresh := issue(t, ca, identity.RoleServer, "main")
		if _, err := handshake(fresh.ServerTLS(true), agent.ClientTLS()); err == nil {
			t.Error("an expired agent is let in")
		}
		agent = issue(t, ca, identity.RoleAgent, "n")
		if _, err := handshake(server.ServerTLS(true), agent.ClientTLS()); err == nil {
			t.Error("an expired server is trusted")
		}
	})
}

func TestRenewalNeedsNoRestart(t *testing.T) {
	ca := newCA(t)
	ring, err := identity.NewKeyring(issue(t, ca, identity.RoleAgent, "before"))
	if err != nil {
		t.Fatal(err)
	}
	server, client := issue(t, ca, identity.RoleServer, "main").ServerTLS(true), ring.ClientTLS(identity.RoleServer)
	for _, name := range []string{"before", "after"} {
		if err := ring.Replace(issue(t, ca, identity.RoleAgent, name)); err != nil {
			t.Fatal(err)
		}
		state, err := handshake(server, client)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := identity.Demand(state, identity.RoleAgent); err != nil || s.Name != name {
			t.Errorf("%v, %v; want %s", s, err, name)
		}
	}
	if err := ring.Replace(identity.Credentials{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no credentials: %v", err)
	}
}

func TestWhoMayTalkToWhom(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	server, filer := issue(t, ca, identity.RoleServer, "main"), issue(t, ca, identity.RoleFiler, "edge")
	agent, stranger := issue(t, ca, identity.RoleAgent, "n"), issue(t, other, identity.RoleAgent, "n")
	trusting, err := identity.TrustTLS(ca.PEM(), identity.RoleServer)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		server, client *tls.Config
		ok             bool
	}{
		"agent at server":                {server.ServerTLS(true), agent.ClientTLS(identity.RoleServer), true},
		"any role will do":               {filer.ServerTLS(true), agent.ClientTLS(), true},
		"one of two roles":               {filer.ServerTLS(true), agent.ClientTLS(identity.RoleServer, identity.RoleFiler), true},
		"filer in the server's place":    {filer.ServerTLS(true), agent.ClientTLS(identity.RoleServer), false},
		"agent in the server's place":    {agent.ServerTLS(false), agent.ClientTLS(), false},
		"stranger at server":             {server.ServerTLS(true), stranger.ClientTLS(), false},
		"server of another farm":         {issue(t, other, identity.RoleServer, "main").ServerTLS(false), agent.ClientTLS(identity.RoleServer), false},
		"person at server":               {server.ServerTLS(false), trusting, true},
		"person where nodes only may":    {server.ServerTLS(true), trusting, false},
		"person at a filer's":            {filer.ServerTLS(false), trusting, false},
		"stranger where none need prove": {server.ServerTLS(false), withCert(t, trusting, stranger), false},
	} {
		state, err := handshake(c.server, c.client)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if name == "person at server" {
			if _, err := identity.PeerSubject(state); fault.KindOf(err) != fault.Denied {
				t.Errorf("a person has no certificate: %v", err)
			}
		}
	}
	if _, err := identity.TrustTLS([]byte("noise")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("noise for a CA: %v", err)
	}
}
