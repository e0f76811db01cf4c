package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	bytes   int  // moved by a call; 0: calls are counted, not bytes
	ceiling bool // the sendfile ceiling can serve it
	cold    bool // no warming up before the measurement
	// work makes the round's calls for a server.
	work func(s *server, round int) (load.Work, error)
	// after ends the measured time: COMMIT. May be nil.
	after func(s *server) error
	// list is set instead of work where directories are listed.
	list bool
}

const mib = 1 << 20

// workloads are what is measured, in this order.
func workloads(data string) []workload {
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
		{name: "create", what: "CREATE in one directory, 16 deep × 2", conns: 2, depth: 16, cold: true,
			work: func(s *server, round int) (load.Work, error) {
				name := fmt.Sprintf("create-%s-%d", s.name, round)
				if err := os.Mkdir(filepath.Join(data, "work", name), 0o777); err != nil && !os.IsExist(err) {
					return load.Work{}, err
				}
				dir, err := s.look("work/" + name)
				return load.Create(dir, fmt.Sprint("f", time.Now().UnixNano())), err
			}},
		{name: "write-1m", what: "WRITE unstable 1 MiB, 4 deep, and COMMIT; 512 MiB window", conns: 1, depth: 4, bytes: mib, cold: true,
			work:  always(func(f *files) load.Work { return load.Write(f.window, window, block, nfs.Unstable) }),
			after: func(s *server) error { return s.commit(&s.files.window) }},
		{name: "write-sync", what: "WRITE FILE_SYNC 4 KiB, 16 deep × 2", conns: 2, depth: 16, cold: true,
			work: always(func(f *files) load.Work { return load.Write(f.window, window, small, nfs.FileSync) })},
	}
}

// look finds a file made after the server was prepared.
func (s *server) look(path string) (load.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	root, err := s.root(ctx)
	if err != nil {
		return load.File{}, err
	}
	c, err := nfs.Dial(ctx, s.at.String(), nfs.Options{Auth: nfs.Sys("load", 0, 0)})
	if err != nil {
		return load.File{}, err
	}
	defer c.Close()
	return walk(ctx, c, root, path)
}

func (s *server) commit(f *load.File) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := nfs.Dial(ctx, s.at.String(), nfs.Options{Auth: nfs.Sys("load", 0, 0)})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Commit(ctx, nil, nfs.CommitArgs{File: f.Handle})
	return err
}
