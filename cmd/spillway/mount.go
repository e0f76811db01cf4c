package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/mount"
)

// MountCmd shows a filer's export as a FUSE file system until it is told to stop.
type MountCmd struct {
	Source      string        `arg:"" placeholder:"HOST:PORT:/PATH" help:"The filer and the path of its export."`
	Dir         string        `arg:"" type:"path" help:"Mount point; made if missing."`
	Soft        time.Duration `placeholder:"DURATION" help:"Fail calls that get no answer for so long. Without it they wait for ever, also while the filer restarts."`
	Connections int           `default:"2" help:"TCP connections to the filer."`
	Control     string        `type:"path" placeholder:"SOCKET" help:"Unix socket that takes commands: refresh."`
}

// Run mounts, says that it is ready, and unmounts on SIGTERM or SIGINT. It also ends when somebody else unmounts.
func (c *MountCmd) Run(ctx context.Context, g *Globals) error {
	server, path, err := splitSource(c.Source)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	dialing, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	m, err := mount.Mount(dialing, mount.Config{Server: server, Path: path, Dir: dir, Connections: c.Connections, Soft: c.Soft, Log: g.Log})
	if err != nil {
		return err
	}
	if c.Control != "" {
		l, err := mount.ListenControl(c.Control)
		if err != nil {
			return errors.Join(err, m.Unmount())
		}
		defer l.Close()
		go func() {
			if err := m.ServeControl(l); err != nil {
				g.Log.Error("control socket", "err", err)
			}
		}()
	}
	ready, err := json.Marshal(map[string]string{"dir": dir, "server": server})
	if err != nil {
		return errors.Join(err, m.Unmount())
	}
	fmt.Fprintf(g.Out, "ready %s\n", ready)
	select {
	case <-ctx.Done():
		return m.Unmount()
	case <-m.Done():
		return nil
	}
}

// splitSource splits HOST:PORT:/PATH.
func splitSource(source string) (server, path string, err error) {
	i := strings.Index(source, ":/")
	if i <= 0 || !strings.Contains(source[:i], ":") {
		return "", "", fault.WithHint(fault.New(fault.Invalid, "%q does not name an export", source), "write HOST:PORT:/PATH, such as 127.0.0.1:2049:/nas")
	}
	return source[:i], source[i+1:], nil
}
