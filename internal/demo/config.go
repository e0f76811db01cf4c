package demo

import (
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Config says what to make and where.
type Config struct {
	Binary string // path of the spillway binary that plays every part
	Dir    string // work directory, absolute; made if missing, its earlier demo removed

	Frames    int
	Width     int // pixels
	Height    int // pixels
	Samples   int // a pixel
	Megabytes int // of textures and plates, about
	Seed      int

	RTT       time.Duration // of the WAN
	Bandwidth string        // of the WAN, each direction, such as "200Mbit/s"
	BurstMax  int           // nodes
	Price     float64       // of a burst node, per hour

	Keep  bool // leave the farm running
	Chaos bool // kill a burst node in mid-write and the cloud filer once

	Out  io.Writer // what people read
	JSON bool      // print the result as JSON instead
	Log  *slog.Logger
}

// Tightness is the deadline's share of what the work would take at home: home alone cannot meet it.
const Tightness = 0.65

func (c Config) validate() error {
	switch {
	case c.Frames < 1 || c.Frames > 9999:
		return fault.New(fault.Invalid, "frames: %d is not between 1 and 9999", c.Frames)
	case c.Width < 16 || c.Height < 16 || c.Width > 8192 || c.Height > 8192:
		return fault.New(fault.Invalid, "size: %dx%d is not between 16x16 and 8192x8192", c.Width, c.Height)
	case c.Width%2 != 0 || c.Height%2 != 0:
		return fault.New(fault.Invalid, "size: %dx%d: the movie needs even numbers", c.Width, c.Height)
	case c.Samples < 1:
		return fault.New(fault.Invalid, "samples: %d is less than 1", c.Samples)
	case c.Megabytes < 1 || c.Megabytes > 4096:
		return fault.New(fault.Invalid, "assets: %d MB is not between 1 and 4096", c.Megabytes)
	case c.BurstMax < 0 || c.BurstMax > 16:
		return fault.New(fault.Invalid, "burst nodes: %d is not between 0 and 16", c.BurstMax)
	case c.Chaos && c.BurstMax < 1:
		return fault.New(fault.Invalid, "chaos kills a burst node, and none is allowed")
	case !filepath.IsAbs(c.Dir):
		return fault.New(fault.Invalid, "work directory %q is not absolute", c.Dir)
	}
	return nil
}

// The places of the demo, below Config.Dir.
func (c Config) nas() string       { return filepath.Join(c.Dir, "nas") }
func (c Config) project() string   { return filepath.Join(c.nas(), "projects", "weir") }
func (c Config) scene() string     { return filepath.Join(c.project(), "shots", "weir", "weir.blend") }
func (c Config) outDir() string    { return filepath.Join(c.project(), "render", "weir") }
func (c Config) logs() string      { return filepath.Join(c.Dir, "logs") }
func (c Config) reference() string { return filepath.Join(c.Dir, "reference") }
func (c Config) serverDir() string { return filepath.Join(c.Dir, "server") }
func (c Config) part(name string) string {
	return filepath.Join(c.Dir, name)
}
