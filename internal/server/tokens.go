package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

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
