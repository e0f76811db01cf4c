package filer

import (
	"net"
	"path/filepath"
	"strings"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// File is a filer's configuration file. Flags of the command line say the same with less.
type File struct {
	Name      string       `yaml:"name"`
	Site      string       `yaml:"site"`
	Listen    string       `yaml:"listen"`   // HOST:PORT of NFS and MOUNT
	Control   string       `yaml:"control"`  // HOST:PORT of the control service; empty: none
	Metrics   string       `yaml:"metrics"`  // HOST:PORT of Prometheus metrics; empty: none
	Hosts     []string     `yaml:"hosts"`    // names the certificate holds besides this machine's
	CacheDir  string       `yaml:"cacheDir"` // on a local disk
	CacheSize config.Bytes `yaml:"cacheSize"`
	// AllowPlain lets clients mount an export without a session (true unless said otherwise).
	AllowPlain *bool        `yaml:"allowPlain"`
	Locks      LockMode     `yaml:"locks"`
	Server     ServerFile   `yaml:"server"`
	Exports    []ExportFile `yaml:"exports"`
}

// ServerFile says how a filer joins the farm, once.
type ServerFile struct {
	URL       string `yaml:"url"`
	CA        string `yaml:"ca"`        // file with the farm's CA certificate
	TokenFile string `yaml:"tokenFile"` // file with a one-time token
}

// ExportFile is one export.
type ExportFile struct {
	Path      string          `yaml:"path,required"`
	Origin    string          `yaml:"origin,required"` // posix:DIR or nfs:HOST:PORT/path
	Verify    config.Duration `yaml:"verify"`
	Block     config.Bytes    `yaml:"block"`
	ReadAhead *config.Bytes   `yaml:"readAhead"` // 0: none
	// ParentControl is the control service of the filer that the origin is: https://HOST:PORT.
	ParentControl string `yaml:"parentControl"`
}

// ParseExport reads "/path=posix:DIR" or "/path=nfs:HOST:PORT/path".
func ParseExport(s string) (ExportFile, error) {
	at, spec, ok := strings.Cut(s, "=")
	if !ok || at == "" || spec == "" {
		return ExportFile{}, fault.WithHint(fault.New(fault.Invalid, "export %q is not /path=ORIGIN", s),
			"for example /nas=posix:/srv/nas or /nas=nfs:10.0.0.1:2049/nas")
	}
	e := ExportFile{Path: at, Origin: spec}
	_, _, err := e.split()
	return e, err
}

// split returns the kind of origin and where it is.
func (e *ExportFile) split() (kind, where string, err error) {
	kind, where, ok := strings.Cut(e.Origin, ":")
	if !ok || where == "" || kind != "posix" && kind != "nfs" {
		return "", "", fault.WithHint(fault.New(fault.Invalid, "export %s: origin %q is of no kind we know", e.Path, e.Origin),
			"posix:DIR is a folder of this machine, nfs:HOST:PORT/path an export of an NFS server")
	}
	return kind, where, nil
}

// splitNFS cuts HOST:PORT/path.
func splitNFS(where string) (addr, path string, err error) {
	addr, path, ok := strings.Cut(where, "/")
	if _, _, splitErr := net.SplitHostPort(addr); !ok || splitErr != nil {
		return "", "", fault.WithHint(fault.New(fault.Invalid, "origin %q is not HOST:PORT/path", where), "for example nfs:10.0.0.1:2049/nas")
	}
	return addr, "/" + path, nil
}

// check checks what can be checked without opening anything.
func (c *File) check() error {
	if c.Listen == "" {
		return fault.WithHint(fault.New(fault.Invalid, "a filer needs an address to listen on"), "for example --listen 0.0.0.0:2049")
	}
	if err := c.Locks.check(); err != nil {
		return err
	}
	if c.CacheDir == "" {
		return fault.WithHint(fault.New(fault.Invalid, "a filer needs a cache directory"), "give --cache-dir, on a local disk")
	}
	if len(c.Exports) == 0 {
		return fault.WithHint(fault.New(fault.Invalid, "a filer needs an export"), "for example --export /nas=posix:/srv/nas")
	}
	if c.CacheSize < 0 {
		return fault.New(fault.Invalid, "cacheSize is negative")
	}
	for i := range c.Exports {
		e := &c.Exports[i]
		kind, where, err := e.split()
		if err == nil && kind == "nfs" {
			_, _, err = splitNFS(where)
		}
		if err != nil {
			return err
		}
		if e.ParentControl != "" && kind != "nfs" {
			return fault.New(fault.Invalid, "export %s: parentControl is for the nfs export of another filer", e.Path)
		}
	}
	return nil
}

// identityDir holds the filer's certificate.
func (c *File) identityDir() string { return filepath.Join(c.CacheDir, "identity") }

// needsIdentity says whether the filer speaks with other parts of the farm.
func (c *File) needsIdentity() bool {
	if c.Control != "" {
		return true
	}
	for _, e := range c.Exports {
		if e.ParentControl != "" {
			return true
		}
	}
	return false
}

// Remote says whether the origin is an NFS server.
func (e *ExportFile) Remote() bool { return strings.HasPrefix(e.Origin, "nfs:") }
