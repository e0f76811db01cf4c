// Command mount measures `spillway mount`: reading files that are cached on the node against reading the same files locally,
// alternating in one run, and walking a tree. It starts a filer over a folder of its own and mounts it, as root. See
// bench/README.md.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

func main() {
	b := bench{}
	flag.StringVar(&b.binary, "binary", "bin/spillway", "the program to measure")
	flag.IntVar(&b.rounds, "rounds", 7, "rounds; figures are medians over them")
	flag.Int64Var(&b.size, "size", 512, "MiB of the large file")
	flag.IntVar(&b.files, "files", 10_000, "files of the tree that is walked")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	binary string
	rounds int
	size   int64
	files  int

	dir   string
	mount *process
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "bench-mount"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.makeData(); err != nil {
		return err
	}
	filer, ready, err := start(ctx, b.binary, "filer", "--listen", "127.0.0.1:0", "--cache-dir", b.at("filer"), "--export", "/nas=posix:"+b.at("nas"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, filer.stop()) }()
	b.mount, _, err = start(ctx, b.binary, "mount", "--cache-dir", b.at("node"), "--cache-size", fmt.Sprint(b.size<<22),
		"--control", b.at("control"), ready["listen"]+":/nas", b.at("mnt"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.mount.stop()) }()
	if err := b.reading(ctx); err != nil {
		return err
	}
	return b.walking(ctx)
}

func (b *bench) at(name string) string { return filepath.Join(b.dir, name) }

// makeData makes the large file and the tree.
func (b *bench) makeData() error {
	if err := os.MkdirAll(b.at("nas/tree"), 0o755); err != nil {
		return err
	}
	if err := writeNoise(b.at("nas/large"), b.size<<20); err != nil {
		return err
	}
	for i := range b.files {
		dir := b.at(fmt.Sprintf("nas/tree/shot_%02d", i/1000))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("frame_%05d.exr", i)), nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// median returns the middle of some values.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
