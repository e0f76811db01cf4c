package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spillway/spillway/test/kernel/wire"
)

// Run runs a program in the guest, copies what it prints to out, and returns its exit status. When ctx ends the program
// is killed.
func (g *Guest) Run(ctx context.Context, out io.Writer, c wire.Command) (int, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", g.at())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", g.Name, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(c); err != nil {
		return 0, fmt.Errorf("%s: %w", g.Name, err)
	}
	for events := json.NewDecoder(conn); ; {
		var e wire.Event
		if err := events.Decode(&e); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return 0, fmt.Errorf("%s: %s: %w", g.Name, strings.Join(c.Args, " "), err)
		}
		switch {
		case e.Exit != nil:
			return *e.Exit, nil
		case e.Failed != "":
			return 0, fmt.Errorf("%s: %s: %w", g.Name, strings.Join(c.Args, " "), errors.New(e.Failed))
		}
		if _, err := out.Write(e.Output); err != nil {
			return 0, err
		}
	}
}

// Output runs a program that must succeed, and returns what it printed.
func (g *Guest) Output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	exit, err := g.Run(ctx, &out, wire.Command{Args: args})
	if err == nil && exit != 0 {
		err = fmt.Errorf("%s: %s: exit status %d: %s", g.Name, strings.Join(args, " "), exit, out.String())
	}
	return out.String(), err
}

// MountOptions are those with which a kernel mounts an export of ours: the filer answers NFS and MOUNT on one port. Of
// two options that contradict each other the later one counts.
func MountOptions(port string, more ...string) string {
	return strings.Join(append([]string{"vers=3,proto=tcp,mountproto=tcp,port=" + port + ",mountport=" + port + ",nolock,hard"}, more...), ",")
}
