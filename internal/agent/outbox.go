package agent

import (
	"slices"
	"sync"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
)

// outbox holds the reports that the server has not acknowledged. A report gets its number when it is first sent, so that
// while the server is away, newer progress replaces older.
type outbox struct {
	wake chan struct{}

	// mu guards what follows.
	mu      sync.Mutex
	seq     uint64
	waiting []draft           // not sent yet
	sent    []*agentv1.Report // in order of seq, not acknowledged
	resend  int               // how many of sent have been sent on this connection
}

// draft is a report without its number. Drafts with the same key replace each other; an empty key replaces nothing.
type draft struct {
	key    string
	report *agentv1.Report
}

// maxUnacknowledged is how many reports may be on their way; what is more waits, and is coalesced.
const maxUnacknowledged = 256

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// put adds a report, in place of a waiting one with the same key.
func (o *outbox) put(key string, r *agentv1.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := -1
	if key != "" {
		i = slices.IndexFunc(o.waiting, func(d draft) bool { return d.key == key })
	}
	if i >= 0 {
		o.waiting[i].report = r
	} else {
		o.waiting = append(o.waiting, draft{key, r})
	}
	o.ring()
}

// rewind makes take return everything unacknowledged again: a new connection.
func (o *outbox) rewind() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.resend = 0
	o.ring()
}

// take returns the next report to send, or nil if there is none now.
func (o *outbox) take() *agentv1.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.resend < len(o.sent) {
		o.resend++
		return o.sent[o.resend-1]
	}
	if len(o.waiting) == 0 || len(o.sent) >= maxUnacknowledged {
		return nil
	}
	r := o.waiting[0].report
	o.waiting = o.waiting[1:]
	o.seq++
	r.Seq = o.seq
	o.sent = append(o.sent, r)
	o.resend++
	return r
}

// ack forgets the reports up to seq.
func (o *outbox) ack(seq uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(o.sent) && o.sent[n].Seq <= seq {
		n++
	}
	o.sent = slices.Delete(o.sent, 0, n)
	o.resend = max(0, o.resend-n)
	o.ring()
}

// empty reports whether everything has been acknowledged.
func (o *outbox) empty() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)+len(o.sent) == 0
}

func (o *outbox) ring() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
