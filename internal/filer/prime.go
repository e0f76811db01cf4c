package filer

import (
	"context"
	"errors"
	"path"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Primed is how far a priming job is.
type Primed struct {
	FilesTotal, FilesDone uint64
	BytesTotal, BytesDone uint64
	BytesFetched          uint64      // of BytesDone: from the origin now
	Errors                []PathError // the first hundred
	Done                  bool
}

const (
	primeErrors  = 100 // listed
	primeReports = 500 * time.Millisecond

	// A link is full when as many bytes are under way as it carries in a round trip: a gigabit over a tenth of a second is
	// 12.5 MiB, which is fifty blocks of large files or hundreds of small files.
	primeBytes = 32 << 20 // in flight of one job
	primeFiles = 1024     // loaded at once
)

// priming is a job at work.
type priming struct {
	f        *Filer
	metadata bool
	room     *semaphore.Weighted // bytes that may be in flight

	mu sync.Mutex
	at Primed // mu guards it
}

// Prime loads files, and directories with all below them, into the cache and reports progress, last with Done set.
// Cancelling ctx stops it; what has been loaded stays. Repeating it costs what is missing only.
func (f *Filer) Prime(ctx context.Context, paths []string, metadataOnly bool, report func(Primed) error) error {
	p := &priming{f: f, metadata: metadataOnly, room: semaphore.NewWeighted(primeBytes)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan error, 1)
	go func() { work <- p.run(ctx, paths) }()
	tick := time.NewTicker(primeReports)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := report(p.progress(false)); err != nil {
				cancel()
				<-work //nolint:errcheck // the caller has gone
				return err
			}
		case err := <-work:
			if err != nil {
				return err
			}
			return report(p.progress(true))
		}
	}
}

func (p *priming) progress(done bool) Primed {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.at
	out.Errors = append([]PathError(nil), p.at.Errors...)
	out.Done = done
	return out
}

func (p *priming) note(fn func(*Primed)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fn(&p.at)
}

func (p *priming) fail(at string, err error) {
	p.note(func(s *Primed) {
		if len(s.Errors) < primeErrors {
			s.Errors = append(s.Errors, PathError{at, err})
		}
	})
}

// run walks the paths, listing directories here and loading files in workers.
func (p *priming) run(ctx context.Context, paths []string) error {
	var files errgroup.Group
	files.SetLimit(primeFiles)
	type item struct {
		path  string
		inode uint64
	}
	var queue []item
	for _, at := range paths {
		ino, err := p.f.walk(ctx, origin.Cred{}, at, time.Now())
		if err != nil {
			p.note(func(s *Primed) { s.FilesTotal++ })
			p.fail(at, err)
			continue
		}
		queue = append(queue, item{at, ino.id})
		p.f.table.put(ino)
	}
	for len(queue) > 0 && ctx.Err() == nil {
		next := queue[0]
		queue = queue[1:]
		ino, err := p.f.inode(next.inode)
		if err != nil {
			p.fail(next.path, err)
			continue
		}
		a, err := p.f.fresh(ctx, origin.Cred{}, ino, ino.target.freshEnough())
		if err != nil {
			p.fail(next.path, err)
			p.f.table.put(ino)
			continue
		}
		switch a.Type {
		case nfs.TypeDirectory:
			l, err := p.f.list(ctx, origin.Cred{}, ino, true, true)
			if err != nil {
				p.fail(next.path, err)
			} else {
				for _, e := range l.entries {
					if e.inode != 0 {
						queue = append(queue, item{path.Join(next.path, e.name), e.inode})
					}
				}
			}
		case nfs.TypeRegular:
			p.note(func(s *Primed) { s.FilesTotal++; s.BytesTotal += a.Size })
			p.f.table.known(ino.id) // for the worker
			files.Go(func() error {
				defer p.f.table.put(ino)
				p.file(ctx, next.path, ino)
				return nil
			})
		}
		p.f.table.put(ino)
	}
	_ = files.Wait() // workers return nothing: errors are by path
	return ctx.Err()
}

// file loads one file.
func (p *priming) file(ctx context.Context, at string, ino *inode) {
	if p.metadata || ino.target.caps.Local {
		a := ino.opt().Attr
		p.note(func(s *Primed) { s.FilesDone++; s.BytesDone += a.Size })
		return
	}
	for range readTries {
		a, err := p.f.fresh(ctx, origin.Cred{}, ino, ino.target.freshEnough())
		if err == nil {
			err = p.blocksOf(ctx, ino, a.Size)
		}
		if err == nil {
			p.note(func(s *Primed) { s.FilesDone++ })
			return
		}
		if !errors.Is(err, errOvertaken) {
			p.fail(at, err)
			return
		}
	}
	p.fail(at, errOvertaken)
}

// blocksOf fetches what is missing of a file of the given size.
func (p *priming) blocksOf(ctx context.Context, ino *inode, size uint64) error {
	var wait sync.WaitGroup
	var mu sync.Mutex
	var firstErr error
	block := ino.target.block
	for b := uint64(0); b*block < size; b++ {
		room := int64(min(block, size-b*block))
		if err := p.room.Acquire(ctx, room); err != nil {
			wait.Wait()
			return err
		}
		ino.mu.Lock()
		c := p.f.contentOf(ino)
		n := min((b+1)*block, ino.attr.Size) - min(b*block, ino.attr.Size)
		var fl *flight
		if n > 0 {
			fl = c.join(b, origin.Cred{}, causePrime)
		}
		ino.mu.Unlock()
		if fl == nil {
			p.room.Release(room)
			p.note(func(s *Primed) { s.BytesDone += n })
			continue
		}
		wait.Go(func() {
			defer p.room.Release(room)
			<-fl.done
			if fl.err != nil {
				mu.Lock()
				firstErr = fl.err
				mu.Unlock()
				return
			}
			p.note(func(s *Primed) { s.BytesDone += n; s.BytesFetched += uint64(len(fl.buf)) })
		})
	}
	wait.Wait()
	return firstErr
}
