package agent

import (
	"net/url"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/fault"
)

// MountKind says how storage is mounted.
type MountKind string

// The kinds.
const (
	MountAuto   MountKind = "auto"   // the kernel's NFS client if it is there and we are root, else FUSE
	MountKernel MountKind = "kernel" // mount -t nfs
	MountFUSE   MountKind = "fuse"   // spillway mount
)

// Config is what an agent is started with.
type Config struct {
	Server        string // the server's base URL, https
	Dir           string // the node's own directory, on a local disk
	Name          string // the node's name; unique in the farm
	Site          string
	Pool          string // empty: not elastic
	Instance      string // the provider's name of this machine
	Token         string // one-time join token; needed until the node has joined
	CA            []byte // the farm's CA, PEM; needed until the node has joined
	VCPUs         float64
	MemoryMiB     uint64
	CPUs          process.CPUList // keep to these; empty: all
	Mount         MountKind
	MountCache    int64 // bytes of files that FUSE mounts keep on the node's disk; 0: none
	StopWithAgent bool
	Metadata      string // URL of Azure's instance metadata service, which says when the machine is taken away; empty: nobody says
	Version       string
	LogCap        int64 // bytes of one attempt's log; 0: the default

	// Command starts this program: its path and leading arguments. "supervise", "node-helper" and "mount" are appended.
	Command []string
	// StorageTimeout is how long a mount may fail to answer before the attempts that use it are given up; 0: a minute.
	StorageTimeout time.Duration
	// Ready, if not nil, is called once, when the server has welcomed the node.
	Ready func() `json:"-"`
}

const defaultStorageTimeout = time.Minute

// Validate reports what is missing or wrong, and fills in defaults. Errors are fault.Invalid.
func (c *Config) Validate() error {
	u, err := url.Parse(c.Server)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return fault.WithHint(fault.New(fault.Invalid, "%q is no server's URL", c.Server), "it looks like https://farm:7410")
	}
	switch {
	case c.Dir == "":
		return fault.New(fault.Invalid, "the agent needs a directory of its own")
	case c.Name == "" || c.Site == "":
		return fault.New(fault.Invalid, "the agent needs a node name and a site")
	case !validName(c.Name):
		return fault.New(fault.Invalid, "%q cannot be a node's name", c.Name)
	case c.MountCache < 0:
		return fault.New(fault.Invalid, "the mounts cannot keep %d bytes", c.MountCache)
	case c.VCPUs <= 0:
		return fault.New(fault.Invalid, "a node needs more than %v vcpus", c.VCPUs)
	case len(c.Command) == 0:
		return fault.New(fault.Internal, "the agent does not know its own program")
	}
	switch c.Mount {
	case "":
		c.Mount = MountAuto
	case MountAuto, MountKernel, MountFUSE:
	default:
		return fault.WithHint(fault.New(fault.Invalid, "unknown kind of mount %q", c.Mount), "kinds are auto, kernel and fuse")
	}
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return fault.Wrap(fault.Invalid, err, "the agent's directory")
	}
	if c.StorageTimeout <= 0 {
		c.StorageTimeout = defaultStorageTimeout
	}
	return nil
}

// validName reports whether a name or id from the server can stand as a file's name.
func validName(s string) bool {
	if s == "" || len(s) > 128 || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}
