package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server"
	"github.com/spillway/spillway/internal/store/sqlite"
	"github.com/spillway/spillway/web"
)

// ServerCmd runs the control plane.
type ServerCmd struct {
	Config string `type:"path" placeholder:"FILE" help:"Configuration file (YAML)."`
	Dir    string `type:"path" placeholder:"DIR" help:"The server's own directory: database, CA, logs. Overrides the configuration."`
	Listen string `placeholder:"HOST:PORT" help:"Where to serve agents, the API and the web page. Overrides the configuration."`
	Direct string `type:"path" placeholder:"DIR" help:"Without a configuration: a folder that every node at site 'studio' sees under the same path."`
}

// Run serves until it is told to stop.
func (c *ServerCmd) Run(ctx context.Context, g *Globals) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	cfg.Version, cfg.Commit, cfg.Web, cfg.Log = version, revision(), web.FS(), g.Log
	lock, err := server.Lock(cfg.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		err = fault.Wrap(fault.Unavailable, err, "can't listen on "+cfg.Listen)
		if errors.Is(err, syscall.EADDRINUSE) {
			return fault.WithHint(err, "another program has the port: stop it, or choose another one with --listen")
		}
		return err
	}
	st, err := sqlite.Open(ctx, filepath.Join(cfg.Dir, "farm.db"))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer st.Close()
	s, err := server.New(cfg, st)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener) }()
	select {
	case <-s.Ready():
		// With it, SPILLWAY_DIR is all the command line needs on this machine.
		here := client.Context{Server: s.URL(), TokenFile: s.TokenFile(), CA: s.CAFile()}
		if err := here.Save(s.Dir()); err != nil {
			g.Log.Warn("the context file was not written", "error", err)
		}
		line, _ := json.Marshal(map[string]string{ // texts: can't fail
			"listen": listener.Addr().String(), "url": s.URL(), "ca": s.CAFile(), "token": s.TokenFile(), "dir": s.Dir(),
		})
		fmt.Fprintf(g.Out, "ready %s\n", line)
		return <-ended
	case err := <-ended:
		return err
	}
}

// config puts file and flags together.
func (c *ServerCmd) config() (server.Config, error) {
	var cfg server.Config
	if c.Config != "" {
		var err error
		if cfg, err = server.LoadConfig(c.Config); err != nil {
			return cfg, err
		}
	}
	if c.Dir != "" {
		cfg.Dir = c.Dir
	}
	if c.Listen != "" {
		cfg.Listen = c.Listen
	}
	if c.Direct != "" {
		if c.Config != "" {
			return cfg, fault.New(fault.Invalid, "--direct is for a server without a configuration file")
		}
		cfg.Storage = []server.Storage{server.DirectStorage("nas", "studio", c.Direct)}
	}
	if cfg.Dir == "" {
		return cfg, fault.WithHint(fault.New(fault.Invalid, "the server needs a directory"), "give it with --dir, or as dir: in the configuration")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	cfg.Dir = dir
	return cfg.WithDefaults(), fault.Wrap(fault.Invalid, err, "the server's directory")
}
