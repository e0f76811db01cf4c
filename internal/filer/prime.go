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
	Directories           uint64      // listed
	Skipped               uint64      // names left out by rules
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

	// primeFolders is how many folders are listed at once: listing one takes a round trip at least, in which their files would
	// not come.
	primeFolders = 64
)

// priming is a job at work.
type priming struct {
	f     *Filer
	m     *manifest
	room  *semaphore.Weighted // bytes that may be in flight
	pace  *pace
	begun time.Time // what was confirmed before it is confirmed again

	named  map[string]bool // paths that have a rule of their own: a walk of what is above leaves them to it
	linked map[string]bool // what symbolic links have led to

	mu    sync.Mutex
	at    Primed // mu guards at and queue
	queue []primeItem
	more  chan struct{} // holds a token after something was queued
}

// primeItem is a folder to be walked.
type primeItem struct {
	path  string
	inode uint64
	rules *primeRules // nil: everything below
}

// Prime loads files, and directories with all below them, into the cache and reports progress, last with Done set.
// Cancelling ctx stops it; what has been loaded stays. Repeating it costs what is missing only.
func (f *Filer) Prime(ctx context.Context, paths []string, metadataOnly bool, report func(Primed) error) error {
	m := &manifest{files: paths}
	if metadataOnly {
		m.mode = primeMetadata
	}
	return f.prime(ctx, m, 0, report)
}

// prime runs a manifest, fetching at most so many bytes a second; 0: as many as it can.
func (f *Filer) prime(ctx context.Context, m *manifest, perSecond uint64, report func(Primed) error) error {
	p := &priming{
		f: f, m: m, room: semaphore.NewWeighted(primeBytes), pace: newPace(perSecond), begun: time.Now(),
		named: map[string]bool{}, linked: map[string]bool{}, more: make(chan struct{}, 1),
	}
	for _, at := range m.files {
		p.named[at] = true
	}
	for i := range m.dirs {
		p.named[m.dirs[i].path] = true
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := make(chan error, 1)
	go func() { work <- p.run(ctx) }()
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

// run finds what the manifest names, then walks the directories, many at once, and loads their files.
func (p *priming) run(ctx context.Context) error {
	var files errgroup.Group
	files.SetLimit(primeFiles)
	for _, at := range p.m.files {
		if ctx.Err() != nil {
			break
		}
		files.Go(func() error { p.start(ctx, at, nil); return nil })
	}
	for i := range p.m.dirs {
		if ctx.Err() != nil {
			break
		}
		files.Go(func() error { p.start(ctx, p.m.dirs[i].path, &p.m.dirs[i].rules); return nil })
	}
	_ = files.Wait() // workers return nothing: errors are by path
	p.walk(ctx, &files)
	_ = files.Wait() // as above
	return ctx.Err()
}

// walk lists the directories in the queue and those that come to it meanwhile.
func (p *priming) walk(ctx context.Context, files *errgroup.Group) {
	done, running := make(chan struct{}), 0
	for {
		for running < primeFolders && ctx.Err() == nil {
			next, ok := p.pop()
			if !ok {
				break
			}
			running++
			go func() {
				p.folder(ctx, files, next)
				done <- struct{}{}
			}()
		}
		if running == 0 {
			return
		}
		select {
		case <-done:
			running--
		case <-p.more:
		}
	}
}

// start finds a path that the manifest, or a symbolic link, names: a file is loaded, a directory queued.
func (p *priming) start(ctx context.Context, at string, rules *primeRules) {
	ino, err := p.f.walk(ctx, origin.Cred{}, at, p.begun)
	if err != nil {
		p.note(func(s *Primed) { s.FilesTotal++ })
		p.fail(at, err)
		return
	}
	defer p.f.table.put(ino)
	a, err := p.f.fresh(ctx, origin.Cred{}, ino, p.begun)
	switch {
	case err != nil:
		p.fail(at, err)
	case a.Type == nfs.TypeDirectory:
		p.push(primeItem{at, ino.id, rules})
	case a.Type == nfs.TypeSymlink:
		p.link(ctx, at, ino)
	case a.Type == nfs.TypeRegular:
		p.note(func(s *Primed) { s.FilesTotal++; s.BytesTotal += p.sizeOf(a.Size) })
		p.file(ctx, at, ino)
	}
}

func (p *priming) push(i primeItem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, i)
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// pop takes the oldest folder off the queue.
func (p *priming) pop() (next primeItem, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return next, false
	}
	next = p.queue[0]
	p.queue = p.queue[1:]
	return next, true
}

// sizeOf is how much of a file is loaded.
func (p *priming) sizeOf(size uint64) uint64 {
	if p.m.maxRead > 0 {
		return min(size, p.m.maxRead)
	}
	return size
}

// folder lists a directory and decides about its names.
func (p *priming) folder(ctx context.Context, files *errgroup.Group, in primeItem) {
	dir, err := p.f.inode(in.inode)
	if err != nil {
		p.fail(in.path, err)
		return
	}
	defer p.f.table.put(dir)
	p.note(func(s *Primed) { s.Directories++ })
	mounted := p.junctions(ctx, in)
	for e, err := range p.f.eachName(ctx, dir) {
		at := path.Join(in.path, e.name)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.fail(in.path, err)
			return
		}
		if mounted[e.name] || in.rules != nil && p.named[at] {
			continue
		}
		if err := p.entry(ctx, files, in, dir, e, at); err != nil {
			p.fail(at, err)
		}
	}
}

