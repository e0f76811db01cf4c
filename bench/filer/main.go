// Command filer measures the filer beside nfs-ganesha: one data set, one client, alternating in one run. See
// bench/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/bench/load"
)

// options are what the command line says.
type options struct {
	binary  string
	dir     string
	rounds  int
	seconds float64
	only    *regexp.Regexp
	servers *regexp.Regexp
	million int
	sustain int // GiB
	out     io.Writer
}

func main() {
	var o options
	var only, servers, ceiling string
	var inside bool
	flag.StringVar(&o.binary, "binary", "bin/spillway", "the program to measure")
	flag.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "spillway-bench"), "where data, caches and logs go; the data are used again")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; figures are medians over them")
	flag.Float64Var(&o.seconds, "seconds", 2, "seconds of one measurement")
	flag.StringVar(&only, "only", ".", "workloads whose name matches this expression")
	flag.StringVar(&servers, "servers", ".", "servers whose name matches this expression")
	flag.IntVar(&o.million, "entries", 0, "measure a directory of so many entries instead (1000000)")
	flag.IntVar(&o.sustain, "sustain", 8, "GiB written by the workload sustained, once")
	flag.StringVar(&ceiling, "ceiling", "", "internal: serve this file by sendfile alone")
	flag.BoolVar(&inside, "inside", false, "internal: already in namespaces of its own")
	flag.Parse()
	o.out = os.Stdout
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	var err error
	if o.only, err = regexp.Compile(only); err == nil {
		o.servers, err = regexp.Compile(servers)
	}
	switch {
	case err != nil:
	case ceiling != "":
		err = serveCeiling(ctx, ceiling)
	case os.Geteuid() == 0 && !inside:
		err = enter(ctx)
	default:
		err = o.run(ctx)
	}
	if err != nil {
		stop()
		say("%v", err)
		os.Exit(1)
	}
}

// say tells the person who waits how far things are.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

// serveCeiling is the process that the sendfile ceiling is measured with.
func serveCeiling(ctx context.Context, path string) error {
	l, err := net.Listen("tcp", ceilingAddr)
	if err != nil {
		return err
	}
	return load.Ceiling(ctx, l, path)
}

// run starts the servers, warms and checks them, measures, and prints the table.
func (o *options) run(ctx context.Context) (err error) {
	if os.Geteuid() == 0 {
		if err := settle(); err != nil {
			return err
		}
	}
	for _, p := range []*string{&o.binary, &o.dir} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	if _, err := os.Stat(o.binary); err != nil {
		return fmt.Errorf("%w (make build makes it)", err)
	}
	if err := makeData(o.dir); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(o.dir, "run-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	f := &fleet{dir: scratch, data: filepath.Join(o.dir, "data"), binary: o.binary}
	defer func() { err = errors.Join(err, f.stop()) }()
	if err := f.start(ctx, o.servers); err != nil {
		return err
	}
	if o.million > 0 {
		return o.directory(ctx, f)
	}
	for _, s := range f.servers {
		if err := s.prepare(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	say("prepared: every server has read the data set")
	t := newTable(f.servers)
	for round := range o.rounds {
		for _, w := range workloads(f.data, o.sustain) {
			if !o.only.MatchString(w.name) || w.once && round > 0 {
				continue
			}
			for i := range f.servers { // who begins changes with the round
				s := f.servers[(i+round)%len(f.servers)]
				if !w.measures(s) {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				m, err := measure(s, &w, round, time.Duration(o.seconds*float64(time.Second)))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, s.name, err)
				}
				t.add(&w, s, m)
				say("%d %-12s %-14s %s", round+1, w.name, s.name, m.String(&w))
			}
		}
	}
	t.print(o.out)
	return nil
}
