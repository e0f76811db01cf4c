package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer"
)

// FilerCmd runs a filer, or speaks with one that runs on this machine.
type FilerCmd struct {
	Serve  FilerRunCmd    `cmd:"" name:"run" default:"withargs" help:"Run a filer (what \"spillway filer\" alone does)."`
	Status FilerStatusCmd `cmd:"" help:"Show what a filer does, live."`
	Prime  FilerPrimeCmd  `cmd:"" help:"Load files ahead of time: priming jobs of the filer on this machine."`
	Flush  FilerFlushCmd  `cmd:"" help:"Land what has not landed, at once: everything, an export, a folder or a file."`
	Dirty  FilerDirtyCmd  `cmd:"" help:"Files that have not landed at the storage: list them, end what cannot land."`
}

// FilerRunCmd runs a filer. What the flags say goes before what the file says.
type FilerRunCmd struct {
	Config        string       `type:"path" placeholder:"FILE" help:"Configuration file (YAML)."`
	Name          string       `help:"The filer's name in the farm."`
	Listen        string       `placeholder:"HOST:PORT" help:"Where NFS and MOUNT answer."`
	Control       string       `placeholder:"HOST:PORT" help:"Where the control service answers."`
	Metrics       string       `placeholder:"HOST:PORT" help:"Where Prometheus metrics and a JSON status answer, without authentication."`
	CacheDir      string       `type:"path" placeholder:"DIR" help:"Cache and state, on a local disk."`
	CacheSize     config.Bytes `placeholder:"SIZE" help:"File data to keep (10GiB)."`
	Export        []string     `placeholder:"/PATH=ORIGIN" sep:"none" help:"An export: /path=posix:DIR, /path=nfs:HOST:PORT/path, /path=s3:BUCKET/prefix or /path=azblob:CONTAINER/prefix. May be repeated."`
	ParentControl string       `placeholder:"URL" help:"Control service of the filer that the nfs exports come from."`
	Locks         string       `placeholder:"MODE" help:"Locks of NFS clients: auto (port 111 is used if NFS answers on 2049), on, or off."`
	TokenFile     string       `type:"path" placeholder:"FILE" help:"File with a one-time join token; needed until the filer has joined."`
}

// Run serves until it is told to stop.
func (c *FilerRunCmd) Run(ctx context.Context, g *Globals) error {
	file, err := c.read(g)
	if err != nil {
		return err
	}
	return filer.Run(ctx, file, version, g.Log, func(at filer.Addresses) {
		line, _ := json.Marshal(at)
		fmt.Fprintf(g.Out, "ready %s\n", line)
	}, c.reloads(ctx, g))
}

// read returns the configuration that file and flags make.
func (c *FilerRunCmd) read(g *Globals) (file filer.File, err error) {
	if c.Config != "" {
		data, err := os.ReadFile(c.Config)
		if err != nil {
			return file, fault.Wrap(fault.Invalid, err, "configuration")
		}
		if err := config.Decode(c.Config, data, &file); err != nil {
			return file, err
		}
	}
	return file, c.merge(&file, g)
}

// reloads reads the configuration again at each SIGHUP. One with a mistake is reported and changes nothing.
func (c *FilerRunCmd) reloads(ctx context.Context, g *Globals) <-chan filer.File {
	signals, files := make(chan os.Signal, 1), make(chan filer.File)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			file, err := c.read(g)
			if err != nil {
				g.Log.Error("the configuration has a mistake and was not loaded again", "error", err)
				continue
			}
			select {
			case files <- file:
			case <-ctx.Done():
				return
			}
		}
	}()
	return files
}

func (c *FilerRunCmd) merge(file *filer.File, g *Globals) error {
	for _, set := range []struct {
		from string
		to   *string
	}{
		{c.Name, &file.Name}, {c.Listen, &file.Listen}, {c.Control, &file.Control}, {c.Metrics, &file.Metrics},
		{c.CacheDir, &file.CacheDir}, {c.TokenFile, &file.Server.TokenFile}, {g.Server, &file.Server.URL}, {g.CA, &file.Server.CA},
	} {
		if set.from != "" {
			*set.to = set.from
		}
	}
	if c.Locks != "" {
		file.Locks = filer.LockMode(c.Locks)
	}
	if c.CacheSize != 0 {
		file.CacheSize = c.CacheSize
	}
	for _, s := range c.Export {
		e, err := filer.ParseExport(s)
		if err != nil {
			return err
		}
		file.Exports = append(file.Exports, e)
	}
	if c.ParentControl != "" {
		for i := range file.Exports {
			if file.Exports[i].ParentControl == "" && file.Exports[i].Remote() {
				file.Exports[i].ParentControl = c.ParentControl
			}
		}
	}
	return nil
}
