package rpc

import (
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs/xdr"
)

// outbox holds the replies of a connection that are ready. The first to bring one while nobody writes becomes the writer
// and sends until the outbox is empty, many replies with one system call.
type outbox struct {
	mu      sync.Mutex
	taken   *sync.Cond // ready has been taken by the writer
	ready   []*Call    // guarded by mu, as are:
	writing bool
	err     error // why nothing can be sent any more

	// Owned by the writer:
	batch []*Call
	flat  []byte      // small replies, one after the other
	pad   [3]byte     // zeros
	vec   [4][]byte   // memory of bufs
	bufs  net.Buffers // what writev takes
}

const (
	flatLimit = 64 << 10 // bytes of small replies that go out together
	smallBody = 16 << 10 // bytes of a payload or a reply that are copied rather than pointed at
)

// send sends a reply, in this goroutine or in that of the writer at work.
func (o *outbox) send(c *conn, call *Call) {
	o.mu.Lock()
	o.ready = append(o.ready, call)
	if o.writing {
		o.mu.Unlock()
		return
	}
	o.writing = true
	o.mu.Unlock()
	if len(c.slots) > 1 {
		runtime.Gosched() // others that are about to finish join this batch
	}
	o.drain(c)
}

const (
	// corked is how many replies the leader gathers before it sends them at the latest.
	corked = 32
	// backlog is how many replies may wait for the writer at work before the leader waits too: a client that sends calls
	// and does not take the replies must not fill the memory.
	backlog = 4 * corked
)

// post leaves a reply of the leader's in the outbox, to be sent with those to the requests that arrived with it.
func (c *conn) post(call *Call) {
	large := call.file != nil || call.bodyLen() > smallBody
	c.out.mu.Lock()
	c.out.ready = append(c.out.ready, call)
	c.out.mu.Unlock()
	if c.posted++; large || c.posted >= corked {
		c.flush()
	}
}

// flush sends what the leader has posted, or leaves it to the writer at work. Only the leader may call it.
func (c *conn) flush() {
	if c.posted == 0 {
		return
	}
	c.posted = 0
	o := &c.out
	o.mu.Lock()
	for o.writing && len(o.ready) >= backlog {
		o.taken.Wait()
	}
	if o.writing || len(o.ready) == 0 {
		o.mu.Unlock()
		return
	}
	o.writing = true
	o.mu.Unlock()
	o.drain(c)
}

// drain sends until nothing is ready.
func (o *outbox) drain(c *conn) {
	o.mu.Lock()
	for len(o.ready) > 0 {
		o.batch, o.ready = o.ready, o.batch[:0]
		o.taken.Broadcast()
		err := o.err
		o.mu.Unlock()
		if err == nil {
			err = o.write(c)
		}
		for i, call := range o.batch {
			o.batch[i] = nil
			slotted := call.slotted
			c.free(call)
			if slotted {
				<-c.slots
			}
		}
		if err != nil {
			c.abort(err)
		}
		o.mu.Lock()
		if o.err == nil {
			o.err = err
		}
	}
	o.writing = false
	o.mu.Unlock()
}

// failure returns why replies could not be sent.
func (o *outbox) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// write sends the batch.
func (o *outbox) write(c *conn) error {
	o.flat = o.flat[:0]
	for _, call := range o.batch {
		n := call.bodyLen()
		if call.file == nil && len(call.Out)+n <= smallBody {
			o.flat = append(o.flat, call.Out...)
			o.flat = xdr.AppendPadding(append(o.flat, call.payload...), n)
			if len(o.flat) < flatLimit {
				continue
			}
			if err := o.flush(c); err != nil {
				return err
			}
			continue
		}
		if err := o.writeLarge(c, call); err != nil {
			return err
		}
	}
	return o.flush(c)
}

// flush sends the small replies gathered so far.
func (o *outbox) flush(c *conn) error {
	if len(o.flat) == 0 {
		return nil
	}
	c.allow()
	_, err := c.nc.Write(o.flat)
	o.flat = o.flat[:0]
	return err
}

// writeLarge sends what has been gathered and then call's reply. The padding after a file is left in flat.
func (o *outbox) writeLarge(c *conn, call *Call) error {
	n := call.bodyLen()
	if call.file != nil {
		o.flat = append(o.flat, call.Out...)
		if err := c.sendFile(o.flat, call); err != nil {
			return err
		}
		o.flat = xdr.AppendPadding(o.flat[:0], n)
		return nil
	}
	c.allow()
	o.vec = [4][]byte{o.flat, call.Out, call.payload, o.pad[:xdr.Padded(n)-n]}
	o.bufs = o.vec[:]
	_, err := o.bufs.WriteTo(c.nc)
	clear(o.vec[:])
	o.flat = o.flat[:0]
	return err
}

// allow gives the peer time to take the bytes of the next write.
func (c *conn) allow() { _ = c.nc.SetWriteDeadline(time.Now().Add(c.srv.limits.Slow)) }
