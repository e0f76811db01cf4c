package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/demo"
	"github.com/spillway/spillway/internal/fault"
)

// DemoCmd renders a real shot on a small hybrid farm on this machine.
type DemoCmd struct {
	Dir       string        `default:"demo" type:"path" help:"Work directory. An earlier demo in it is removed."`
	Chaos     bool          `help:"Kill a burst node in the middle of a frame, and the cloud filer once."`
	Keep      bool          `help:"Leave the farm running, with its web page."`
	Stop      bool          `help:"Stop what --keep left running in the work directory."`
	Frames    int           `default:"24" help:"Frames of the shot."`
	Size      string        `default:"480x270" placeholder:"WxH" help:"Of a frame, in pixels."`
	Samples   int           `default:"16" help:"Of a pixel."`
	Megabytes int           `name:"assets" default:"100" placeholder:"MB" help:"Textures and plates, about."`
	Seed      int           `default:"7" help:"The same seed makes the same shot."`
	RTT       time.Duration `name:"rtt" default:"60ms" help:"Round trip of the emulated WAN."`
	Bandwidth config.Rate   `default:"200Mbit/s" help:"Of the emulated WAN, each way."`
	BurstMax  int           `default:"2" help:"Rented nodes at most."`
	Price     float64       `default:"0.40" help:"Of a rented node, per hour."`
}

// Run makes the farm, renders, proves and prints the result.
func (c *DemoCmd) Run(ctx context.Context, g *Globals) error {
	dc, err := c.config(g)
	if err != nil {
		return err
	}
	if c.Stop {
		return demo.Stop(dc)
	}
	result, err := demo.Run(ctx, dc)
	if result == nil {
		return err
	}
	if g.JSON {
		if jerr := json.NewEncoder(g.Out).Encode(result); jerr != nil {
			return jerr
		}
		return err
	}
	result.Print(g.Out)
	return err
}

func (c *DemoCmd) config(g *Globals) (demo.Config, error) {
	w, h, ok := strings.Cut(c.Size, "x")
	width, werr := strconv.Atoi(w)
	height, herr := strconv.Atoi(h)
	if !ok || werr != nil || herr != nil {
		return demo.Config{}, fault.WithHint(fault.New(fault.Invalid, "%q is not a size", c.Size), "write WIDTHxHEIGHT, such as 480x270")
	}
	binary, err := os.Executable()
	if err != nil {
		return demo.Config{}, err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return demo.Config{}, err
	}
	told := g.Out
	if g.JSON {
		told = g.Err
	}
	return demo.Config{
		Binary: binary, Dir: dir, Frames: c.Frames, Width: width, Height: height, Samples: c.Samples, Megabytes: c.Megabytes,
		Seed: c.Seed, RTT: c.RTT, Bandwidth: c.Bandwidth.String(), BurstMax: c.BurstMax, Price: c.Price,
		Keep: c.Keep, Chaos: c.Chaos, Out: told, Log: g.Log,
	}, nil
}
