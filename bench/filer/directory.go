package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/bench/load"
	"github.com/spillway/spillway/nfs"
)

// directory measures listing one huge directory, cold and warm, while another client looks names up in it.
func (o *options) directory(ctx context.Context, f *fleet) error {
	name := fmt.Sprintf("million-%d", o.million)
	if err := makeNames(filepath.Join(f.data, name), o.million); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "A directory of %s entries, READDIRPLUS in 64 KiB pages on one connection.\n\n", thousands(float64(o.million)))
	fmt.Fprintln(o.out, "| server | run | first page | longest page | all | entries/s | memory | longest LOOKUP meanwhile |\n|---|---|---|---|---|---|---|---|")
	for _, s := range f.servers {
		if s.ceiling || s.changes {
			continue
		}
		for _, run := range []string{"cold", "warm"} {
			if err := o.listHuge(ctx, s, name, run); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

func (o *options) listHuge(ctx context.Context, s *server, name, run string) error {
	dir, err := s.look(name)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	worst := make(chan time.Duration, 1)
	failed := make(chan error, 1)
	go func() {
		d, err := s.nag(ctx, dir.Handle, stop)
		worst <- d
		failed <- err
	}()
	l, err := load.List(s.at, dir.Handle, 64<<10, nil)
	close(stop)
	longest := <-worst
	if err := errors.Join(err, <-failed); err != nil {
		return err
	}
	if l.Entries < uint64(o.million) {
		return fmt.Errorf("only %d of %d entries", l.Entries, o.million)
	}
	rss, err := memoryOf(s.pid)
	if err != nil {
		return err
	}
	ms := func(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
	fmt.Fprintf(o.out, "| %s | %s | %s | %s | %s | %s | %d MiB | %s |\n", s.name, run, ms(l.First), ms(l.Longest), ms(l.Took),
		thousands(float64(l.Entries)/l.Took.Seconds()), rss>>20, ms(longest))
	return nil
}

// nag looks up names, one after the other, until told to stop, and returns how long the slowest took.
func (s *server) nag(ctx context.Context, dir nfs.Handle, stop <-chan struct{}) (worst time.Duration, err error) {
	c, err := nfs.Dial(ctx, s.at.String(), nfs.Options{Auth: nfs.Sys("load", 0, 0)})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	pace := time.NewTicker(2 * time.Millisecond) // a client among others, not a load of its own
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return worst, nil
		case <-pace.C:
		}
		begin := time.Now()
		if _, err := c.Lookup(ctx, nil, nfs.LookupArgs{Dir: dir, Name: fmt.Sprintf("n%07d", i%1000)}); err != nil {
			return worst, err
		}
		worst = max(worst, time.Since(begin))
	}
}

// makeNames makes a directory of empty files.
func makeNames(dir string, n int) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	for i := range n {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("n%07d", i)))
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

// memoryOf returns the anonymous memory of a process in bytes.
func memoryOf(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	var kib uint64
	for line := range lines(string(b)) {
		if _, err := fmt.Sscanf(line, "Anonymous: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, errors.New("smaps_rollup says nothing of anonymous memory")
}
