package filer

import (
	"maps"
	"net"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
	AllowPlain *bool                   `yaml:"allowPlain"`
	Policies   map[string][]PolicyRule `yaml:"policies"` // export policies by name
	Locks      LockMode                `yaml:"locks"`
	Groups     *GroupFiles             `yaml:"groups"` // more than 16 groups a user
	Server     ServerFile              `yaml:"server"`
	Exports    []ExportFile            `yaml:"exports"`
}

// ServerFile says how a filer joins the farm, once.
type ServerFile struct {
	URL       string `yaml:"url"`
	CA        string `yaml:"ca"`        // file with the farm's CA certificate
	TokenFile string `yaml:"tokenFile"` // file with a one-time token
}

// ExportFile is one export.
type ExportFile struct {
	Path       string `yaml:"path,required"`
	Origin     string `yaml:"origin,required"` // posix:DIR, nfs:HOST:PORT/path, s3:BUCKET/prefix or azblob:CONTAINER/prefix
	TargetPath string `yaml:"targetPath"`      // the folder of the origin to show
	Policy     string `yaml:"policy"`          // one of File.Policies; "": default, if there is one
	// OwnFileSystem says that an origin below another one is a file system of its own, not a folder of that one.
	OwnFileSystem bool `yaml:"ownFileSystem"`
	// UsageModel is how the storage is cached, by Azure's name; "": as READ_ONLY.
	UsageModel        string `yaml:"usageModel"`
	VerificationTimer Timer  `yaml:"verificationTimer"` // in place of the model's
	WriteBackTimer    Timer  `yaml:"writeBackTimer"`    // in place of the model's
	// Verify is VerificationTimer in our own spelling.
	Verify config.Duration `yaml:"verify"`
	// LocalDirectories lets a model that writes back do so with names too: what clients make is acknowledged here.
	LocalDirectories bool `yaml:"localDirectories"`

	Block     config.Bytes  `yaml:"block"`
	ReadAhead *config.Bytes `yaml:"readAhead"` // 0: none
	// Outage is how long what is cached is served on while the storage does not answer; 0: not at all.
	Outage *config.Duration `yaml:"outage"`
	// ParentControl is the control service of the filer that the origin is: https://HOST:PORT.
	ParentControl string `yaml:"parentControl"`
	// S3, AzBlob and ObjectDefaults are for buckets.
	S3             *S3File         `yaml:"s3"`
	AzBlob         *AzBlobFile     `yaml:"azblob"`
	ObjectDefaults *ObjectDefaults `yaml:"objectDefaults"`
}

// ParseExport reads "/path=ORIGIN", such as "/nas=posix:/srv/nas".
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
	if !ok || where == "" || !slices.Contains([]string{"posix", "nfs", "s3", "azblob"}, kind) {
		return "", "", fault.WithHint(fault.New(fault.Invalid, "export %s: origin %q is of no kind we know", e.Path, e.Origin),
			"posix:DIR is a folder of this machine, nfs:HOST:PORT/path an export of an NFS server, s3:BUCKET/prefix a bucket, azblob:CONTAINER/prefix one in Azure")
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
		if err := c.Exports[i].Validate(); err != nil {
			return err
		}
	}
	return c.Validate()
}

// Validate checks an export by itself.
func (e *ExportFile) Validate() error {
	kind, where, err := e.split()
	if err == nil && kind == "nfs" {
		_, _, err = splitNFS(where)
	}
	if err != nil {
		return config.At("origin", err)
	}
	if key, err := e.checkObjectStore(kind, where); err != nil {
		return config.At(key, err)
	}
	if err := checkPath(e.Path); err != nil {
		return config.At("path", err)
	}
	if e.TargetPath != "" && (!strings.HasPrefix(e.TargetPath, "/") || path.Clean(e.TargetPath) != e.TargetPath) {
		return config.At("targetPath", fault.New(fault.Invalid, "%q must be absolute and clean, such as /shows", e.TargetPath))
	}
	if _, _, key, err := e.timers(); err != nil {
		return config.At(key, err)
	}
	if e.LocalDirectories && (kind != "nfs" || e.writeBackDelay() == 0) {
		return config.At("localDirectories", fault.WithHint(fault.New(fault.Invalid, "export %s: names are written back to NFS servers only, under a usage model that writes back", e.Path),
			"take the key away, or give usageModel: READ_WRITE"))
	}
	if e.ParentControl != "" && kind != "nfs" {
		return config.At("parentControl", fault.New(fault.Invalid, "export %s: parentControl is for the nfs export of another filer", e.Path))
	}
	return nil
}

