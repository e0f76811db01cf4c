package kernel

import (
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/test/kernel/rig"
	"github.com/spillway/spillway/test/kernel/wire"
)

// guest is a machine, with what tests do with it.
type guest struct {
	*rig.Guest
}

// network is the one network of the run.
var network = sync.OnceValues(rig.NewNetwork)

// bootGuests boots machines, side by side, and powers them off when the test ends.
func bootGuests(t *testing.T, names ...string) []guest {
	t.Helper()
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	n, err := network()
	if err != nil {
		t.Fatal(err)
	}
	guests, errs := make([]guest, len(names)), make([]error, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() {
			guests[i].Guest, errs[i] = n.Boot(t.Context(), rig.Options{
				Name: name, Memory: 768, Init: p.guest,
				Files: map[string]string{"posix.test": p.posix, "spillway": p.spillway},
			})
		})
	}
	group.Wait()
	t.Cleanup(func() {
		for _, g := range guests {
			if g.Guest != nil {
				if t.Failed() {
					t.Logf("console of %s:\n%s", g.Name, tail(g.Console(), 25))
				}
				g.PowerOff()
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return guests
}

// do runs a program that must succeed, and returns what it printed.
func (g guest) do(t *testing.T, within time.Duration, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	out, err := g.Output(ctx, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, tail(out, 40))
	}
	return out
}

// sh runs a line of busybox's shell that must succeed.
func (g guest) sh(t *testing.T, within time.Duration, line string) string {
	t.Helper()
	return g.do(t, within, "busybox", "sh", "-ec", line)
}

// mount mounts the filer at a port, and unmounts it when the test ends.
func (g guest) mount(t *testing.T, port, dir string, options ...string) {
	t.Helper()
	g.do(t, 2*time.Minute, "busybox", "mkdir", "-p", dir)
	g.do(t, 2*time.Minute, "mount.nfs", rig.Host+":/nas", dir, "-o", rig.MountOptions(port, options...))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := g.Output(ctx, "umount", dir); err != nil {
			t.Errorf("unmount: %v", err)
			_, _ = g.Output(ctx, "umount", "-f", "-l", dir)
		}
	})
}

// background starts a program that runs until the test ends, and waits until it has printed a line.
func (g guest) background(t *testing.T, c wire.Command) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background()) // not the test's, which ends before what is cleaned up is looked at
	said := &firstLine{done: make(chan struct{})}
	ended := make(chan struct{})
	var exit int
	var err error
	go func() {
		defer close(ended)
		exit, err = g.Run(ctx, said, c)
	}()
	t.Cleanup(func() {
		select {
		case <-ended:
			t.Errorf("%s on %s ended by itself: exit status %d, %v:\n%s", strings.Join(c.Args, " "), g.Name, exit, err, tail(said.text.String(), 60))
		default:
		}
		cancel()
		<-ended
	})
	select {
	case <-said.done:
	case <-ended:
		t.FailNow() // the cleanup says why
	case <-time.After(time.Minute):
		t.Fatalf("%s says nothing", strings.Join(c.Args, " "))
	}
}

// firstLine notices the first line of an output.
type firstLine struct {
	text rig.Log
	done chan struct{}
	once sync.Once
}

var _ io.Writer = (*firstLine)(nil)

func (f *firstLine) Write(p []byte) (int, error) {
	if slices.Contains(p, '\n') {
		f.once.Do(func() { close(f.done) })
	}
	return f.text.Write(p)
}
