// Command scale measures a filer that knows millions of files: how much memory it takes while some of them are in use,
// how soon it answers after a restart, and how long a client waits for the attributes of a file that is not in memory.
//
// The filer is the real binary, and learns the files as from any storage: clients list folders. The storage is an NFS
// server in this process that computes what it says (storage.go), as making ten million files would take an hour.
//
//	go run ./bench/scale -binary bin/spillway
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// setting is what a run is made of.
type setting struct {
	binary, dir string
	storage     string // HOST:PORT
	files       uint64
	hot         uint64
	cached      uint64
}

func main() {
	var s setting
	flag.StringVar(&s.binary, "binary", "bin/spillway", "the program to measure")
	flag.StringVar(&s.dir, "dir", filepath.Join(os.TempDir(), "spillway-bench-scale"), "where the filer's state is; it stays, for another run")
	flag.StringVar(&s.storage, "storage", "127.0.0.1:20649", "where the storage answers; it is known by that to the filer, so another run needs the same")
	flag.Uint64Var(&s.files, "files", 10_000_000, "that the filer knows")
	flag.Uint64Var(&s.hot, "hot", 2_000_000, "of them that are in use")
	flag.Uint64Var(&s.cached, "cached", 500_000, "of them whose data are in the cache")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := s.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func row(what, format string, args ...any) {
	fmt.Printf("| %s | %s |\n", what, fmt.Sprintf(format, args...))
}

func (s *setting) run(ctx context.Context) (err error) {
	nas := &storage{folders: (s.files + perFolder - 1) / perFolder, born: born()}
	if err := nas.serve(ctx, s.storage); err != nil {
		return err
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	f := &filer{setting: s}
	if err := f.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.end(syscall.SIGTERM)) }()
	fmt.Println("| what | figure |\n|---|---|")
	for _, step := range []func(context.Context) error{f.learn, f.useHot, f.cacheData, f.restart, f.coldAttributes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}
