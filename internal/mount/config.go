package mount

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Config says what to mount where. Zero values take the defaults in brackets.
type Config struct {
	Server string // HOST:PORT that answers NFS and MOUNT over TCP
	Path   string // what MNT takes, such as /nas
	Shown  string // what the mount table, which everybody may read, calls it (Server:Path)
	Dir    string // the mount point, absolute; made if missing

	AllowOther bool // lets other users in; always so for root

	Connections  int           // TCP connections to the server (2)
	AttrTimeout  time.Duration // how old attributes may be between opens (1 s)
	EntryTimeout time.Duration // how old names may be (1 s)
	ReadAhead    int           // bytes the kernel reads ahead (1 MiB)
	WriteBuffer  int           // bytes gathered into one WRITE (1 MiB)
	WriteDelay   time.Duration // after which a part of a buffer is sent (50 ms)
	MaxUnstable  int           // bytes of one file sent and not committed (64 MiB)

	// CacheDir, if not empty, keeps copies of whole files on the node's disk, CacheSize bytes at most; see package copies.
	CacheDir  string
	CacheSize int64

	// Soft fails calls that got no answer for so long. 0 is hard: calls wait for ever, also over a restart of the server.
	Soft time.Duration

	Log *slog.Logger

	noPassthrough bool          // for tests: as where the kernel has none
	calm          time.Duration // see passthrough.go (2 s)
	lingering     time.Duration // see Unmount (5 s)
	closing       time.Duration // see isOpen (100 ms)
}

func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Server == "" || c.Path == "":
		return c, fault.New(fault.Invalid, "mount: server and path must be given as HOST:PORT:/path")
	case !filepath.IsAbs(c.Dir):
		return c, fault.New(fault.Invalid, "mount: directory %q is not absolute", c.Dir)
	case c.CacheDir != "" && !filepath.IsAbs(c.CacheDir):
		return c, fault.New(fault.Invalid, "mount: the cache directory %q is not absolute", c.CacheDir)
	case (c.CacheDir == "") != (c.CacheSize == 0):
		return c, fault.New(fault.Invalid, "mount: a cache needs a directory and a size")
	case c.Connections < 0 || c.Connections > 64:
		return c, fault.New(fault.Invalid, "mount: %d connections are not between 1 and 64", c.Connections)
	}
	setDefault(&c.Shown, c.Server+":"+c.Path)
	setDefault(&c.Connections, 2)
	setDefault(&c.AttrTimeout, time.Second)
	setDefault(&c.EntryTimeout, time.Second)
	setDefault(&c.ReadAhead, 1<<20)
	setDefault(&c.WriteBuffer, 1<<20)
	setDefault(&c.WriteDelay, 50*time.Millisecond)
	setDefault(&c.MaxUnstable, 64<<20)
	setDefault(&c.calm, 2*time.Second)
	setDefault(&c.lingering, 5*time.Second)
	setDefault(&c.closing, 100*time.Millisecond)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
