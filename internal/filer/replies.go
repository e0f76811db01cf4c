package filer

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs"
)

// replies is the duplicate-request cache: a client that lost its connection sends a call again under the same xid, and a
// repeated REMOVE must not answer NOENT because the first one worked. Repeats that arrive while the first is in progress
// wait for it. Addresses count without their port, for the repeat comes on another connection.
type replies struct {
	seed maphash.Seed

	mu    sync.Mutex
	calls map[callKey]*reply
}

type callKey struct {
	client netip.Addr
	xid    uint32
	proc   nfs.Proc
	caller uint64 // hash of machine name and uid
	args   uint64 // hash of the arguments
}

type reply struct {
	done  chan struct{}
	value any // valid after done
	ended time.Time
}

const (
	replyAge = 2 * time.Minute
	maxReply = 8192
)

func newReplies() *replies {
	return &replies{seed: maphash.MakeSeed(), calls: map[callKey]*reply{}}
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
	if old := r.calls[key]; old != nil {
		r.mu.Unlock()
		<-old.done
		*res = old.value.(R)
		return
	}
	mine := &reply{done: make(chan struct{})}
	r.calls[key] = mine
	full := len(r.calls) > maxReply
	r.mu.Unlock()
	if full {
		r.expire(time.Now().Add(replyAge / 2))
	}

	fn()
	r.mu.Lock()
	mine.value, mine.ended = *res, time.Now()
	close(mine.done)
	r.mu.Unlock()
}

// expire forgets answers older than replyAge.
func (r *replies) expire(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, c := range r.calls {
		if !c.ended.IsZero() && now.Sub(c.ended) > replyAge {
			delete(r.calls, key)
		}
	}
}
