package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spillway/spillway/bench/load"
	"github.com/spillway/spillway/nfs"
)

// files are the handles a server gave for the data set.
type files struct {
	big    []load.File
	dir    load.File // of the small files
	small  []load.File
	work   load.File // directory
	window load.File
}

// prepare mounts, learns the handles, and reads the big files whole, which warms the caches; each byte must be right.
func (s *server) prepare(ctx context.Context) error {
	if s.ceiling {
		s.files.big = []load.File{{Size: bigSize}, {Size: bigSize}}
		return nil
	}
	root, err := s.root(ctx)
	if err != nil {
		return err
	}
	c, err := nfs.Dial(ctx, s.at.String(), nfs.Options{Auth: nfs.Sys("load", 0, 0)})
	if err != nil {
		return err
	}
	defer c.Close()
	f := &s.files
	for path, to := range map[string]*load.File{"small": &f.dir, "work": &f.work, "work/" + windowOf(s.name): &f.window} {
		if *to, err = walk(ctx, c, root, path); err != nil {
			return err
		}
	}
	if s.changes {
		return nil
	}
	f.big = nil
	for i := range bigFiles {
		file, err := walk(ctx, c, root, fmt.Sprintf("big/f%d", i))
		if err != nil {
			return err
		}
		if err := compare(ctx, c, &file, filepath.Join(s.data, "big", file.Name)); err != nil {
			return err
		}
		f.big = append(f.big, file)
	}
	f.small = nil
	_, err = load.List(s.at, f.dir.Handle, 64<<10, func(name []byte, h nfs.Handle, size uint64) {
		if n := string(name); n != "." && n != ".." {
			f.small = append(f.small, load.File{Name: n, Handle: h, Size: size})
		}
	})
	if err == nil && len(f.small) != smallFiles {
		err = fmt.Errorf("%d of %d names are listed", len(f.small), smallFiles)
	}
	for i := range f.small { // a READDIRPLUS may leave handles out
		if err == nil && f.small[i].Handle.IsZero() {
			f.small[i], err = walk(ctx, c, f.dir.Handle, f.small[i].Name)
		}
	}
	return err
}

func (s *server) root(ctx context.Context) (nfs.Handle, error) {
	c, err := nfs.Dial(ctx, s.mount, nfs.Options{Auth: nfs.Sys("load", 0, 0)})
	if err != nil {
		return nfs.Handle{}, err
	}
	defer c.Close()
	res, err := c.Mnt(ctx, nil, s.export)
	return res.Root, err
}

func walk(ctx context.Context, c *nfs.Client, at nfs.Handle, path string) (f load.File, err error) {
	f.Handle = at
	for name := range strings.SplitSeq(path, "/") {
		res, err := c.Lookup(ctx, nil, nfs.LookupArgs{Dir: f.Handle, Name: name})
		if err != nil {
			return f, fmt.Errorf("%s: %w", path, err)
		}
		f = load.File{Name: name, Handle: res.Object, Size: res.Attr.Attr.Size}
	}
	return f, nil
}

// compare reads a file through the server, several blocks at a time, and on the disk.
func compare(ctx context.Context, c *nfs.Client, file *load.File, path string) error {
	local, err := os.Open(path)
	if err != nil {
		return err
	}
	defer local.Close()
	const block, deep = 1 << 20, 8
	want := make([]byte, block)
	type piece struct {
		data []byte
		err  error
	}
	var flying []chan piece
	next := uint64(0)
	for at := uint64(0); at < file.Size; at += block {
		for ; next < file.Size && len(flying) < deep; next += block {
			got, off := make(chan piece, 1), next
			flying = append(flying, got)
			go func() {
				res, err := c.Read(ctx, nil, nfs.ReadArgs{File: file.Handle, Offset: off, Count: block}, make([]byte, block))
				got <- piece{res.Data, err}
			}()
		}
		p := <-flying[0]
		flying = flying[1:]
		n, err := io.ReadFull(local, want)
		if p.err != nil || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%s at %d: %w", path, at, errors.Join(p.err, err))
		}
		if !bytes.Equal(p.data, want[:n]) {
			return fmt.Errorf("%s at %d: wrong bytes", path, at)
		}
	}
	return nil
}
