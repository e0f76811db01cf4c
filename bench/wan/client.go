package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/nfs"
)

const piece = 1 << 20 // bytes of one READ or WRITE

// client is what runs beside the far filer: it does one piece of work and prints its result as JSON.
func client(args []string) error {
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	read := flags.String("read", "", "file to read in order, four pieces at a time")
	tree := flags.String("tree", "", "directory to read whole")
	write := flags.String("write", "", "file to make")
	size := flags.Int64("size", 0, "of the file to make, in bytes")
	workers := flags.Int("workers", 8, "files that a client reads at once")
	clients := flags.Int("clients", 1, "that do the same at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx := context.Background()
	work := map[bool]func(*reader) error{
		*read != "":  func(r *reader) error { return r.stream(ctx, *read) },
		*tree != "":  func(r *reader) error { return r.tree(ctx, *tree, *workers) },
		*write != "": func(r *reader) error { return r.write(ctx, *write, *size) },
	}[true]
	if work == nil {
		return errors.New("no work")
	}
	m := &meter{began: time.Now()}
	var all errgroup.Group
	for range *clients {
		all.Go(func() error {
			r, err := newReader(ctx, m)
			if err != nil {
				return err
			}
			defer r.nfs.Close()
			return work(r)
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m.result(*clients))
}

// meter counts what all clients get.
type meter struct {
	began time.Time
	bytes atomic.Int64
	files atomic.Int64

	mu    sync.Mutex
	early int64 // bytes of the first two seconds, once they are over; guarded by mu
	at    time.Time
}

func (m *meter) add(n int) {
	total := m.bytes.Add(int64(n))
	if now := time.Now(); now.Sub(m.began) > 2*time.Second {
		m.mu.Lock()
		if m.at.IsZero() {
			m.early, m.at = total, now
		}
		m.mu.Unlock()
	}
}

func (m *meter) result(clients int) result {
	now, total := time.Now(), m.bytes.Load()
	r := result{Bytes: total, Unique: total / int64(clients), Files: int(m.files.Load()) / clients, Took: now.Sub(m.began)}
	if !m.at.IsZero() && clients == 1 && now.Sub(m.at) > time.Second {
		r.Settled = float64(total-m.early) / now.Sub(m.at).Seconds()
	}
	return r
}

// reader is one client.
type reader struct {
	nfs  *nfs.Client
	root nfs.Handle
	m    *meter
}

func newReader(ctx context.Context, m *meter) (*reader, error) {
	c, err := nfs.Dial(ctx, cacheAddr, nfs.Options{Connections: 2, InFlight: 512})
	if err != nil {
		return nil, err
	}
	mnt, err := c.Mnt(ctx, nil, "/nas")
	if err != nil {
		c.Close()
		return nil, err
	}
	return &reader{c, mnt.Root, m}, nil
}

// stream reads a file in order, four pieces in flight.
func (r *reader) stream(ctx context.Context, name string) error {
	l, err := r.nfs.Lookup(ctx, nil, nfs.LookupArgs{Dir: r.root, Name: name})
	if err != nil {
		return err
	}
	r.m.files.Add(1)
	return r.read(ctx, l.Object, int64(l.Attr.Attr.Size), 4)
}

// read reads a whole file and checks every byte.
func (r *reader) read(ctx context.Context, h nfs.Handle, size int64, depth int) error {
	head := make([]byte, 8)
	if _, err := r.piece(ctx, h, 0, head); err != nil {
		return err
	}
	seed := binary.BigEndian.Uint64(head)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(depth)
	for off := int64(0); off < size && ctx.Err() == nil; off += piece {
		work.Go(func() error {
			b := make([]byte, min(piece, size-off))
			n, err := r.piece(ctx, h, off, b)
			if err == nil && (n != len(b) || !right(b, off, seed)) {
				err = fmt.Errorf("%d wrong bytes at %d", len(b), off)
			}
			r.m.add(n)
			return err
		})
	}
	return work.Wait()
}

// piece reads until b is full or the file ends.
func (r *reader) piece(ctx context.Context, h nfs.Handle, off int64, b []byte) (int, error) {
	for n := 0; n < len(b); {
		res, err := r.nfs.Read(ctx, nil, nfs.ReadArgs{File: h, Offset: uint64(off) + uint64(n), Count: uint32(len(b) - n)}, b[n:])
		if err != nil {
			return n, err
		}
		if n += len(res.Data); len(res.Data) == 0 {
			return n, nil
		}
	}
	return len(b), nil
}

// tree reads every file below a directory, many at once.
func (r *reader) tree(ctx context.Context, name string, workers int) error {
	top, err := r.nfs.Lookup(ctx, nil, nfs.LookupArgs{Dir: r.root, Name: name})
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(workers)
	for dirs := []nfs.Handle{top.Object}; len(dirs) > 0; dirs = dirs[1:] {
		args := nfs.ReaddirplusArgs{Dir: dirs[0], DirCount: 64 << 10, MaxCount: 256 << 10}
		for eof := false; !eof; {
			page, err := r.nfs.Readdirplus(ctx, nil, args)
			if err != nil {
				return errors.Join(err, work.Wait())
			}
			for _, e := range page.Entries {
				args.Cookie = e.Cookie
				switch {
				case e.Name == "." || e.Name == "..":
				case e.Attr.Attr.Type == nfs.TypeDirectory:
					dirs = append(dirs, e.Handle.Handle)
				default:
					work.Go(func() error {
						r.m.files.Add(1)
						return r.read(ctx, e.Handle.Handle, int64(e.Attr.Attr.Size), 4)
					})
				}
			}
			args.Verifier, eof = page.Verifier, page.EOF
		}
	}
	return work.Wait()
}

// write makes a file, sixteen unstable pieces in flight, and commits it.
func (r *reader) write(ctx context.Context, name string, size int64) error {
	made, err := r.nfs.Create(ctx, nil, nfs.CreateArgs{Dir: r.root, Name: name})
	if err != nil {
		return err
	}
	var verf atomic.Pointer[nfs.Verifier]
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(32)
	for off := int64(0); off < size && ctx.Err() == nil; off += piece {
		work.Go(func() error {
			b := make([]byte, min(piece, size-off))
			res, err := r.nfs.Write(ctx, nil, nfs.WriteArgs{File: made.Object.Handle, Offset: uint64(off), Stable: nfs.Unstable, Data: b})
			if err != nil {
				return err
			}
			if int(res.Count) != len(b) {
				return fmt.Errorf("%d of %d bytes written", res.Count, len(b))
			}
			if was := verf.Swap(&res.Verifier); was != nil && *was != res.Verifier {
				return errors.New("the filer lost writes")
			}
			r.m.add(len(b))
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	done, err := r.nfs.Commit(ctx, nil, nfs.CommitArgs{File: made.Object.Handle})
	if err == nil && done.Verifier != *verf.Load() {
		err = errors.New("the filer lost writes")
	}
	return err
}