// timers returns the verification and write-back times that the model and what stands in place of it come to; 0 and 0
// say nothing. key is where a mistake is.
func (e *ExportFile) timers() (verify, writeBack time.Duration, key string, err error) {
	var m UsageModel
	if e.UsageModel != "" {
		if m, err = ParseUsageModel(e.UsageModel); err != nil {
			return 0, 0, "usageModel", err
		}
	}
	if e.WriteBackTimer != 0 && m.WriteBack > 0 {
		m.WriteBack = time.Duration(e.WriteBackTimer)
	}
	switch {
	case e.WriteBackTimer != 0 && m.WriteBack == 0:
		return 0, 0, "writeBackTimer", fault.New(fault.Invalid, "the usage model writes through: there is nothing to write back later")
	case e.Verify != 0 && e.VerificationTimer != 0:
		return 0, 0, "verify", fault.New(fault.Invalid, "verify and verificationTimer are one thing: say one of them")
	case e.VerificationTimer != 0:
		m.Verify = time.Duration(e.VerificationTimer)
	case e.Verify != 0:
		m.Verify = time.Duration(e.Verify)
	}
	return m.Verify, m.WriteBack, "", nil
}

// writeBackDelay is what timers says of writing back; 0 after a mistake.
func (e *ExportFile) writeBackDelay() time.Duration {
	_, writeBack, _, _ := e.timers()
	return writeBack
}

// Validate checks how the parts fit together.
func (c *File) Validate() error {
	for name, rules := range c.Policies {
		if i := secondDefault(rules); i >= 0 {
			return config.At("policies", config.At(name, config.At(strconv.Itoa(i), fault.New(fault.Invalid, "a policy has one default rule"))))
		}
	}
	for i := range c.Exports {
		if key, err := c.checkExport(i); err != nil {
			return config.At("exports", config.At(strconv.Itoa(i), config.At(key, err)))
		}
	}
	return nil
}

// checkExport compares an export with the policies and the exports before it. key is where the mistake is.
func (c *File) checkExport(i int) (key string, err error) {
	e := &c.Exports[i]
	if _, ok := c.Policies[e.Policy]; !ok && e.Policy != "" {
		names := slices.Sorted(maps.Keys(c.Policies))
		return "policy", fault.New(fault.Invalid, "there is no policy %q (there is: %s)", e.Policy, strings.Join(names, ", "))
	}
	for j := range c.Exports[:i] {
		other := &c.Exports[j]
		switch {
		case other.Path == e.Path:
			return "path", fault.New(fault.Invalid, "export %s is there twice", e.Path)
		case other.target() == e.target():
			if key := e.settingsBeside(other); key != "" {
				return key, fault.New(fault.Invalid, "%s shows the same storage as %s: say it there, for both", e.Path, other.Path)
			}
		case overlap(e, other):
			return "origin", fault.New(fault.Invalid, "%s and %s overlap, and a file reached through both would be cached twice: "+
				"give both the outer one as origin, with targetPath, or say ownFileSystem: true if they are two file systems", other.Origin, e.Origin)
		}
	}
	return "", nil
}

// settingsBeside names a key that says something about the storage that an export of it before this one has not said.
func (e *ExportFile) settingsBeside(first *ExportFile) string {
	switch {
	case e.UsageModel != "" && e.UsageModel != first.UsageModel:
		return "usageModel"
	case e.VerificationTimer != 0 && e.VerificationTimer != first.VerificationTimer:
		return "verificationTimer"
	case e.WriteBackTimer != 0 && e.WriteBackTimer != first.WriteBackTimer:
		return "writeBackTimer"
	case e.LocalDirectories && !first.LocalDirectories:
		return "localDirectories"
	case e.Verify != 0 && e.Verify != first.Verify:
		return "verify"
	case e.Block != 0 && e.Block != first.Block:
		return "block"
	case e.ReadAhead != nil && (first.ReadAhead == nil || *e.ReadAhead != *first.ReadAhead):
		return "readAhead"
	case e.Outage != nil && (first.Outage == nil || *e.Outage != *first.Outage):
		return "outage"
	case e.ParentControl != "" && e.ParentControl != first.ParentControl:
		return "parentControl"
	case e.S3 != nil && !equal(e.S3, first.S3):
		return "s3"
	case e.AzBlob != nil && !equal(e.AzBlob, first.AzBlob):
		return "azblob"
	case e.ObjectDefaults != nil && (first.ObjectDefaults == nil || *e.ObjectDefaults != *first.ObjectDefaults):
		return "objectDefaults"
	}
	return ""
}

// overlap says whether one origin lies within the other. Folders of this machine are never cached, so they may.
func overlap(a, b *ExportFile) bool {
	if a.OwnFileSystem || b.OwnFileSystem || a.local() || b.local() || a.endpoint() != b.endpoint() {
		return false
	}
	x, y := strings.TrimSuffix(a.Origin, "/")+"/", strings.TrimSuffix(b.Origin, "/")+"/"
	return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}

func secondDefault(rules []PolicyRule) int {
	seen := false
	for i := range rules {
		if rules[i].Scope == scopeDefault {
			if seen {
				return i
			}
			seen = true
		}
	}
	return -1
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

func (e *ExportFile) local() bool { return strings.HasPrefix(e.Origin, "posix:") }

// Remote says whether the origin is an NFS server.
func (e *ExportFile) Remote() bool { return strings.HasPrefix(e.Origin, "nfs:") }
