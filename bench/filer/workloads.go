package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spillway/spillway/bench/load"
	"github.com/spillway/spillway/nfs"
)

// workload is a row of the table.
type workload struct {
	name    string
	what    string // for people
	conns   int
	depth   int
	bytes   int    // moved by a call; 0: calls are counted, not bytes
	ceiling bool   // the ceiling's process can serve it
	changes bool   // a filer that writes back is measured too
	slow    bool   // the 99th percentile is in the table
	cold    bool   // no warming up before the measurement
	once    bool   // in the first round only
	calls   uint64 // that end the measurement; 0: time does
	// work makes the round's calls for a server.
	work func(s *server, round int) (load.Work, error)
	// after ends the measured time: COMMIT. May be nil.
	after func(s *server) error
	// beside runs while the work does, until ctx ends, and returns the bytes that it moved. May be nil.
	beside func(ctx context.Context, s *server, round int) (uint64, error)
	// local does the same to the disk without any server, as the ceiling. May be nil.
	local func(length time.Duration) (load.Result, error)
	// tidy removes what the work made, after the measurement. May be nil.
	tidy func(s *server) error
	// list is set instead of work where directories are listed.
	list bool
	// servers are those that are measured; empty: all.
	servers []string
}

// measures says whether a server is measured.
func (w *workload) measures(s *server) bool {
	switch {
	case s.ceiling:
		return w.ceiling || w.local != nil
	case len(w.servers) > 0:
		return slices.Contains(w.servers, s.name)
	}
	return w.changes || !s.changes
}

const mib = 1 << 20

// workloads are what is measured, in this order.
func workloads(data string, sustain int) []workload {
	block, small := make([]byte, mib), make([]byte, 4096)
	for i := range block {
		block[i] = byte(i * 7 >> 3)
	}
	copy(small, block)
	always := func(fn func(f *files) load.Work) func(*server, int) (load.Work, error) {
		return func(s *server, _ int) (load.Work, error) { return fn(&s.files), nil }
	}
	return []workload{
		{name: "null", what: "NULL, 16 deep × 2", conns: 2, depth: 16, work: always(func(*files) load.Work { return load.Null() })},
		{name: "getattr", what: "GETATTR of 10,000 files, 16 deep × 2", conns: 2, depth: 16,
			work: always(func(f *files) load.Work { return load.Getattr(f.small) })},
		{name: "storm", what: "LOOKUP, ACCESS, absent LOOKUP over 10,000 names, 16 deep × 2", conns: 2, depth: 16,
			work: always(func(f *files) load.Work { return load.Storm(f.dir, f.small) })},
		{name: "read-4k", what: "random 4 KiB READ, 16 deep × 2", conns: 2, depth: 16, bytes: 0,
			work: always(func(f *files) load.Work { return load.Read(f.big[1], 4096, true) })},
		{name: "read-1m", what: "sequential 1 MiB READ, 4 deep × 2", conns: 2, depth: 4, bytes: mib, ceiling: true,
			work: always(func(f *files) load.Work { return load.Read(f.big[0], mib, false) })},
		{name: "list", what: "READDIRPLUS of 10,000 entries, 64 KiB pages (entries)", list: true},
		{name: "create", what: "CREATE in one directory, 16 deep × 2", conns: 2, depth: 16, cold: true, changes: true,
			work: func(s *server, round int) (load.Work, error) {
				name := fmt.Sprintf("create-%s-%d", s.name, round)
				if err := os.Mkdir(filepath.Join(data, "work", name), 0o777); err != nil && !os.IsExist(err) {
					return load.Work{}, err
				}
				dir, err := s.look("work/" + name)
				return load.Create(dir, fmt.Sprint("f", time.Now().UnixNano())), err
			}},
		{name: "write-1m", what: "WRITE unstable 1 MiB, 4 deep, and COMMIT; 512 MiB window", conns: 1, depth: 4, bytes: mib, cold: true, changes: true,
			work:  always(func(f *files) load.Work { return load.Write(f.window, window, block, nfs.Unstable) }),
			after: func(s *server) error { return s.commit(&s.files.window) }, tidy: (*server).land},
		{name: "write-sync", what: "WRITE FILE_SYNC 4 KiB, 16 deep × 2", conns: 2, depth: 16, cold: true, changes: true, slow: true,
			work:  always(func(f *files) load.Work { return load.Write(f.window, window, small, nfs.FileSync) }),
			local: syncing(data, small), tidy: (*server).land},
		{name: "write-sync-fill", what: "the same while the filer fills its cache", conns: 2, depth: 16, cold: true, changes: true, slow: true,
			work:    always(func(f *files) load.Work { return load.Write(f.window, window, small, nfs.FileSync) }),
			servers: []string{nameCache, nameBack}, beside: fill(data), tidy: (*server).land},
		sustained(data, sustain, block), // last: the memory that it gives back is dear to take again on some virtual machines
	}
}

// ask connects for calls that are not measured.
func (s *server) ask(limit time.Duration, do func(ctx context.Context, c *nfs.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := nfs.Dial(ctx, s.at.String(), nfs.Options{Auth: nfs.Sys("load", 0, 0)})
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// look finds a file made after the server was prepared.
func (s *server) look(path string) (f load.File, err error) {
	err = s.ask(20*time.Second, func(ctx context.Context, c *nfs.Client) error {
		root, err := s.root(ctx)
		if err == nil {
			f, err = walk(ctx, c, root, path)
		}
		return err
	})
	return f, err
}

func (s *server) commit(f *load.File) error {
	return s.ask(time.Minute, func(ctx context.Context, c *nfs.Client) error {
		_, err := c.Commit(ctx, nil, nfs.CommitArgs{File: f.Handle})
		return err
	})
}

// land lets a filer that writes back do so, for the next measurement needs the disk for itself: docs/filer-usage-models.md
// says how a client asks for that.
func (s *server) land() error {
	if !s.changes {
		return nil
	}
	return s.ask(time.Minute, func(ctx context.Context, c *nfs.Client) error {
		_, err := c.Commit(ctx, nil, nfs.CommitArgs{File: s.files.window.Handle, Offset: 0x1234ABCDDEADDEAD, Count: 0xABADBEEF})
		return err
	})
}
