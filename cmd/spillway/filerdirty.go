package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer"
)

// FilerDirtyCmd looks after files whose data is not at the storage yet, or cannot get there.
type FilerDirtyCmd struct {
	List    DirtyListCmd    `cmd:"" help:"List files that have not landed at the storage, and why."`
	Retry   DirtyRetryCmd   `cmd:"" help:"Land files now. What was set aside lands as a copy beside its name."`
	Rescue  DirtyRescueCmd  `cmd:"" help:"Copy files to a folder of this machine and drop them here."`
	Discard DirtyDiscardCmd `cmd:"" help:"Drop what is only here of files. It is lost."`
}

// DirtyListCmd lists unlanded files.
type DirtyListCmd struct {
	localFiler
	Limit uint32 `default:"1000" help:"At most so many, the oldest change first."`
}

type dirtyFileJSON struct {
	ID          string    `json:"id"`
	Path        string    `json:"path"`
	State       string    `json:"state"`
	Size        uint64    `json:"size"`
	Bytes       uint64    `json:"bytes"`
	FirstChange time.Time `json:"firstChange"`
	LastChange  time.Time `json:"lastChange"`
	Tries       uint32    `json:"tries,omitempty"`
	Reason      string    `json:"reason,omitempty"`
}

// unlanded asks the filer of a cache directory.
func unlanded(ctx context.Context, dir string, limit uint32) (*filerv1.ListUnlandedResponse, error) {
	client, done := filer.DialLocal(dir)
	defer done()
	res, err := client.ListUnlanded(ctx, connect.NewRequest(&filerv1.ListUnlandedRequest{Limit: limit}))
	if err != nil {
		return nil, filer.LocalError(dir, err)
	}
	return res.Msg, nil
}

// Run prints them.
func (c *DirtyListCmd) Run(ctx context.Context, g *Globals) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	all, err := unlanded(ctx, dir, c.Limit)
	if err != nil {
		return err
	}
	if g.JSON {
		out := []dirtyFileJSON{}
		for _, u := range all.Files {
			out = append(out, dirtyFileJSON{
				u.Id, u.Path, filer.UnlandedState(u.State).String(), u.Size, u.Bytes, u.FirstChange.AsTime(), u.LastChange.AsTime(), u.Tries, u.Reason,
			})
		}
		return g.print(out)
	}
	w := tabwriter.NewWriter(g.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tAGE\tBYTES\tPATH\tREASON")
	for _, u := range all.Files {
		age := time.Since(u.FirstChange.AsTime()).Round(time.Second)
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\n", u.Id, filer.UnlandedState(u.State), age, config.Bytes(u.Bytes), u.Path, u.Reason)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := all.Total - uint64(len(all.Files)); more > 0 {
		fmt.Fprintf(g.Err, "and %d more (see --limit)\n", more)
	}
	return nil
}

// dirtyFiles are files of a filer of this machine, by their ids.
type dirtyFiles struct {
	localFiler
	ID []string `arg:"" optional:"" help:"The files' ids, from \"spillway filer dirty list\"."`
}

type dirtyEndJSON struct {
	ID           string `json:"id"`
	Path         string `json:"path,omitempty"`
	Copy         string `json:"copy,omitempty"`
	MissingBytes uint64 `json:"missingBytes,omitempty"`
	Error        string `json:"error,omitempty"`
}

// end deals with each file and prints how that went. done is the word for a success.
func (c *dirtyFiles) end(ctx context.Context, g *Globals, action filerv1.EndUnlandedRequest_Action, folder, done string) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	if len(c.ID) == 0 {
		return fault.WithHint(fault.New(fault.Invalid, "which files?"), "see: spillway filer dirty list")
	}
	client, hangUp := filer.DialLocal(dir)
	defer hangUp()
	out, failed := []dirtyEndJSON{}, 0
	for _, id := range c.ID {
		res, err := client.EndUnlanded(ctx, connect.NewRequest(&filerv1.EndUnlandedRequest{Id: id, Action: action, Folder: folder}))
		if err != nil {
			err = filer.LocalError(dir, err)
			if ctx.Err() != nil || len(c.ID) == 1 && !g.JSON {
				return err
			}
			failed++
			out = append(out, dirtyEndJSON{ID: id, Error: err.Error()})
			if !g.JSON {
				fmt.Fprintf(g.Err, "%s: %v\n", id, err)
			}
			continue
		}
		m := res.Msg
		out = append(out, dirtyEndJSON{ID: id, Path: m.Path, Copy: m.Copy, MissingBytes: m.MissingBytes})
		if g.JSON {
			continue
		}
		line := m.Path + ": " + done
		if m.Copy != "" {
			line += " as " + m.Copy
		}
		if m.MissingBytes > 0 {
			line += fmt.Sprintf("; %s of it are nowhere any more and read as zeros", config.Bytes(m.MissingBytes))
		}
		fmt.Fprintln(g.Out, line)
	}
	if g.JSON {
		if err := g.print(out); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fault.WithHint(fault.New(fault.Unavailable, "%d of %d files stay as they were", failed, len(c.ID)), "see: spillway filer dirty list")
	}
	return nil
}

// DirtyRetryCmd lands files now.
type DirtyRetryCmd struct {
	dirtyFiles
	All bool `help:"All that wait or have failed; not what was set aside."`
}

// Run lands them.
func (c *DirtyRetryCmd) Run(ctx context.Context, g *Globals) error {
	if c.All && len(c.ID) > 0 {
		return fault.New(fault.Invalid, "give ids or --all, not both")
	}
	if c.All {
		dir, err := c.dir()
		if err != nil {
			return err
		}
		all, err := unlanded(ctx, dir, 0)
		if err != nil {
			return err
		}
		for _, u := range all.Files {
			if u.State != filerv1.UnlandedFile_STATE_ASIDE {
				c.ID = append(c.ID, u.Id)
			}
		}
		if len(c.ID) == 0 {
			return c.nothing(g)
		}
	}
	return c.end(ctx, g, filerv1.EndUnlandedRequest_ACTION_RETRY, "", "landed")
}

func (c *DirtyRetryCmd) nothing(g *Globals) error {
	if g.JSON {
		return g.print([]dirtyEndJSON{})
	}
	fmt.Fprintln(g.Out, "nothing waits to land")
	return nil
}

// DirtyRescueCmd copies files away.
type DirtyRescueCmd struct {
	localFiler
	Folder string   `arg:"" type:"path" help:"Where the copies go."`
	ID     []string `arg:"" help:"The files' ids, from \"spillway filer dirty list\"."`
}

// Run copies them.
func (c *DirtyRescueCmd) Run(ctx context.Context, g *Globals) error {
	folder, err := filepath.Abs(c.Folder)
	if err != nil {
		return errors.Join(fault.New(fault.Invalid, "%s is no path", c.Folder), err)
	}
	files := dirtyFiles{c.localFiler, c.ID}
	return files.end(ctx, g, filerv1.EndUnlandedRequest_ACTION_RESCUE, folder, "rescued")
}

// DirtyDiscardCmd drops files.
type DirtyDiscardCmd struct{ dirtyFiles }

// Run drops them.
func (c *DirtyDiscardCmd) Run(ctx context.Context, g *Globals) error {
	return c.end(ctx, g, filerv1.EndUnlandedRequest_ACTION_DISCARD, "", "discarded")
}
