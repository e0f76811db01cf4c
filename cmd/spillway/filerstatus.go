package main

import (
	"context"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer"
	"github.com/spillway/spillway/internal/filer/overview"
	"github.com/spillway/spillway/internal/textview"
)

// FilerStatusCmd shows what a filer does: on a terminal until it is interrupted, else once.
type FilerStatusCmd struct {
	localFiler
	At    string        `placeholder:"HOST:PORT" help:"The metrics address of a filer on another machine, in place of --cache-dir."`
	Every time.Duration `default:"2s" help:"How long each measurement takes."`
	Once  bool          `help:"Show one measurement, on a terminal too."`
}

// Run measures and shows.
func (c *FilerStatusCmd) Run(ctx context.Context, g *Globals) error {
	if c.Every < 100*time.Millisecond || c.Every > time.Hour {
		return fault.New(fault.Invalid, "--every must be 100ms to 1h")
	}
	fetch, err := c.source()
	if err != nil {
		return err
	}
	before, err := fetch(ctx)
	if err != nil {
		return err
	}
	from := time.Now()
	screen := &textview.Screen{W: g.Out, Size: terminalSize}
	live := g.terminal() && !g.JSON && !c.Once
	tick := time.NewTicker(c.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return screen.Close()
		case <-tick.C:
		}
		after, err := fetch(ctx)
		if ctx.Err() != nil {
			return screen.Close()
		}
		if err != nil {
			_ = screen.Close() // the error is what must be seen
			return err
		}
		to := time.Now()
		view := overview.Between(&before, &after, from, to)
		switch {
		case g.JSON:
			return g.print(view)
		case !live:
			return textview.Filer(g.Out, &view)
		}
		var text strings.Builder
		if err := textview.Filer(&text, &view); err != nil {
			return err
		}
		if err := screen.Show(text.String()); err != nil {
			return err
		}
		before, from = after, to
	}
}

// source says how the status is read.
func (c *FilerStatusCmd) source() (func(context.Context) (filer.Status, error), error) {
	if c.At != "" {
		return func(ctx context.Context) (filer.Status, error) {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			s, err := filer.FetchStatus(ctx, http.DefaultClient, "http://"+c.At+"/status")
			if err != nil {
				err = fault.WithHint(err, "is %s what the filer has as metrics in its configuration?", c.At)
			}
			return s, err
		}, nil
	}
	dir, err := c.dir()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (filer.Status, error) { return filer.LocalStatus(ctx, dir) }, nil
}

// terminalSize returns the terminal's columns and lines; 80 and 24 where it does not say.
func terminalSize() (width, height int) {
	width, height, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		return 80, 24
	}
	return width, height
}
