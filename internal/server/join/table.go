// Package join keeps the one-time tokens with which agents and filers join the farm, and remembers which key has which
// name. Only hashes of tokens are kept. The table is one small JSON file, replaced atomically before any answer.
package join

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// Grant says what a token is good for.
type Grant struct {
	Role identity.Role `json:"role"` // agent or filer
	// Names is the name, or a pattern as in path.Match ("ws-*"). A token for one exact name may give it to another key than
	// before, as when a machine has been installed anew.
	Names   string      `json:"names"`
	Site    farm.SiteID `json:"site,omitempty"`    // where its agents must be; empty: anywhere
	Pool    farm.PoolID `json:"pool,omitempty"`    // the elastic pool they belong to; empty: static nodes
	Uses    int         `json:"uses,omitempty"`    // how many keys may use it; 0: one
	Expires time.Time   `json:"expires,omitzero"`  // zero: a day after it was made
	Comment string      `json:"comment,omitempty"` // for whom
}

// Lifetime of a token whose grant names none.
const Lifetime = 24 * time.Hour

// Member is a name that has been given to a key.
type Member struct {
	Key    string      `json:"key"` // SHA-256 of the public key (PKIX), hex
	Site   farm.SiteID `json:"site,omitempty"`
	Pool   farm.PoolID `json:"pool,omitempty"`
	Joined time.Time   `json:"joined"`
}

// Table holds tokens and members. Safe for concurrent use.
type Table struct {
	path string

	// mu guards data; it is held while the file is replaced.
	mu   sync.Mutex
	data contents
}

type contents struct {
	Version int               `json:"version"`
	Tokens  []token           `json:"tokens"`
	Members map[string]Member `json:"members"` // by subject: "agent/ws-04"
}

type token struct {
	Hash  string   `json:"hash"`
	Grant Grant    `json:"grant"`
	Keys  []string `json:"keys,omitempty"` // that used it
}

const version = 1

// OpenTable reads the table, or begins one.
func OpenTable(file string) (*Table, error) {
	t := &Table{path: file, data: contents{Version: version, Members: map[string]Member{}}}
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the join table")
	}
	if err := json.Unmarshal(raw, &t.data); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the join table "+file+" is damaged")
	}
	if t.data.Version != version {
		return nil, fault.New(fault.Invalid, "the join table %s has version %d, this release reads %d", file, t.data.Version, version)
	}
	if t.data.Members == nil {
		t.data.Members = map[string]Member{}
	}
	return t, nil
}

// Mint makes a token and returns its secret, which is not kept.
func (t *Table) Mint(g Grant, now time.Time) (string, error) {
	if g.Role != identity.RoleAgent && g.Role != identity.RoleFiler {
		return "", fault.New(fault.Invalid, "a token is for an agent or a filer, not for %q", g.Role)
	}
	if _, err := path.Match(g.Names, "x"); err != nil || g.Names == "" {
		return "", fault.New(fault.Invalid, "%q is no name and no pattern of names", g.Names)
	}
	if g.Uses <= 0 {
		g.Uses = 1
	}
	if g.Expires.IsZero() {
		g.Expires = now.Add(Lifetime)
	}
	secret, hash := identity.NewToken()

	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.data
	next.Tokens = append(slices.DeleteFunc(slices.Clone(next.Tokens), func(k token) bool { return now.After(k.Grant.Expires) }),
		token{Hash: hash, Grant: g})
	return secret, t.save(next)
}

// errToken tells a stranger nothing about which tokens exist.
func errToken() error {
	return fault.WithHint(fault.New(fault.Denied, "the join token is unknown, used up or expired"), "ask the server's operator for a new one (spillway token create)")
}

// Redeem checks a token and gives the name to the key of the request (PKCS #10, DER). The same key may repeat it for the
// token's lifetime. Denied: the token is no good for this; Conflict: the name belongs to another key.
func (t *Table) Redeem(secret string, role identity.Role, name string, csr []byte, now time.Time) (Member, error) {
	key, err := keyOf(csr)
	if err != nil {
		return Member{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.IndexFunc(t.data.Tokens, func(k token) bool { return identity.TokenMatches(secret, k.Hash) })
	if at < 0 || now.After(t.data.Tokens[at].Grant.Expires) {
		return Member{}, errToken()
	}
	k := t.data.Tokens[at]
	used := slices.Contains(k.Keys, key)
	if !used && len(k.Keys) >= k.Grant.Uses {
		return Member{}, errToken()
	}
	if match, _ := path.Match(k.Grant.Names, name); !match || k.Grant.Role != role {
		return Member{}, fault.New(fault.Denied, "the join token is for the %s %q, not for the %s %q", k.Grant.Role, k.Grant.Names, role, name)
	}
	subject := identity.Subject{Role: role, Name: name}.String()
	old, taken := t.data.Members[subject]
	if taken && old.Key != key && k.Grant.Names != name {
		err := fault.New(fault.Conflict, "the name %q belongs to another %s", name, role)
		return Member{}, fault.WithHint(err, "choose another name, or have a token made for exactly %q", name)
	}
	m := Member{Key: key, Site: k.Grant.Site, Pool: k.Grant.Pool, Joined: now}
	if taken && old == (Member{key, m.Site, m.Pool, old.Joined}) && used {
		return old, nil
	}
	return m, t.save(t.data.with(at, key, used, subject, m))
}

// Member returns what is known of a name.
func (t *Table) Member(s identity.Subject) (Member, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, ok := t.data.Members[s.String()]
	return m, ok
}

// Holds reports whether the name belongs to the request's key: what a renewal must show.
func (t *Table) Holds(s identity.Subject, csr []byte) (bool, error) {
	key, err := keyOf(csr)
	if err != nil {
		return false, err
	}
	m, ok := t.Member(s)
	return ok && m.Key == key, nil
}

func (c contents) with(at int, key string, used bool, subject string, m Member) contents {
	c.Tokens = slices.Clone(c.Tokens)
	if !used {
		c.Tokens[at].Keys = append(slices.Clone(c.Tokens[at].Keys), key)
	}
	members := make(map[string]Member, len(c.Members)+1)
	for name, old := range c.Members {
		members[name] = old
	}
	members[subject] = m
	c.Members = members
	return c
}

// save replaces the file, then the table: what has been promised survives a crash. The caller holds mu.
func (t *Table) save(next contents) error {
	raw, err := json.MarshalIndent(next, "", " ")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode the join table")
	}
	f, err := os.CreateTemp(path.Dir(t.path), ".join-*")
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "write the join table")
	}
	defer os.Remove(f.Name())
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), t.path)
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "write the join table")
	}
	t.data = next
	return nil
}

func keyOf(csr []byte) (string, error) {
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "certificate request")
	}
	sum := sha256.Sum256(req.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), nil
}
