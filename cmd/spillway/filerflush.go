package main

import (
	"context"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sync/errgroup"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer"
)

// FilerFlushCmd lands what was changed before it began.
type FilerFlushCmd struct {
	localFiler
	Path string `arg:"" optional:"" default:"/" help:"A file, a folder with all below it, or an export, in the filer's namespace; by default everything."`
}

// flushJSON is how a flush went.
type flushJSON struct {
	Path   string         `json:"path"`
	Landed int            `json:"landed"`
	Bytes  uint64         `json:"bytes"`
	Failed []dirtyEndJSON `json:"failed"`
}

// Run lands the files and shows how far it is. Nobody is held up by it: clients read and write on.
func (c *FilerFlushCmd) Run(ctx context.Context, g *Globals) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.Path, "/") {
		return fault.WithHint(fault.New(fault.Invalid, "%s is no path of the filer's namespace", c.Path), "they begin with an export, such as /nas/shots")
	}
	f := flushing{g: g, dir: dir, path: path.Clean(c.Path), before: time.Now(), tried: map[string]bool{}}
	f.out = flushJSON{Path: f.path, Failed: []dirtyEndJSON{}}
	for more := true; more && err == nil; { // the filer lists so many at a time
		more, err = f.round(ctx)
	}
	f.end()
	if err != nil {
		return err
	}
	if g.JSON {
		if err := g.print(f.out); err != nil {
			return err
		}
	}
	if n := len(f.out.Failed); n > 0 {
		return fault.WithHint(fault.New(fault.Unavailable, "%d files have not landed", n), "they are tried again; see: spillway filer dirty list")
	}
	return nil
}

// flushWorkers bounds the files that are asked for at once.
const flushWorkers = 16

// flushing is a flush under way.
type flushing struct {
	g      *Globals
	dir    string
	path   string
	before time.Time
	tried  map[string]bool

	mu    sync.Mutex // guards all below
	out   flushJSON
	total int
	left  uint64 // bytes
	shown bool
}

// round lands what is listed now; more: there was something.
func (f *flushing) round(ctx context.Context) (more bool, err error) {
	all, err := unlanded(ctx, f.dir, 0)
	if err != nil {
		return false, err
	}
	var due []*filerv1.UnlandedFile
	for _, u := range all.Files {
		if below(u.Path, f.path) && u.State != filerv1.UnlandedFile_STATE_ASIDE && u.FirstChange.AsTime().Before(f.before) && !f.tried[u.Id] {
			due = append(due, u)
			f.tried[u.Id] = true
			f.total++
			f.left += u.Bytes
		}
	}
	f.show()
	client, hangUp := filer.DialLocal(f.dir)
	defer hangUp()
	var work errgroup.Group
	work.SetLimit(flushWorkers)
	for _, u := range due {
		work.Go(func() error {
			_, err := client.EndUnlanded(ctx, connect.NewRequest(&filerv1.EndUnlandedRequest{Id: u.Id, Action: filerv1.EndUnlandedRequest_ACTION_RETRY}))
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if connect.CodeOf(err) == connect.CodeNotFound { // it landed by itself
				err = nil
			}
			f.ended(u, filer.LocalError(f.dir, err))
			return nil
		})
	}
	return len(due) > 0, work.Wait()
}

// below says whether a path is the folder or in it.
func below(p, folder string) bool {
	return folder == "/" || p == folder || strings.HasPrefix(p, folder+"/")
}

func (f *flushing) ended(u *filerv1.UnlandedFile, err error) {
	f.mu.Lock()
	f.left -= u.Bytes
	if err == nil {
		f.out.Landed++
		f.out.Bytes += u.Bytes
	} else {
		f.out.Failed = append(f.out.Failed, dirtyEndJSON{ID: u.Id, Path: u.Path, Error: err.Error()})
		if !f.g.JSON {
			f.clear()
			fmt.Fprintf(f.g.Err, "%s: %v\n", u.Path, err)
		}
	}
	f.mu.Unlock()
	f.show()
}

// show draws the line of progress on a terminal.
func (f *flushing) show() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.g.terminal() || f.g.JSON {
		return
	}
	f.shown = true
	fmt.Fprintf(f.g.Out, "\r\033[K%s, %s to go", f.progress(), config.Bytes(f.left))
}

func (f *flushing) clear() {
	if f.shown {
		fmt.Fprint(f.g.Out, "\r\033[K")
	}
}

func (f *flushing) progress() string {
	s := fmt.Sprintf("%s  %d of %d files landed, %s", f.path, f.out.Landed, f.total, config.Bytes(f.out.Bytes))
	if n := len(f.out.Failed); n > 0 {
		s += fmt.Sprintf(", %d failed", n)
	}
	return s
}

func (f *flushing) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.g.JSON {
		f.clear()
		fmt.Fprintln(f.g.Out, f.progress())
	}
}
