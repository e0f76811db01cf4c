package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider/process"
)

// farm is the running demo: the parts, in the order in which they were started, and the addresses that tie them together.
//
//	studio                                  │ link │                    cloud
//	server      ◄── serverWAN ──────────────┼──────┼── burst nodes, cloud filer (join, reports)
//	edge NFS    ◄── edgeWAN ────────────────┼──────┼── cloud filer (origin)
//	edge control◄── edgeControlWAN ─────────┼──────┼── cloud filer (flush, revalidate)
//	server ── cloudControlWAN ──────────────┼──────┼─► cloud filer's control (prime, fence, flush)
type farm struct {
	c     Config
	tell  *teller
	parts []*part
	at    addresses
	home  *process.Provider // runs the studio's node
	burst *process.Provider // the server's own provider of the burst pool, seen from outside
	api   *client.Client
	token string // the admin's
	ca    string // path of the farm's CA certificate
}

// addresses are HOST:PORT. They are chosen before anything starts, because the parts name each other.
type addresses struct {
	server, edge, edgeControl, cloud, cloudControl      string
	serverWAN, edgeWAN, edgeControlWAN, cloudControlWAN string
	wanStatus                                           string
}

// choose picks free ports on the loopback interface, of those below 32768, which the kernel gives to no outgoing
// connection: a part that is killed finds its port free when it is started again.
func (a *addresses) choose() error {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	for _, at := range []*string{
		&a.server, &a.edge, &a.edgeControl, &a.cloud, &a.cloudControl,
		&a.serverWAN, &a.edgeWAN, &a.edgeControlWAN, &a.cloudControlWAN, &a.wanStatus,
	} {
		l, err := freePort()
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "find free ports")
		}
		held = append(held, l)
		*at = l.Addr().String()
	}
	return nil
}

func freePort() (l net.Listener, err error) {
	for range 100 {
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000))); err == nil {
			break
		}
	}
	return l, err
}

// start starts a part and remembers it for the stop.
func (f *farm) start(ctx context.Context, name string, args ...string) (*part, error) {
	p, err := startPart(ctx, f.c, name, nil, args...)
	if err != nil {
		return nil, err
	}
	f.parts = append(f.parts, p)
	return p, nil
}

// restart starts a part anew that was killed, with the same arguments and so at the same addresses.
func (f *farm) restart(ctx context.Context, p *part) (*part, error) {
	again, err := startPart(ctx, f.c, p.name, nil, p.args...)
	if err != nil {
		return nil, err
	}
	f.parts[slices.Index(f.parts, p)] = again
	return again, nil
}

// part returns a running part by name.
func (f *farm) part(name string) *part {
	for _, p := range f.parts {
		if p.name == name {
			return p
		}
	}
	return nil
}

// open starts every part of both sites, in the order in which they need each other.
func (f *farm) open(ctx context.Context) error {
	for _, stage := range []func(context.Context) error{f.startServer, f.startLink, f.startEdge, f.startCloud, f.startHome} {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	return nil
}

// close stops every part, what depends on others first, and sweeps up what is left.
func (f *farm) close() error {
	if f.home != nil {
		if err := f.home.Delete(context.Background(), homeNode); err != nil {
			f.c.Log.Warn("the studio's node", "err", err)
		}
	}
	for _, p := range slices.Backward(f.parts) {
		p.stop()
	}
	f.parts = nil
	_, _, err := sweep(f.c.Dir)
	return err
}

func (f *farm) writeConfig(name, text string) (string, error) {
	path := filepath.Join(f.c.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	return path, nil
}

func (f *farm) url(address string) string { return fmt.Sprintf("https://%s", address) }
