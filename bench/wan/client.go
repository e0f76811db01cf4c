package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/bench/load"
	"github.com/spillway/spillway/nfs"
)

const piece = 1 << 20 // bytes of one READ or WRITE

// task is what clients do.
type task struct {
	do      string // one of the works below
	name    string // of a file or folder on the NAS
	other   string // file that the background reads, while name is read warm
	size    int64  // bytes of the file to make
	workers int    // files, or calls, that a client has in flight
	clients int    // that do the same at once
	pace    int64  // bytes a second of all clients of the background; 0: as fast as it goes
	length  time.Duration
}

// args are what client understands again.
func (t *task) args() []string {
	return []string{
		"-do", t.do, "-name", t.name, "-other", t.other, "-size", fmt.Sprint(t.size), "-workers", fmt.Sprint(t.workers),
		"-clients", fmt.Sprint(max(t.clients, 1)), "-pace", fmt.Sprint(t.pace), "-for", t.length.String(),
	}
}

// client is what runs beside the far filer: it does one piece of work and prints its result as JSON.
func client(args []string) error {
	var t task
	flags := flag.NewFlagSet("client", flag.ExitOnError)
	flags.StringVar(&t.do, "do", "", "")
	flags.StringVar(&t.name, "name", "", "")
	flags.StringVar(&t.other, "other", "", "")
	flags.Int64Var(&t.size, "size", 0, "")
	flags.IntVar(&t.workers, "workers", 8, "")
	flags.IntVar(&t.clients, "clients", 1, "")
	flags.Int64Var(&t.pace, "pace", 0, "")
	flags.DurationVar(&t.length, "for", 0, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx := context.Background()
	work := map[string]func(r *reader, number int) error{
		"stream": func(r *reader, _ int) error { return r.stream(ctx, t.name) },
		"tree":   func(r *reader, _ int) error { return r.tree(ctx, t.name, t.workers) },
		"write":  func(r *reader, _ int) error { return r.write(ctx, t.name, t.size) },
		"flush":  func(r *reader, _ int) error { return r.flush(ctx, t.name, t.size) },
		"create": func(r *reader, number int) error { return r.create(ctx, &t, number) },
		"list":   func(r *reader, _ int) error { return r.list(t.name) },
	}[t.do]
	m := &meter{began: time.Now()}
	if t.do == "disturb" {
		return disturb(ctx, &t, m)
	}
	if work == nil {
		return fmt.Errorf("no work %q", t.do)
	}
	var all errgroup.Group
	for i := range t.clients {
		all.Go(func() error {
			r, err := newReader(ctx, m)
			if err != nil {
				return err
			}
			defer r.nfs.Close()
			return work(r, i)
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m.result(t.clients))
}

// meter counts what all clients get.
type meter struct {
	began time.Time
	bytes atomic.Int64
	files atomic.Int64

	mu    sync.Mutex
	early int64 // bytes of the first two seconds, once they are over; guarded by mu
	at    time.Time
	first time.Duration // of a listing: until its first page was there
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
	r := result{Bytes: total, Unique: total / int64(clients), Files: int(m.files.Load()), Took: now.Sub(m.began), First: m.first}
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
	l, err := r.find(ctx, name)
	if err != nil {
		return err
	}
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

// walkers is how many folders of a tree a client lists at once.
const walkers = 32

// tree reads every file of the folders in a folder, many at once.
func (r *reader) tree(ctx context.Context, name string, workers int) error {
	top, err := r.find(ctx, name)
	if err != nil {
		return err
	}
	dirs, ctx := errgroup.WithContext(ctx)
	dirs.SetLimit(walkers)
	files, ctx := errgroup.WithContext(ctx)
	files.SetLimit(workers)
	err = r.entries(ctx, top.Object, func(dir *nfs.DirEntry) {
		h := dir.Handle.Handle
		dirs.Go(func() error {
			return r.entries(ctx, h, func(e *nfs.DirEntry) {
				h, size := e.Handle.Handle, int64(e.Attr.Attr.Size)
				files.Go(func() error {
					r.m.files.Add(1)
					return r.read(ctx, h, size, 4)
				})
			})
		})
	})
	return errors.Join(err, dirs.Wait(), files.Wait())
}

// entries calls each for what is in a folder.
func (r *reader) entries(ctx context.Context, dir nfs.Handle, each func(*nfs.DirEntry)) error {
	args := nfs.ReaddirplusArgs{Dir: dir, DirCount: 64 << 10, MaxCount: 256 << 10}
	for {
		page, err := r.nfs.Readdirplus(ctx, nil, args)
		if err != nil {
			return err
		}
		for i := range page.Entries {
			e := &page.Entries[i]
			if args.Cookie = e.Cookie; e.Name != "." && e.Name != ".." {
				each(e)
			}
		}
		if args.Verifier = page.Verifier; page.EOF {
			return nil
		}
	}
}

// find looks a path up.
func (r *reader) find(ctx context.Context, name string) (l nfs.LookupResult, err error) {
	l.Object = r.root
	for part := range strings.SplitSeq(name, "/") {
		if l, err = r.nfs.Lookup(ctx, nil, nfs.LookupArgs{Dir: l.Object, Name: part}); err != nil {
			return l, err
		}
	}
	return l, nil
}

// write makes a file, 32 unstable pieces in flight, and commits it.
func (r *reader) write(ctx context.Context, name string, size int64) error {
	dir, err := r.find(ctx, path.Dir(name))
	if err != nil {
		return err
	}
	made, err := r.nfs.Create(ctx, nil, nfs.CreateArgs{Dir: dir.Object, Name: path.Base(name)})
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

// flush has the filer bring a file to the NAS: a COMMIT with an offset that no file system sends (docs/filer.md).
func (r *reader) flush(ctx context.Context, name string, size int64) error {
	l, err := r.find(ctx, name)
	if err != nil {
		return err
	}
	if _, err := r.nfs.Commit(ctx, nil, nfs.CommitArgs{File: l.Object, Offset: 0x1234ABCDDEADDEAD, Count: 0xABADBEEF}); err != nil {
		return err
	}
	r.m.bytes.Add(size)
	return nil
}

// create makes files in one folder, many calls in flight, until the time is over.
func (r *reader) create(ctx context.Context, t *task, number int) error {
	dir, err := r.nfs.Lookup(ctx, nil, nfs.LookupArgs{Dir: r.root, Name: t.name})
	if err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	for w := range t.workers {
		work.Go(func() error {
			for i := 0; time.Since(r.m.began) < t.length; i++ {
				name := fmt.Sprintf("c%d-%d-%d", number, w, i)
				if _, err := r.nfs.Create(ctx, nil, nfs.CreateArgs{Dir: dir.Object, Name: name}); err != nil {
					return err
				}
				r.m.files.Add(1)
			}
			return nil
		})
	}
	return work.Wait()
}

// list reads a folder whole.
func (r *reader) list(name string) error {
	dir, err := r.find(context.Background(), name)
	if err != nil {
		return err
	}
	l, err := load.List(netip.MustParseAddrPort(cacheAddr), dir.Object, 64<<10, nil)
	r.m.files.Add(int64(l.Entries))
	r.m.first = l.First
	return err
}
