package filer

import (
	"container/list"
	"hash/maphash"
	"net/netip"
	"reflect"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs"
)

// replies is the duplicate-request cache: a client that lost its connection sends a call again under the same xid, and a
// repeated REMOVE must not answer NOENT because the first one worked. Repeats that arrive while the first is in progress
// wait for it. Addresses count without their port, for the repeat comes on another connection.
//
// Answers are kept for replyAge, of each client the last repliesOfClient, and in all no more than replyBytes: those that
// were given first go first. A call in progress is never forgotten.
type replies struct {
	seed maphash.Seed

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
	caller uint64 // hash of machine name and uid
	args   uint64 // hash of the arguments
}

type reply struct {
	key   callKey
	done  chan struct{}
	value any // valid after done
	ended time.Time
	bytes int

	inClient, inGiven *list.Element
}

const (
	replyAge        = 2 * time.Minute
	repliesOfClient = 1024
	replyBytes      = 64 << 20
	replyOverhead   = 512 // bytes that an entry takes besides its value: key, lists, maps, channel
)

func newReplies() *replies {
	return &replies{seed: maphash.MakeSeed(), calls: map[callKey]*reply{}, clients: map[netip.Addr]*list.List{}}
}

// once runs fn, which fills in res, unless the same call has been or is being answered: then res becomes that answer.
func once[A comparable, R any](r *replies, req *nfs.Request, proc nfs.Proc, args *A, res *R, fn func()) {
	key := callKey{
		client: req.Client.Addr().Unmap(), xid: req.XID, proc: proc, args: maphash.Comparable(r.seed, *args),
		caller: maphash.Comparable(r.seed, struct {
			machine string
			uid     uint32
		}{req.Auth.Machine, req.Auth.UID}),
	}
	r.mu.Lock()
	r.forgetOld(time.Now())
	if old := r.calls[key]; old != nil {
		r.mu.Unlock()
		<-old.done
		*res = old.value.(R)
		return
	}
	mine := &reply{key: key, done: make(chan struct{}), bytes: int(reflect.TypeFor[R]().Size()) + replyOverhead}
	r.calls[key] = mine
	r.mu.Unlock()

	fn()
	r.mu.Lock()
	defer r.mu.Unlock()
	mine.value, mine.ended = *res, time.Now()
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
	r.bytes += c.bytes
	if of.Len() > repliesOfClient {
		r.forget(of.Front().Value.(*reply))
	}
	for r.bytes > replyBytes {
		r.forget(r.given.Front().Value.(*reply))
	}
}

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
	r.bytes -= c.bytes
	r.given.Remove(c.inGiven)
	of := r.clients[c.key.client]
	if of.Remove(c.inClient); of.Len() == 0 {
		delete(r.clients, c.key.client)
	}
}
