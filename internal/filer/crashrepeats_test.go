package filer

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
)

// repeats sends calls again, byte for byte, as a client does whose reply was lost: at once, later, and after a crash. The
// answer must be the first one's, and nothing may be done a second time, which the model of the files sees.
type repeats struct {
	mu       sync.Mutex
	sent     []byte // by the client, the last time; guarded by mu
	answered []answeredCall
}

type answeredCall struct {
	call, reply []byte
	logged      bool // the log has the answer
	firm        bool // and it is durable
}

// maxAnswered is how many calls are remembered.
const maxAnswered = 12

type tapped struct {
	net.Conn
	r *repeats
}

func (t tapped) Write(b []byte) (int, error) {
	t.r.mu.Lock()
	t.r.sent = bytes.Clone(b)
	t.r.mu.Unlock()
	return t.Conn.Write(b)
}

func (r *repeats) dialer(w *wire) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := w.dial(ctx, addr)
		return tapped{c, r}, err
	}
}

// again sends a call over a connection of its own, until it is answered; false: the filer is gone.
func (r *repeats) again(w *world, call []byte) ([]byte, bool) {
	for w.ctx.Err() == nil {
		c, err := w.near.dial(w.ctx, "")
		if err != nil {
			return nil, false
		}
		stop := context.AfterFunc(w.ctx, func() { c.Close() })
		var reply []byte
		if _, err = c.Write(call); err == nil {
			reply, err = readRecord(c)
		}
		stop()
		c.Close()
		if err == nil {
			return reply, w.ctx.Err() == nil
		}
		w.total.lostReplies++
	}
	return nil, false
}

// keep repeats the call that was just answered and remembers the answer. durable: its own is, and so are all before it.
func (r *repeats) keep(w *world, durable bool) {
	r.mu.Lock()
	call := bytes.Clone(r.sent)
	r.mu.Unlock()
	reply, ok := r.again(w, call)
	if !ok {
		return
	}
	drc, xid, logged := w.f.drc, binary.BigEndian.Uint32(call[4:]), false
	drc.mu.Lock()
	for key, c := range drc.calls {
		logged = logged || key.xid == xid && c.seq != 0
	}
	drc.mu.Unlock()
	r.answered = append(r.answered, answeredCall{call: call, reply: reply, logged: logged})
	r.answered = r.answered[max(0, len(r.answered)-maxAnswered):]
	if durable {
		r.firm()
	}
}

// firm notes that the log is durable up to here.
func (r *repeats) firm() {
	for i := range r.answered {
		r.answered[i].firm = r.answered[i].logged
	}
}

// crashed forgets what the next life need not know.
func (r *repeats) crashed() {
	var left []answeredCall
	for _, a := range r.answered {
		if a.firm {
			left = append(left, a)
		}
	}
	r.answered = left
}

// check repeats some calls.
func (r *repeats) check(w *world) {
	for _, a := range r.answered {
		if w.rng.IntN(2) == 0 {
			continue
		}
		got, ok := r.again(w, a.call)
		if !ok {
			return
		}
		w.total.repeats++
		if !bytes.Equal(got, a.reply) {
			w.t.Fatalf("a repeated call, answered with %x, is now answered with %x", a.reply, got)
		}
	}
}
