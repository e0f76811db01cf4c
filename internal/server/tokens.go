package server

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server/join"
)

// openToken reads the API's token, or makes one.
func openToken(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		secret, _ := identity.NewToken()
		return secret, writeSecret(file, secret)
	}
	return strings.TrimSpace(string(raw)), fault.Wrap(fault.Unavailable, err, "read the API token")
}

// writeSecret writes a file that nobody else may read.
func writeSecret(file, secret string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fault.Wrap(fault.Unavailable, err, "write a token")
	}
	return fault.Wrap(fault.Unavailable, os.WriteFile(file, []byte(secret+"\n"), 0o600), "write a token")
}

// mintTokens makes the join tokens that the configuration asks for and whose files are not there.
func (s *Server) mintTokens() error {
	for _, t := range s.config.Tokens {
		file := t.File
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.config.Dir, file)
		}
		if _, err := os.Stat(file); err == nil {
			continue
		}
		g := join.Grant{Role: identity.Role(t.Role), Names: t.Names, Site: farm.SiteID(t.Site), Uses: t.Uses}
		if t.Life > 0 {
			g.Expires = time.Now().Add(time.Duration(t.Life))
		}
		secret, err := s.Mint(g)
		if err != nil {
			return err
		}
		if err := writeSecret(file, secret); err != nil {
			return err
		}
	}
	return nil
}

// MintToken implements rest.Fleet.
func (s *Server) MintToken(ctx context.Context, r restv1.TokenRequest) (restv1.Token, error) {
	if err := s.checkToken(&r); err != nil {
		return restv1.Token{}, err
	}
	g := join.Grant{
		Role: identity.Role(r.Role), Names: r.Names, Site: farm.SiteID(r.Site), Uses: max(r.Uses, 1), Comment: r.Comment,
		Expires: time.Now().UTC().Add(time.Duration(r.LifeSeconds) * time.Second).Truncate(time.Second),
	}
	if r.LifeSeconds == 0 {
		g.Expires = time.Now().UTC().Add(join.Lifetime).Truncate(time.Second)
	}
	secret, err := s.Mint(g)
	if err != nil {
		return restv1.Token{}, err
	}
	if err := s.note(ctx); err != nil { // audited before anybody has the secret
		return restv1.Token{}, err
	}
	s.config.Log.Info("a join token was made", "role", r.Role, "names", r.Names, "site", r.Site, "uses", g.Uses, "expires", g.Expires, "for", r.Comment)
	return restv1.Token{Secret: secret, Role: r.Role, Names: r.Names, Site: r.Site, Uses: g.Uses, Expires: g.Expires}, nil
}

func siteList(names []farm.SiteID) string {
	var out []string
	for _, n := range names {
		out = append(out, string(n))
	}
	return strings.Join(out, ", ")
}

// checkToken refuses what would make a token that nobody can use.
func (s *Server) checkToken(r *restv1.TokenRequest) error {
	sites := s.config.sites()
	if _, known := sites[farm.SiteID(r.Site)]; r.Site != "" && !known {
		names := slices.Sorted(maps.Keys(sites))
		return fault.WithHint(fault.New(fault.Invalid, "no storage is configured at a site %q", r.Site), "the farm's sites: %s", siteList(names))
	}
	if r.Role != string(identity.RoleFiler) {
		return nil
	}
	for i := range s.config.Filers {
		if match, _ := path.Match(r.Names, s.config.Filers[i].Name); match { // a pattern that is none matches nothing
			return nil
		}
	}
	return fault.WithHint(fault.New(fault.Invalid, "no filer %q is configured", r.Names), "add it to the filers of the server's configuration first")
}
