package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"

	"github.com/spillway/spillway/internal/fault"
)

// Role is the part a certificate's holder plays.
type Role string

// The roles.
const (
	RoleServer Role = "server"
	RoleAgent  Role = "agent"
	RoleFiler  Role = "filer"
)

// ParseRole checks that name is a role. Errors are fault.Invalid.
func ParseRole(name string) (Role, error) {
	switch r := Role(name); r {
	case RoleServer, RoleAgent, RoleFiler:
		return r, nil
	}
	return "", fault.WithHint(fault.New(fault.Invalid, "unknown role %q", name), "roles are server, agent and filer")
}

// Subject is whom a certificate names.
type Subject struct {
	Role Role
	Name string // unique within its role: a node's or filer's name
}

const (
	scheme  = "spillway"
	maxName = 63 // so that a name is a DNS label's length and always fits a certificate's common name
)

// Validate reports a role or name that cannot stand in a certificate. Errors are fault.Invalid.
func (s Subject) Validate() error {
	if _, err := ParseRole(string(s.Role)); err != nil {
		return err
	}
	if s.Name == "" || len(s.Name) > maxName {
		return fault.New(fault.Invalid, "name %.70q is not 1 to %d characters long", s.Name, maxName)
	}
	for i, c := range []byte(s.Name) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '-' && c != '_' && c != '.') {
			return fault.WithHint(fault.New(fault.Invalid, "name %q has a character that is not allowed", s.Name),
				"names start with a letter or digit and hold letters, digits, '-', '_' and '.'")
		}
	}
	return nil
}

// String returns "role/name".
func (s Subject) String() string { return string(s.Role) + "/" + s.Name }

func (s Subject) uri() *url.URL {
	return &url.URL{Scheme: scheme, Host: string(s.Role), Path: "/" + s.Name}
}

// parseSubject accepts exactly what uri writes: anything that a URL may hold besides (user, port, query, escapes) is
// refused, so that one holder has one spelling.
func parseSubject(uri *url.URL) (Subject, error) {
	if uri.Scheme != scheme || len(uri.Path) < 2 {
		return Subject{}, fault.New(fault.Denied, "certificate names %q, not a part of a farm", uri)
	}
	s := Subject{Role: Role(uri.Host), Name: uri.Path[1:]}
	if err := s.Validate(); err != nil {
		return Subject{}, fault.Wrap(fault.Denied, err, "certificate's name")
	}
	if s.uri().String() != uri.String() {
		return Subject{}, fault.New(fault.Denied, "certificate names %q, which is not spelt like a part of a farm", uri)
	}
	return s, nil
}

// SubjectOf returns whom a certificate names. It does not verify the certificate. Errors are fault.Denied.
func SubjectOf(cert *x509.Certificate) (Subject, error) {
	if len(cert.URIs) != 1 {
		return Subject{}, fault.New(fault.Denied, "certificate has %d URI names, want 1", len(cert.URIs))
	}
	return parseSubject(cert.URIs[0])
}

// PeerSubject returns who the client of a connection is. The server side calls it; without a verified client certificate
// it answers fault.Denied.
func PeerSubject(state tls.ConnectionState) (Subject, error) {
	if len(state.VerifiedChains) == 0 || len(state.PeerCertificates) == 0 {
		return Subject{}, fault.WithHint(fault.New(fault.Denied, "no client certificate"), "join the farm first")
	}
	return SubjectOf(state.PeerCertificates[0])
}

// Demand returns the client of a connection if it has one of the roles, else fault.Denied.
func Demand(state tls.ConnectionState, roles ...Role) (Subject, error) {
	s, err := PeerSubject(state)
	if err != nil {
		return Subject{}, err
	}
	return s, s.demand(roles)
}

// demand accepts any role if none is asked for.
func (s Subject) demand(roles []Role) error {
	for _, r := range roles {
		if s.Role == r {
			return nil
		}
	}
	if len(roles) == 0 {
		return nil
	}
	return fault.New(fault.Denied, "%s is not %s", s, fmt.Sprint(roles))
}
