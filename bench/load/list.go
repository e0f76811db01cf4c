package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/xdr"
)

// Listing is what came of reading a directory.
type Listing struct {
	Entries uint64 // "." and ".." included
	Pages   uint64
	First   time.Duration // until the first page was there
	Longest time.Duration // page
	Took    time.Duration
}

// List reads a directory with READDIRPLUS, page after page on one connection, and calls each, if not nil, for every
// entry.
func List(at netip.AddrPort, dir nfs.Handle, page uint32, each func(name []byte, h nfs.Handle, size uint64)) (l Listing, err error) {
	fd, err := dial(at)
	if err != nil {
		return l, err
	}
	defer unix.Close(fd)
	c := &conn{fd: fd, head: template()}
	var cookie uint64
	var verf [8]byte
	begin := time.Now()
	for eof := false; !eof; {
		sent := time.Now()
		start := len(c.out)
		c.out = append(c.out, c.head...)
		c.out = xdr.AppendUint64(handle(c.out, &dir), cookie)
		c.out = xdr.AppendUint32(xdr.AppendUint32(append(c.out, verf[:]...), page), page)
		binary.BigEndian.PutUint32(c.out, 1<<31|uint32(len(c.out)-start-4))
		binary.BigEndian.PutUint32(c.out[atProc:], uint32(nfs.ProcReaddirplus))
		if err := c.flush(); err != nil {
			return l, err
		}
		record, err := c.record()
		if err != nil {
			return l, err
		}
		d := xdr.NewDecoder(record)
		before := l.Entries
		if eof, err = l.page(&d, &cookie, &verf, each); err != nil {
			return l, err
		}
		if !eof && l.Entries == before {
			return l, errors.New("an empty page that is not the last")
		}
		took := time.Since(sent)
		if l.Pages++; l.Pages == 1 {
			l.First = took
		}
		l.Longest = max(l.Longest, took)
	}
	l.Took = time.Since(begin)
	return l, nil
}

// page takes in one reply.
func (l *Listing) page(d *xdr.Decoder, cookie *uint64, verf *[8]byte, each func([]byte, nfs.Handle, uint64)) (eof bool, err error) {
	d.Fixed(24)
	status, hasAttr := nfs.Status(d.Uint32()), d.Bool()
	if hasAttr {
		d.Fixed(84)
	}
	if status != nfs.OK {
		return true, fmt.Errorf("READDIRPLUS: %w", status)
	}
	copy(verf[:], d.Fixed(8))
	for d.Bool() {
		d.Uint64() // file id
		name := d.Opaque(4096)
		*cookie = d.Uint64()
		var size uint64
		if d.Bool() {
			if attr := d.Fixed(84); attr != nil {
				size = binary.BigEndian.Uint64(attr[20:])
			}
		}
		var h nfs.Handle
		if d.Bool() {
			b := d.Opaque(nfs.MaxHandle)
			if each != nil {
				h, _ = nfs.NewHandle(b)
			}
		}
		l.Entries++
		if each != nil {
			each(name, h, size)
		}
	}
	eof = d.Bool()
	return eof, d.Err()
}

// record reads one whole reply.
func (c *conn) record() ([]byte, error) {
	c.in = c.in[:0]
	for last := false; !last; {
		mark, err := c.exactly(4)
		if err != nil {
			return nil, err
		}
		m := binary.BigEndian.Uint32(mark)
		c.in = c.in[:len(c.in)-4]
		last = m>>31 == 1
		if _, err := c.exactly(int(m &^ (1 << 31))); err != nil {
			return nil, err
		}
	}
	return c.in, nil
}

// exactly appends n bytes of the stream to c.in and returns them.
func (c *conn) exactly(n int) ([]byte, error) {
	at := len(c.in)
	if cap(c.in) < at+n {
		c.in = append(make([]byte, 0, 2*(at+n)), c.in...)
	}
	c.in = c.in[:at+n]
	for rest := c.in[at:]; len(rest) > 0; {
		m, err := unix.Read(c.fd, rest)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("receive: %w", err)
		}
		if m == 0 && err == nil {
			return nil, errors.New("the server closed the connection")
		}
		rest = rest[max(m, 0):]
	}
	return c.in[at:], nil
}
