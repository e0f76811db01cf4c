package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"time"

	"github.com/spillway/spillway/nfs"
)

const (
	perFolder = 1000 // files
	fileSize  = 4096 // bytes
)

// storage is an NFS server with millions of files that do not exist: what it says of one, and what is in it, is computed from its
// number.
type storage struct {
	folders uint64
	born    nfs.Time
}

// Numbers: 0 is the root, then come the folders, then the files.
func handleOf(n uint64) nfs.Handle {
	b := make([]byte, 32) // as long as those of Linux's server for ext4 and XFS
	binary.BigEndian.PutUint64(b, n)
	h, _ := nfs.NewHandle(b) // it is short enough
	return h
}

func (s *storage) number(h nfs.Handle) (uint64, nfs.Status) {
	b := h.Bytes()
	if len(b) != 32 {
		return 0, nfs.ErrBadHandle
	}
	n := binary.BigEndian.Uint64(b)
	if n > s.folders*(perFolder+1) {
		return 0, nfs.ErrStale
	}
	return n, nfs.OK
}

func (s *storage) isFolder(n uint64) bool { return n <= s.folders }

func (s *storage) attr(n uint64) nfs.Attr {
	a := nfs.Attr{Type: nfs.TypeRegular, Mode: 0o644, Nlink: 1, Size: fileSize, Used: fileSize, FSID: 1, FileID: n + 1, Atime: s.born, Mtime: s.born, Ctime: s.born}
	if s.isFolder(n) {
		a.Type, a.Mode, a.Nlink, a.Size = nfs.TypeDirectory, 0o755, 2, 4096
	}
	return a
}

// in returns what a folder holds: so many numbers from first on, and the letter that their names begin with.
func (s *storage) in(dir uint64) (first, count uint64, letter byte) {
	if dir == 0 {
		return 1, s.folders, 'd'
	}
	return s.folders + 1 + (dir-1)*perFolder, perFolder, 'f'
}

func (s *storage) list(h nfs.Handle, cookie nfs.Cookie, res *nfs.ReaddirResult, plus bool) {
	dir, status := s.number(h)
	if status == nfs.OK && !s.isFolder(dir) {
		status = nfs.ErrNotDir
	}
	if res.Status = status; status != nfs.OK {
		return
	}
	res.DirAttr = nfs.WithAttr(s.attr(dir))
	first, count, letter := s.in(dir)
	for i := uint64(cookie); i < count; i++ {
		n := first + i
		e := nfs.DirEntry{FileID: n + 1, Name: fmt.Sprintf("%c%09d", letter, i), Cookie: nfs.Cookie(i + 1)}
		if plus {
			e.Attr, e.Handle = nfs.WithAttr(s.attr(n)), nfs.WithHandle(handleOf(n))
		}
		if !res.Add(e) {
			return
		}
	}
	res.EOF = true
}

func (s *storage) lookup(_ context.Context, _ *nfs.Request, args *nfs.LookupArgs, res *nfs.LookupResult) {
	dir, status := s.number(args.Dir)
	if res.Status = status; status != nfs.OK {
		return
	}
	first, count, letter := s.in(dir)
	var i uint64
	if _, err := fmt.Sscanf(args.Name, string(letter)+"%d", &i); err != nil || i >= count || !s.isFolder(dir) {
		res.Status = nfs.ErrNoEnt
		return
	}
	res.Object, res.Attr, res.DirAttr = handleOf(first+i), nfs.WithAttr(s.attr(first+i)), nfs.WithAttr(s.attr(dir))
}

// serve answers at an address until ctx ends.
func (s *storage) serve(ctx context.Context, addr string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := &nfs.Server{
		NFS: nfs.Procedures{
			Getattr: func(_ context.Context, _ *nfs.Request, args *nfs.GetattrArgs, res *nfs.GetattrResult) {
				n, status := s.number(args.Object)
				if res.Status = status; status == nfs.OK {
					res.Attr = s.attr(n)
				}
			},
			Access: func(_ context.Context, _ *nfs.Request, args *nfs.AccessArgs, res *nfs.AccessResult) {
				res.Access = args.Access
			},
			Lookup: s.lookup,
			Read: func(_ context.Context, req *nfs.Request, args *nfs.ReadArgs, res *nfs.ReadResult) {
				n, status := s.number(args.File)
				if res.Status = status; status != nfs.OK {
					return
				}
				data := content(n)
				from := min(args.Offset, fileSize)
				to := min(from+uint64(args.Count), fileSize)
				res.Data = append(req.Buffer(fileSize)[:0], data[from:to]...)
				res.EOF, res.Attr = to == fileSize, nfs.WithAttr(s.attr(n))
			},
			Readdir: func(_ context.Context, _ *nfs.Request, args *nfs.ReaddirArgs, res *nfs.ReaddirResult) {
				s.list(args.Dir, args.Cookie, res, false)
			},
			Readdirplus: func(_ context.Context, _ *nfs.Request, args *nfs.ReaddirplusArgs, res *nfs.ReaddirplusResult) {
				s.list(args.Dir, args.Cookie, res, true)
			},
		},
		Mount: nfs.MountProcedures{Mnt: func(_ context.Context, _ *nfs.Request, _ *nfs.MntArgs, res *nfs.MntResult) { res.Root = handleOf(0) }},
	}
	go func() { _ = server.Serve(ctx, l) }() // until ctx ends
	return nil
}

// content is what is in a file: its number, over and over.
func content(n uint64) []byte { return bytes.Repeat(binary.BigEndian.AppendUint64(nil, n), fileSize/8) }

// born is when everything was made: the same in every run, for the filer must find it unchanged.
func born() nfs.Time { return nfs.TimeOf(time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)) }
