package rpc

import (
	"encoding/binary"
	"net"

	"github.com/spillway/spillway/nfs/xdr"
)

// writer sends the calls of a link, many with one system call.
type writer struct {
	nc    net.Conn
	auth  *Auth // for messages that have none
	flat  []byte
	vec   [3][]byte
	bufs  net.Buffers
	batch []*inflight // memory for the link's next batch
}

// send sends the calls.
func (w *writer) send(batch []*inflight) error {
	w.flat = w.flat[:0]
	for _, p := range batch {
		begin := len(w.flat)
		w.head(p)
		size := len(w.flat) - begin - 4 + xdr.Padded(len(p.msg.Payload))
		binary.BigEndian.PutUint32(w.flat[begin:], uint32(size)|lastMark)
		if err := w.payload(p.msg.Payload); err != nil {
			return err
		}
	}
	return w.flush()
}

// head appends the record mark, yet without its length, the header and the arguments.
func (w *writer) head(p *inflight) {
	m := p.msg
	auth := m.Auth
	if auth == nil {
		auth = w.auth
	}
	w.flat = append(w.flat, 0, 0, 0, 0)
	w.flat = appendCall(w.flat, p.xid, m.Program, m.Version, m.Procedure, auth)
	w.flat = append(w.flat, m.Args...)
}

// payload appends a small payload and sends a large one.
func (w *writer) payload(b []byte) error {
	if len(b) <= smallBody {
		w.flat = xdr.AppendPadding(append(w.flat, b...), len(b))
		if len(w.flat) < flatLimit {
			return nil
		}
		return w.flush()
	}
	head := len(w.flat)
	w.flat = xdr.AppendPadding(w.flat, len(b))
	w.vec = [3][]byte{w.flat[:head], b, w.flat[head:]}
	w.bufs = w.vec[:]
	_, err := w.bufs.WriteTo(w.nc)
	clear(w.vec[:])
	w.flat = w.flat[:0]
	return err
}

func (w *writer) flush() error {
	if len(w.flat) == 0 {
		return nil
	}
	_, err := w.nc.Write(w.flat)
	w.flat = w.flat[:0]
	return err
}