// junctions queues the exports that hang in a directory and returns their names.
func (p *priming) junctions(ctx context.Context, in primeItem) map[string]bool {
	mounted := map[string]bool{}
	for _, e := range p.f.exports {
		if e.path == "/" || path.Dir(e.path) != in.path {
			continue
		}
		name := path.Base(e.path)
		mounted[name] = true
		if in.rules != nil && (p.named[e.path] || !p.m.enters(*in.rules, name)) {
			continue
		}
		root, err := p.f.rootOfExport(ctx, e)
		if err != nil {
			p.fail(e.path, err)
			continue
		}
		p.push(primeItem{e.path, root.id, in.rules})
		p.f.table.put(root)
	}
	return mounted
}

// entry handles one name of a directory.
func (p *priming) entry(ctx context.Context, files *errgroup.Group, in primeItem, dir *inode, e listed, at string) error {
	var ino *inode
	var err error
	if e.inode != 0 {
		ino, err = p.f.inode(e.inode)
	} else { // the origin did not describe it
		ino, err = p.f.lookup(ctx, origin.Cred{}, dir, e.name, p.begun)
	}
	if err != nil {
		return err
	}
	a, err := p.f.fresh(ctx, origin.Cred{}, ino, dir.target.freshEnough())
	if err != nil {
		p.f.table.put(ino)
		return err
	}
	isDir := a.Type == nfs.TypeDirectory
	switch {
	case in.rules != nil && (isDir && !p.m.enters(*in.rules, e.name) || !isDir && !p.m.wants(*in.rules, e.name)):
		p.note(func(s *Primed) { s.Skipped++ })
	case isDir:
		p.push(primeItem{at, ino.id, in.rules})
	case a.Type == nfs.TypeSymlink:
		p.link(ctx, at, ino)
	case a.Type == nfs.TypeRegular:
		p.note(func(s *Primed) { s.FilesTotal++; s.BytesTotal += p.sizeOf(a.Size) })
		files.Go(func() error {
			defer p.f.table.put(ino)
			p.file(ctx, at, ino)
			return nil
		})
		return nil
	}
	p.f.table.put(ino)
	return nil
}

// link follows a symbolic link, once to each place. What it names is loaded whole, whatever the rules say (as HPC Cache
// does). An absolute link is one of the namespace.
func (p *priming) link(ctx context.Context, at string, ino *inode) {
	if !p.m.follow {
		return
	}
	err := p.f.born(ctx, ino)
	var text string
	if err == nil {
		text, err = ino.target.origin.ReadLink(ctx, origin.Cred{}, ino.oid())
	}
	if err != nil {
		p.fail(at, err)
		return
	}
	to := path.Clean(text)
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(at), to)
	}
	p.mu.Lock()
	seen := p.linked[to]
	p.linked[to] = true
	p.mu.Unlock()
	if !seen && !p.named[to] {
		p.start(ctx, to, nil)
	}
}

// file loads one file.
func (p *priming) file(ctx context.Context, at string, ino *inode) {
	if p.m.mode == primeEstimate {
		return
	}
	if p.m.mode == primeMetadata || ino.target.caps.Local {
		size := p.sizeOf(ino.opt().Attr.Size)
		p.note(func(s *Primed) { s.FilesDone++; s.BytesDone += size })
		return
	}
	for range readTries {
		a, err := p.f.fresh(ctx, origin.Cred{}, ino, ino.target.freshEnough())
		if err == nil {
			err = p.blocksOf(ctx, ino, p.sizeOf(a.Size))
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
		have := c.have.has(b*block, min((b+1)*block, ino.attr.Size))
		ino.mu.Unlock()
		if !have {
			if err := p.pace.wait(ctx, uint64(room)); err != nil {
				p.room.Release(room)
				wait.Wait()
				return err
			}
		}
		ino.mu.Lock()
		c = p.f.contentOf(ino)
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
