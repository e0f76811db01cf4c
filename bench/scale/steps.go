package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/bench/load"
	"github.com/spillway/spillway/nfs"
)

const (
	listers = 8 // folders that are listed at once
	// sampled is how many handles of all files are kept, spread evenly, to ask for after a restart.
	sampled   = 400_000
	page      = 64 << 10
	askFor    = 10 * time.Second
	handleLen = 37
)

func (f *filer) sampleFile() string { return filepath.Join(f.dir, fmt.Sprintf("handles-%d", f.files)) }

// each lists the folders from one on to another, several at once, and calls fn for each file.
func (f *filer) each(ctx context.Context, from, to uint64, fn func(h nfs.Handle)) error {
	c, root, err := f.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var next atomic.Uint64
	next.Store(from)
	var all errgroup.Group
	for range listers {
		all.Go(func() error {
			for i := next.Add(1) - 1; i < to && ctx.Err() == nil; i = next.Add(1) - 1 {
				d, err := c.Lookup(ctx, nil, nfs.LookupArgs{Dir: root, Name: fmt.Sprintf("d%09d", i)})
				if err != nil {
					return err
				}
				_, err = load.List(netip.MustParseAddrPort(f.addr), d.Object, page, func(name []byte, h nfs.Handle, _ uint64) {
					if name[0] == 'f' {
						fn(h)
					}
				})
				if err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return all.Wait()
}

// learn has the filer learn all files, unless an earlier run has.
func (f *filer) learn(ctx context.Context) error {
	if _, err := os.Stat(f.sampleFile()); err == nil {
		return nil
	}
	say("listing %d files …", f.files)
	var mu sync.Mutex
	var seen uint64
	var sample []byte
	every := max(f.files/sampled, 1)
	begin := time.Now()
	err := f.each(ctx, 0, f.files/perFolder, func(h nfs.Handle) {
		mu.Lock()
		defer mu.Unlock()
		if seen++; seen%every == 0 {
			sample = append(sample, h.Bytes()...)
		}
	})
	if err != nil {
		return err
	}
	memory, err := f.anonymous()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("%d files listed for the first time, %d folders at once", seen, listers), "%.0f files/s; %d MiB of anonymous memory then",
		float64(seen)/since(begin), memory>>20)
	return os.WriteFile(f.sampleFile(), sample, 0o600)
}

// useHot uses many files again and again.
func (f *filer) useHot(ctx context.Context) error {
	say("using %d files …", f.hot)
	files := make([]load.File, 0, f.hot)
	var mu sync.Mutex
	if err := f.each(ctx, 0, f.hot/perFolder, func(h nfs.Handle) {
		mu.Lock()
		files = append(files, load.File{Handle: h})
		mu.Unlock()
	}); err != nil {
		return err
	}
	plan := load.Plan{Addr: netip.MustParseAddrPort(f.addr), Conns: 2, Depth: 16, For: 2 * askFor}
	if _, err := load.Run(plan, load.Getattr(files)); err != nil {
		return err
	}
	_, before, err := f.inodes(ctx)
	if err != nil {
		return err
	}
	r, err := load.Run(plan, load.Getattr(files))
	if err != nil {
		return err
	}
	n, after, err := f.inodes(ctx)
	if err != nil {
		return err
	}
	memory, err := f.anonymous()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("GETATTR of %d files in turn", len(files)), "%.0f/s; p99 %v; %.4f calls to the storage each; %d inodes in memory; %d MiB of anonymous memory",
		float64(r.Calls)/r.Took.Seconds(), r.P99, float64(after-before)/float64(r.Calls), n, memory>>20)
	return nil
}

// cacheData reads files, so that the cache holds them.
func (f *filer) cacheData(ctx context.Context) error {
	say("reading %d files …", f.cached)
	c, _, err := f.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(64)
	begin := time.Now()
	err = f.each(ctx, 0, f.cached/perFolder, func(h nfs.Handle) {
		readers.Go(func() error {
			res, err := c.Read(ctx, nil, nfs.ReadArgs{File: h, Count: fileSize}, make([]byte, fileSize))
			if err == nil && len(res.Data) != fileSize {
				err = fmt.Errorf("%d of %d bytes", len(res.Data), fileSize)
			}
			return err
		})
	})
	if err := errors.Join(err, readers.Wait()); err != nil {
		return err
	}
	row(fmt.Sprintf("%d files of %d bytes read", f.cached, fileSize), "%.0f files/s", float64(f.cached)/since(begin))
	return nil
}

// restart ends the filer, in order and then not, and measures how soon it answers for a file that it knows.
func (f *filer) restart(ctx context.Context) error {
	files, err := f.sample()
	if err != nil {
		return err
	}
	for _, how := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := f.end(how); err != nil {
			return err
		}
		begin := time.Now()
		if err := f.start(ctx); err != nil {
			return err
		}
		c, _, err := f.client(ctx)
		if err != nil {
			return err
		}
		_, err = c.Getattr(ctx, nil, nfs.GetattrArgs{Object: files[len(files)/2].Handle})
		took := since(begin)
		c.Close()
		if err != nil {
			return err
		}
		row(fmt.Sprintf("first reply after a restart (%v)", how), "%.2f s", took)
	}
	return nil
}

// coldAttributes asks for files that are not in memory.
func (f *filer) coldAttributes(ctx context.Context) error {
	files, err := f.sample()
	if err != nil {
		return err
	}
	_, before, err := f.inodes(ctx)
	if err != nil {
		return err
	}
	r, err := load.Run(load.Plan{Addr: netip.MustParseAddrPort(f.addr), Conns: 1, Depth: 16, For: askFor}, load.Getattr(files))
	if err != nil {
		return err
	}
	if r.Calls > uint64(len(files)) {
		say("some files were asked for twice: only the first time they were cold")
	}
	_, after, err := f.inodes(ctx)
	if err != nil {
		return err
	}
	row("GETATTR of files that are not in memory, 16 in flight", "%.0f/s; p50 %v; p99 %v; %.2f calls to the storage each",
		float64(r.Calls)/r.Took.Seconds(), r.P50, r.P99, float64(after-before)/float64(r.Calls))
	return nil
}

// sample reads the handles that learn has kept.
func (f *filer) sample() ([]load.File, error) {
	b, err := os.ReadFile(f.sampleFile())
	if err != nil {
		return nil, err
	}
	files := make([]load.File, 0, len(b)/handleLen)
	for ; len(b) >= handleLen; b = b[handleLen:] {
		h, err := nfs.NewHandle(b[:handleLen])
		if err != nil {
			return nil, err
		}
		files = append(files, load.File{Handle: h})
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files, nil
}
