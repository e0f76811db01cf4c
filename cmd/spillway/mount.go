package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/mount"
)

// MountCmd shows a filer's export as a FUSE file system until it is told to stop.
type MountCmd struct {
	Source      string        `arg:"" placeholder:"HOST:PORT:/PATH" help:"The filer and the path of its export; - reads it from standard input, for a session's secret path, which no process list or mount table then shows."`
	Dir         string        `arg:"" type:"path" help:"Mount point; made if missing."`
	Soft        time.Duration `placeholder:"DURATION" help:"Fail calls that get no answer for so long. Without it they wait for ever, also while the filer restarts."`
	Connections int           `default:"2" help:"TCP connections to the filer."`
	CacheDir    string        `type:"path" placeholder:"DIR" help:"Keep whole files that are read on this node's disk; the directory may be shared by mounts of one user."`
	CacheSize   config.Bytes  `default:"10GiB" help:"How much the cache directory may hold."`
	AttrTimeout time.Duration `default:"1s" help:"How old names and attributes may be between opens."`
	AllowOther  bool          `help:"Let other users in. Root's mounts always do; for others /etc/fuse.conf must say user_allow_other."`
	Control     string        `type:"path" placeholder:"SOCKET" help:"Unix socket that takes commands: refresh."`
}

// Run mounts, says that it is ready, and unmounts on SIGTERM or SIGINT. It also ends when somebody else unmounts.
func (c *MountCmd) Run(ctx context.Context, g *Globals) error {
	server, path, shown, err := c.source()
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	dialing, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	options := mount.Config{
		Server: server, Path: path, Shown: shown, Dir: dir, AllowOther: c.AllowOther, Connections: c.Connections, Soft: c.Soft,
		AttrTimeout: c.AttrTimeout, EntryTimeout: c.AttrTimeout, Log: g.Log,
	}
	if c.CacheDir != "" {
		options.CacheDir, options.CacheSize = c.CacheDir, int64(c.CacheSize)
	}
	m, err := mount.Mount(dialing, options)
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

// source returns the filer, the path, and what the mount table shows.
func (c *MountCmd) source() (server, path, shown string, err error) {
	if c.Source != "-" {
		server, path, err = splitSource(c.Source)
		return server, path, c.Source, err
	}
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", "", fault.Wrap(fault.Invalid, err, "read the export's name")
	}
	server, path, err = splitSource(strings.TrimSuffix(line, "\n"))
	if err != nil {
		err = fault.New(fault.Invalid, "standard input does not name an export as HOST:PORT:/PATH")
	}
	return server, path, server, err
}

// splitSource splits HOST:PORT:/PATH.
func splitSource(source string) (server, path string, err error) {
	i := strings.Index(source, ":/")
	if i <= 0 || !strings.Contains(source[:i], ":") {
		return "", "", fault.WithHint(fault.New(fault.Invalid, "%q does not name an export", source), "write HOST:PORT:/PATH, such as 127.0.0.1:2049:/nas")
	}
	return source[:i], source[i+1:], nil
}
