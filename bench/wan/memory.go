package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// streamPast measures what is left of a working set of half the memory after a client has streamed four times the memory
// past it. The filer's memory, with the page cache that it fills, is bounded by a control group; its disk cache holds half
// as much again.
func streamPast(ctx context.Context, p *place) error {
	const setFile = 4 << 20
	set, err := p.tree("set", int(p.memory/2/setFile), setFile)
	if err != nil {
		return err
	}
	big, err := p.large(4 * p.memory)
	if err == nil {
		err = p.freshCache(ctx, p.memory*3/2, "")
	}
	if err != nil {
		return err
	}
	g, err := newGroup(p.memory, p.cache.cmd.Process.Pid)
	if err != nil {
		return err
	}
	defer func() { _ = g.remove() }() // empty once the filer has ended
	defer func() { _ = p.endCache() }()
	use := func() (disk, origin int64, err error) {
		before, err := p.traffic(ctx)
		if err != nil {
			return 0, 0, err
		}
		from, err := diskReads(p.cache.cmd.Process.Pid)
		if err != nil {
			return 0, 0, err
		}
		if _, err := p.client(ctx, &task{do: "tree", name: set, workers: 4}); err != nil {
			return 0, 0, err
		}
		to, err := diskReads(p.cache.cmd.Process.Pid)
		if err != nil {
			return 0, 0, err
		}
		after, err := p.traffic(ctx)
		return to - from, after.read - before.read, err
	}
	for range 3 {
		if _, _, err := use(); err != nil {
			return err
		}
	}
	was, _, err := use()
	if err != nil {
		return err
	}
	r, err := p.client(ctx, &task{do: "stream", name: big})
	if err != nil {
		return err
	}
	disk, origin, err := use()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("a working set of %s after a stream of %s past a filer with %s of memory", gib(p.memory/2), gib(4*p.memory), gib(p.memory)),
		fmt.Sprintf("%.1f %% of it read from the disk again (%.1f %% just before the stream), %.1f %% from the origin; the stream had %.1f MB/s",
			percent(disk, p.memory/2), percent(was, p.memory/2), percent(origin, p.memory/2), r.rate()/1e6), 0, 0)
	return nil
}

func percent(n, of int64) float64 { return float64(n) / float64(of) * 100 }

// diskReads returns the bytes that a process has had read from disks.
func diskReads(pid int) (n int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "read_bytes: %d", &n); err == nil {
			return n, nil
		}
	}
	return 0, errors.New("no read_bytes")
}

// group is a control group of version 1 or 2 with a bound on memory.
type group struct{ dir string }

// newGroup makes a group and moves a process into it.
func newGroup(limit int64, pid int) (*group, error) {
	base, file := "/sys/fs/cgroup", "memory.max"
	if _, err := os.Stat(filepath.Join(base, "memory")); err == nil {
		base, file = filepath.Join(base, "memory"), "memory.limit_in_bytes"
	}
	g := &group{filepath.Join(base, "spillway-bench")}
	if err := os.Mkdir(g.dir, 0o755); err != nil && !os.IsExist(err) {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(g.dir, file), fmt.Append(nil, limit), 0); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	if err := os.WriteFile(filepath.Join(g.dir, "cgroup.procs"), fmt.Append(nil, pid), 0); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// remove removes the group once its processes have ended.
func (g *group) remove() (err error) {
	for range 50 {
		if err = os.Remove(g.dir); err == nil {
			return nil
		}
		<-time.After(100 * time.Millisecond)
	}
	return err
}
