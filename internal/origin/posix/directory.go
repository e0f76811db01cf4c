package posix

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// direntBytes is how much one page asks of getdents64.
const direntBytes = 32 << 10

// ReadDir returns a page of getdents64; cookies are the file system's own offsets.
func (o *Origin) ReadDir(_ context.Context, as origin.Cred, dir origin.ID, cookie origin.Cookie, plus bool) (page origin.Page, err error) {
	err = o.with(dir, func(dfd int) error {
		st, err := statFD(dfd)
		if err != nil {
			return err
		}
		if typeOf(st.Mode) != nfs.TypeDirectory {
			return unix.ENOTDIR
		}
		f, err := o.reopen(as, dfd, &st, os.O_RDONLY)
		if err != nil {
			return err
		}
		defer f.Close()
		if cookie.At != 0 {
			if _, err := unix.Seek(int(f.Fd()), int64(cookie.At), 0); err != nil {
				return nfs.ErrBadCookie
			}
		}
		buf := make([]byte, direntBytes)
		n, err := unix.Getdents(int(f.Fd()), buf)
		if err != nil {
			return err
		}
		page.EOF = n == 0
		page.Next = cookie
		for buf = buf[:n]; len(buf) > 0; {
			var e origin.DirEntry
			var skip bool
			e, page.Next.At, buf, skip = parseDirent(buf)
			if skip {
				continue
			}
			if plus {
				e.Node = o.entryNode(dfd, dir, e.Name)
			}
			page.Entries = append(page.Entries, e)
		}
		if st, err := statFD(dfd); err == nil {
			page.Dir = nfs.WithAttr(attrOf(&st))
		}
		return nil
	})
	return page, err
}

// entryNode describes a listed name, or returns nil when it is gone again or on another file system.
func (o *Origin) entryNode(dfd int, dir origin.ID, name string) *origin.Node {
	fd, err := openChild(dfd, name)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	node, err := o.nodeOf(fd, dir, name)
	if err != nil {
		return nil
	}
	return &node
}

// parseDirent takes one linux_dirent64 off buf: inode (8 bytes), offset of the next (8), length (2), type (1), name.
func parseDirent(buf []byte) (e origin.DirEntry, next uint64, rest []byte, skip bool) {
	const header = 19
	if len(buf) < header {
		return e, 0, nil, true
	}
	length := int(binary.NativeEndian.Uint16(buf[16:]))
	if length < header || length > len(buf) {
		return e, 0, nil, true
	}
	name := buf[header:length]
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	e = origin.DirEntry{Name: string(name), FileID: binary.NativeEndian.Uint64(buf)}
	next = binary.NativeEndian.Uint64(buf[8:])
	return e, next, buf[length:], e.Name == "." || e.Name == ".."
}
