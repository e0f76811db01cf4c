package filer

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs"
)

// replies is the duplicate-request cache: a client that lost its connection sends a call again under the same xid, and a
// repeated REMOVE must not answer NOENT because the first one worked. Repeats that arrive while the first is in progress
// wait for it. Addresses count without their port, for the repeat comes on another connection.
//
// Answers are kept for replyAge, of each client the last repliesOfClient, and in all no more than replyBytes: those that
// were given first go first. A call in progress is never forgotten. Where changes are written back, answers are in the log
// too, and are given again after a restart (replylog.go).
type replies struct {
	// through puts the answer to a change that was made at the origin into the log; nil: there is none.
	through func(*reply)

	// logging is held while an answer goes into the log and is noted as being there. It comes after an inode's mu and
	// before mu.
	logging sync.Mutex

	mu      sync.Mutex
	calls   map[callKey]*reply
	clients map[netip.Addr]*list.List // of *reply that were given, oldest first
	given   list.List                 // all of them, oldest first
	bytes   int                       // of given
}

type callKey struct {
	client netip.Addr
	xid    uint32
	proc   nfs.Proc
	sum    [16]byte // of who calls, and the arguments
}

type reply struct {
	key   callKey
	done  chan struct{}
	wire  []byte // the answer as it travels; valid after done
	ended time.Time
	seq   uint64 // of the log's record that has it; 0: none. Guarded by the replies' mu

	inClient, inGiven *list.Element
}

const (
	replyAge        = 2 * time.Minute
	repliesOfClient = 1024
	replyBytes      = 64 << 20
	replyOverhead   = 512 // bytes that an entry takes besides its answer: key, lists, maps, channel
)

func newReplies() *replies {
	return &replies{calls: map[callKey]*reply{}, clients: map[netip.Addr]*list.List{}}
}

// keyOf names a call. It is the same after a restart.
func keyOf(req *nfs.Request, proc nfs.Proc, args nfs.Wire) callKey {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 512), req.Auth.UID)
	b = append(append(b, req.Auth.Machine...), 0)
	sum := sha256.Sum256(nfs.AppendWire(b, args))
	return callKey{client: req.Client.Addr().Unmap(), xid: req.XID, proc: proc, sum: [16]byte(sum[:])}
}

// once runs fn, which fills in res, unless the same call has been or is being answered: then res becomes that answer.
func once(r *replies, req *nfs.Request, proc nfs.Proc, args, res nfs.Wire, fn func()) {
	onceLogged(r, req, proc, args, res, func(*reply) { fn() })
}

// onceLogged is once for an fn that puts its answer into the log together with what it changes.
func onceLogged(r *replies, req *nfs.Request, proc nfs.Proc, args, res nfs.Wire, fn func(mine *reply)) {
	key := keyOf(req, proc, args)
	r.mu.Lock()
	r.forgetOld(time.Now())
	if old := r.calls[key]; old != nil {
		r.mu.Unlock()
		<-old.done
		if err := nfs.ParseWire(old.wire, res); err != nil {
			panic("an answer of ours cannot be read: " + err.Error())
		}
		return
	}
	mine := &reply{key: key, done: make(chan struct{})}
	r.calls[key] = mine
	r.mu.Unlock()

	fn(mine)
	r.mu.Lock()
	mine.wire, mine.ended = nfs.AppendWire(nil, res), time.Now()
	logged := mine.seq != 0
	r.mu.Unlock()
	if !logged && r.through != nil {
		r.through(mine)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	close(mine.done)
	r.keep(mine)
}

// keep enters an answer that has been given, and forgets what is too much by it. The caller holds mu.
func (r *replies) keep(c *reply) {
	of := r.clients[c.key.client]
	if of == nil {
		of = list.New()
		r.clients[c.key.client] = of
	}
	c.inClient, c.inGiven = of.PushBack(c), r.given.PushBack(c)
	r.bytes += c.size()
	if of.Len() > repliesOfClient {
		r.forget(of.Front().Value.(*reply))
	}
	for r.bytes > replyBytes {
		r.forget(r.given.Front().Value.(*reply))
	}
}

func (c *reply) size() int { return len(c.wire) + replyOverhead }

// expire gives back the memory of answers that nobody will ask for any more.
func (r *replies) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetOld(now)
}

// forgetOld forgets answers older than replyAge: another call may have the same xid by now. The caller holds mu.
func (r *replies) forgetOld(now time.Time) {
	for e := r.given.Front(); e != nil && now.Sub(e.Value.(*reply).ended) > replyAge; e = r.given.Front() {
		r.forget(e.Value.(*reply))
	}
}

func (r *replies) forget(c *reply) {
	delete(r.calls, c.key)
	r.bytes -= c.size()
	r.given.Remove(c.inGiven)
	of := r.clients[c.key.client]
	if of.Remove(c.inClient); of.Len() == 0 {
		delete(r.clients, c.key.client)
	}
}
