package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/bench/load"
	"github.com/spillway/spillway/nfs"
)

// sustained writes a new file of so many GiB with a COMMIT for each 64 MiB. Its ceiling is dd with conv=fdatasync.
func sustained(data string, gib int, block []byte) workload {
	const each = 64
	blocks := uint64(gib) << 10
	name := func(s *server) string { return "sustained-" + s.name }
	return workload{
		name: "sustained", what: fmt.Sprintf("WRITE unstable 1 MiB, 4 deep, of a new file of %d GiB, COMMIT each 64 MiB", gib),
		conns: 1, depth: 4, bytes: mib, cold: true, changes: true, once: true, calls: blocks + blocks/each,
		work: func(s *server, _ int) (load.Work, error) {
			f, err := s.create(name(s))
			return load.WriteOn(f, block, each), err
		},
		local: func(time.Duration) (load.Result, error) { return dd(filepath.Join(data, "work", "dd"), blocks) },
		tidy:  func(s *server) error { return s.remove(name(s)) },
	}
}

// dd writes a file of so many MiB.
func dd(path string, blocks uint64) (r load.Result, err error) {
	defer os.Remove(path)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "dd", "if=/dev/zero", "of="+path, "bs=1M", fmt.Sprint("count=", blocks), "conv=fdatasync").CombinedOutput()
	if err != nil {
		return r, fmt.Errorf("dd: %w: %s", err, out)
	}
	r.Calls, r.Sent = blocks, blocks*mib
	return r, nil
}

// syncing is what the disk does under WRITEs that must be durable: 32 threads overwrite blocks of one file, each with a
// sync of its own.
func syncing(data string, block []byte) func(length time.Duration) (load.Result, error) {
	const threads, depth = 2, 16
	return func(length time.Duration) (load.Result, error) {
		f, err := os.OpenFile(filepath.Join(data, "work", windowOf(nameCeiling)), os.O_WRONLY, 0)
		if err != nil {
			return load.Result{}, err
		}
		defer f.Close()
		return load.Local(threads*depth, length, func(thread, n uint64) error {
			at := (thread*(window/threads/depth) + n*uint64(len(block))) % window
			if _, err := f.WriteAt(block, int64(at)); err != nil {
				return err
			}
			return unix.Fdatasync(int(f.Fd()))
		})
	}
}

// fill reads a large file that the filer has nothing of, several blocks at a time, until ctx ends.
func fill(data string) func(ctx context.Context, s *server, round int) (uint64, error) {
	const size, deep = 32 << 30, 4
	return func(ctx context.Context, s *server, round int) (moved uint64, err error) {
		name := fmt.Sprintf("fill-%s-%d", s.name, round)
		path := filepath.Join(data, "work", name)
		if err := errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, size)); err != nil {
			return 0, err
		}
		file, err := s.look("work/" + name)
		if err != nil {
			return 0, err
		}
		var total atomic.Uint64
		err = s.ask(time.Hour, func(_ context.Context, c *nfs.Client) error {
			var wg sync.WaitGroup
			errs := make([]error, deep)
			for i := range uint64(deep) {
				wg.Go(func() {
					buf := make([]byte, mib)
					for at := i * mib; at < size && ctx.Err() == nil && errs[i] == nil; at += deep * mib {
						var res nfs.ReadResult
						res, errs[i] = c.Read(context.Background(), nil, nfs.ReadArgs{File: file.Handle, Offset: at, Count: mib}, buf)
						total.Add(uint64(len(res.Data)))
					}
				})
			}
			wg.Wait()
			return errors.Join(errs...)
		})
		return total.Load(), errors.Join(err, s.remove(name))
	}
}

// create makes an empty file in the folder for work.
func (s *server) create(name string) (f load.File, err error) {
	err = s.ask(20*time.Second, func(ctx context.Context, c *nfs.Client) error {
		mode := nfs.SetAttr{Mode: nfs.SetUint32{Set: true, Value: 0o644}}
		res, err := c.Create(ctx, nil, nfs.CreateArgs{Dir: s.files.work.Handle, Name: name, Attr: mode})
		if err == nil && !res.Object.Present {
			err = errors.New("CREATE gave no handle")
		}
		f = load.File{Name: name, Handle: res.Object.Handle}
		return err
	})
	return f, err
}

func (s *server) remove(name string) error {
	return s.ask(time.Minute, func(ctx context.Context, c *nfs.Client) error {
		_, err := c.Remove(ctx, nil, nfs.RemoveArgs{Dir: s.files.work.Handle, Name: name})
		return err
	})
}
