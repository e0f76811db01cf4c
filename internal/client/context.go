package client

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// ContextFile is the name of the file that says where a farm is. The server writes one into its directory; users keep one
// in ~/.config/spillway.
const ContextFile = "context.json"

// tokenFile holds the API token in a server's directory.
const tokenFile = "admin.token"

// Context is what a context file holds. Relative paths are below the file's folder.
type Context struct {
	Server    string `json:"server,omitempty"`
	Token     string `json:"token,omitempty"`
	TokenFile string `json:"tokenFile,omitempty"`
	CA        string `json:"ca,omitempty"`
}

// Save writes the context into a folder, readable by its owner only.
func (c Context) Save(dir string) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ContextFile), append(data, '\n'), 0o600)
}

// Resolve fills what flags and environment left open: from the server's directory that SPILLWAY_DIR names, else from
// ~/.config/spillway/context.json. Both are read only as far as something is missing.
func Resolve(given Config, getenv func(string) string) (Config, error) {
	if given.Server != "" && given.Token != "" && given.CA != "" {
		return given, nil
	}
	dir := getenv("SPILLWAY_DIR")
	fromServer := dir != ""
	if !fromServer {
		home := getenv("XDG_CONFIG_HOME")
		if home == "" && getenv("HOME") != "" {
			home = filepath.Join(getenv("HOME"), ".config")
		}
		if home != "" {
			dir = filepath.Join(home, "spillway")
		}
	}
	c, err := readContext(dir)
	if err != nil {
		return Config{}, err
	}
	if fromServer && c.TokenFile == "" && c.Token == "" {
		c.TokenFile = tokenFile
	}
	// A token belongs to its server: one for another server must not be sent to this one.
	if given.Server != "" && c.Server != "" && !sameServer(given.Server, c.Server) {
		c = Context{}
	}
	return c.fill(given, dir)
}

func readContext(dir string) (Context, error) {
	var c Context
	if dir == "" {
		return c, nil
	}
	path := filepath.Join(dir, ContextFile)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c, nil
	case err != nil:
		return c, fault.Wrap(fault.Invalid, err, "the context file")
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fault.WithHint(fault.Wrap(fault.Invalid, err, path), `it should look like {"server": "https://farm:7410", "tokenFile": "token", "ca": "ca.pem"}`)
	}
	return c, nil
}

func (c Context) fill(given Config, dir string) (Config, error) {
	if given.Server == "" {
		given.Server = c.Server
	}
	if given.Token == "" {
		given.Token = c.Token
	}
	if given.Token == "" && c.TokenFile != "" {
		data, err := os.ReadFile(below(dir, c.TokenFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Config{}, fault.Wrap(fault.Denied, err, "the API token")
		}
		given.Token = strings.TrimSpace(string(data))
	}
	if given.CA == "" && c.CA != "" {
		given.CA = below(dir, c.CA)
	}
	if given.Server == "" {
		return Config{}, fault.WithHint(fault.New(fault.Invalid, "no server is named"),
			"give --server URL or SPILLWAY_SERVER; on the server's machine, set SPILLWAY_DIR to its directory")
	}
	return given, nil
}

func sameServer(a, b string) bool { return strings.TrimRight(a, "/") == strings.TrimRight(b, "/") }

func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
