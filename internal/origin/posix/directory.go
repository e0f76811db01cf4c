package posix

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// What a page asks of getdents64 in bytes. One of described names is small: a reader with a full page must not pay for many
// more. So is one of a Sorted.
const (
	direntBytes = 32 << 10
	plusBytes   = 4 << 10
	plusNames   = 128
)

// ReadDir returns a page; cookies are the file system's own offsets where those last.
func (o *Origin) ReadDir(ctx context.Context, as origin.Cred, dir origin.ID, cookie origin.Cookie, plus bool) (page origin.Page, err error) {
	if o.sorted == nil {
		return o.readPage(as, dir, cookie, plus)
	}
	page, err = o.sorted.ReadDir(ctx, as, dir, cookie, false)
	if err != nil || !plus {
		return page, err
	}
	if len(page.Entries) > plusNames {
		page.Entries, page.EOF = page.Entries[:plusNames], false
		page.Next.At = page.Entries[plusNames-1].Cookie
	}
	page.Entries = slices.Clone(page.Entries) // others have them too
	err = o.with(dir, func(dfd int) error {
		o.describe(as, dfd, dir, page.Entries)
		return nil
	})
	return page, err
}

// readNames is readPage without descriptions.
func (o *Origin) readNames(_ context.Context, as origin.Cred, dir origin.ID, cookie origin.Cookie, _ bool) (origin.Page, error) {
	return o.readPage(as, dir, cookie, false)
}

// readPage returns a page of getdents64.
func (o *Origin) readPage(as origin.Cred, dir origin.ID, cookie origin.Cookie, plus bool) (page origin.Page, err error) {
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
		size := direntBytes
		if plus {
			size = plusBytes
		}
		buf := make([]byte, size)
		n, err := unix.Getdents(int(f.Fd()), buf)
		if err != nil {
			return err
		}
		page.EOF = n == 0
		page.Next = cookie
		page.Entries = make([]origin.DirEntry, 0, n/32) // a name of 7 or 8 bytes takes 32
		for buf = buf[:n]; len(buf) > 0; {
			var e origin.DirEntry
			var skip bool
			e, buf, skip = parseDirent(buf)
			page.Next.At = e.Cookie
			if !skip {
				page.Entries = append(page.Entries, e)
			}
		}
		if plus {
			o.describe(as, dfd, dir, page.Entries)
		}
		if st, err := statFD(dfd); err == nil {
			page.Dir = nfs.WithAttr(attrOf(&st))
		}
		return nil
	})
	return page, err
}

// describe adds what can be told of the listed names to a caller who may look them up.
func (o *Origin) describe(as origin.Cred, dfd int, dir origin.ID, entries []origin.DirEntry) {
	err := o.callers.run(as, func() error {
		return unix.Faccessat2(dfd, "", unix.X_OK, unix.AT_EMPTY_PATH|unix.AT_EACCESS)
	})
	if err != nil {
		return
	}
	for i := range entries {
		if node, ok := o.entryNode(dfd, dir, entries[i].Name); ok {
			entries[i].Node = &node
		}
	}
}

// entryNode describes a listed name; false when it is gone again or on another file system. Opening the file is what
// costs most, so it is not opened where two calls by name surely spoke of the same one.
func (o *Origin) entryNode(dfd int, dir origin.ID, name string) (origin.Node, bool) {
	var st unix.Statx_t
	const flags = unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT
	if err := unix.Statx(dfd, name, flags, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st); err != nil {
		return origin.Node{}, false
	}
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 { // Linux 5.8
		if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
			return origin.Node{}, false
		}
		if id, ok := o.find.identifyName(dfd, &st, dir, name); ok {
			return origin.Node{ID: id, Attr: attrOf(&st)}, true
		}
	}
	fd, err := openChild(dfd, name)
	if err != nil {
		return origin.Node{}, false
	}
	defer unix.Close(fd)
	node, err := o.nodeOf(fd, dir, name)
	return node, err == nil
}

// parseDirent takes one linux_dirent64 off buf: inode (8 bytes), offset of the next (8), length (2), type (1), name.
func parseDirent(buf []byte) (e origin.DirEntry, rest []byte, skip bool) {
	const header = 19
	if len(buf) < header {
		return e, nil, true
	}
	length := int(binary.NativeEndian.Uint16(buf[16:]))
	if length < header || length > len(buf) {
		return e, nil, true
	}
	name := buf[header:length]
	if end := bytes.IndexByte(name, 0); end >= 0 {
		name = name[:end]
	}
	e = origin.DirEntry{
		Name: string(name), FileID: binary.NativeEndian.Uint64(buf), Cookie: binary.NativeEndian.Uint64(buf[8:]),
	}
	return e, buf[length:], e.Name == "." || e.Name == ".."
}

// lastingOffsets says whether the file system's directory offsets mean the same place whatever changes: they are positions
// of a hash or an index there. Elsewhere, as in a merged directory of overlayfs, they may count entries.
func lastingOffsets(dir int) bool {
	var st unix.Statfs_t
	if unix.Fstatfs(dir, &st) != nil {
		return false
	}
	switch uint32(st.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, zfsMagic:
		return true
	}
	return false
}

const zfsMagic = 0x2fc12fc1
