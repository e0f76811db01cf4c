package rpc

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// loadFile makes the call's range of a file ready to be sent. Small ranges become bytes, which cost less than sendfile
// does. Large ones are brought into the page cache first where they are not: the disk must not hold up the connection's
// other replies.
func (c *conn) loadFile(call *Call) {
	switch {
	case call.file == nil:
	case c.raw != nil && call.length >= c.srv.limits.Sendfile:
		c.prefault(call)
	default:
		c.copyFile(call)
	}
}

// copyFile reads the range into a buffer, without waiting for the disk while the call leads.
func (c *conn) copyFile(call *Call) {
	release := call.release
	buf := call.Buffer(call.length)
	n := 0
	if call.leads {
		// Only what is in the page cache. A file system that cannot say (EOPNOTSUPP) is asked again like any other: its
		// waits are its own.
		m, err := unix.Preadv2(int(call.file.Fd()), [][]byte{buf}, call.offset, unix.RWF_NOWAIT)
		if errors.Is(err, unix.EAGAIN) {
			call.wait()
		}
		n = max(m, 0)
	}
	if n < call.length {
		m, err := call.file.ReadAt(buf[n:], call.offset+int64(n))
		if n += m; n < call.length {
			if err == nil || errors.Is(err, io.EOF) {
				err = ErrShortFile
			}
			c.abort(err)
		}
	}
	call.file, call.release, call.payload = nil, nil, buf
	if release != nil {
		release()
	}
}

// prefault reads what is missing of the range in the page cache.
func (c *conn) prefault(call *Call) {
	var stat unix.Cachestat_t
	fd := uint(call.file.Fd())
	err := unix.Cachestat(fd, &unix.CachestatRange{Off: uint64(call.offset), Len: uint64(call.length)}, &stat, 0)
	first, last := call.offset/pageSize, (call.offset+int64(call.length)-1)/pageSize
	if err != nil || int64(stat.Cache) > last-first { // older kernels cannot say: then sendfile waits
		return
	}
	call.wait()
	buf := c.srv.pool.get(min(call.length, 256<<10))
	defer c.srv.pool.put(buf)
	for done := 0; done < call.length; done += len(buf.b) {
		piece := buf.b[:min(len(buf.b), call.length-done)]
		if _, err := call.file.ReadAt(piece, call.offset+int64(done)); err != nil {
			return // sending it fails the same way
		}
	}
}

const pageSize = 4096
