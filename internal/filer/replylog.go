package filer

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/spillway/spillway/nfs"
)

// Answers that outlive the filer. A change that is written back and the answer to its call are one record of the log: after a
// crash both are there or neither is, and a repeat of the call is told what the first one was, or is the first. The answer
// to a change that was made at the origin follows it into the log, without anybody waiting for that. A checkpoint moves
// the answers that count to the index ("q" + client).

// replyRecord is an answer, and the record of the change that it speaks of.
type replyRecord struct {
	key    callKey
	wire   []byte // aliases what it was read from
	change []byte // a record; empty: none
}

func (r *replyRecord) encode() []byte {
	b := append(make([]byte, 0, 96+len(r.wire)+len(r.change)), recordReply)
	b = r.appendAnswer(b)
	return append(binary.AppendUvarint(b, uint64(len(r.change))), r.change...)
}

func (r *replyRecord) appendAnswer(b []byte) []byte {
	b = appendBytes(b, string(r.key.client.AsSlice()))
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(r.key.xid)), uint64(r.key.proc))
	b = append(b, r.key.sum[:]...)
	return append(binary.AppendUvarint(b, uint64(len(r.wire))), r.wire...)
}

func (f *fields) answer() (r replyRecord) {
	client := f.bytes()
	addr, ok := netip.AddrFromSlice(client)
	f.bad = f.bad || !ok && len(client) > 0
	r.key = callKey{client: addr, xid: f.u32(), proc: nfs.Proc(f.u32())}
	if len(f.b) < len(r.key.sum) {
		f.bad = true
		return r
	}
	f.b = f.b[copy(r.key.sum[:], f.b):]
	r.wire = f.bytes()
	return r
}

func (f *fields) reply() replyRecord {
	r := f.answer()
	r.change = f.bytes()
	f.bad = f.bad || len(r.change) > 0 && r.change[0] == recordReply
	return r
}

// answersOf is a client's answers as the index keeps them, the oldest first.
func answersOf(all []replyRecord) (b []byte) {
	for i := range all {
		b = all[i].appendAnswer(b)
	}
	return b
}

func parseAnswers(b []byte) (all []replyRecord, err error) {
	f := &fields{b: b}
	for len(f.b) > 0 && !f.bad {
		all = append(all, f.answer())
	}
	if f.bad {
		return nil, errRecord
	}
	return all, nil
}

// log puts a change into the log together with the answer that its call is going to get; add is the log's Append. The
// answer must be given as it is here if the change becomes durable.
func (r *replies) log(mine *reply, res nfs.Wire, change []byte, add func(...[]byte) (uint64, error)) (uint64, error) {
	record := replyRecord{key: mine.key, wire: nfs.AppendWire(nil, res), change: change}
	r.logging.Lock()
	defer r.logging.Unlock()
	seq, err := add(record.encode())
	if err == nil {
		r.mu.Lock()
		mine.seq, mine.wire = seq, record.wire
		r.mu.Unlock()
	}
	return seq, err
}

// logThrough puts an answer into the log whose change is at the origin. A full log does without it.
func (w *writeBack) logThrough(mine *reply) {
	if nfs.Status(binary.BigEndian.Uint32(mine.wire)) != nfs.OK { // nothing has happened: so it would be again
		return
	}
	r := w.f.drc
	record := replyRecord{key: mine.key, wire: mine.wire}
	r.logging.Lock()
	defer r.logging.Unlock()
	if seq, err := w.log.Append(record.encode()); err == nil {
		r.mu.Lock()
		mine.seq = seq
		r.mu.Unlock()
	}
}

// logged returns the answers that the log has below a position, by client, the oldest first.
func (r *replies) logged(below uint64) map[netip.Addr][]replyRecord {
	r.logging.Lock() // what has a place below is noted
	defer r.logging.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetOld(time.Now())
	out := map[netip.Addr][]replyRecord{}
	add := func(c *reply) {
		if c.seq != 0 && c.seq < below {
			out[c.key.client] = append(out[c.key.client], replyRecord{key: c.key, wire: c.wire})
		}
	}
	for e := r.given.Front(); e != nil; e = e.Next() {
		add(e.Value.(*reply))
	}
	for _, c := range r.calls {
		if c.inGiven == nil {
			add(c)
		}
	}
	return out
}

// restore takes over the answers of an earlier run. They count as given now: clients that waited for the filer ask again
// however long it was away. at is a position in the log that is not above theirs.
func (r *replies) restore(all []replyRecord, at uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range all {
		if old := r.calls[a.key]; old != nil {
			r.forget(old)
		}
		c := &reply{key: a.key, done: make(chan struct{}), wire: append([]byte{}, a.wire...), ended: time.Now(), seq: at}
		close(c.done)
		r.calls[a.key] = c
		r.keep(c)
	}
}

// saveReplies is the part of a checkpoint that keeps answers.
func (w *writeBack) saveReplies(pos uint64) (changes []Change) {
	now := w.f.drc.logged(pos)
	w.mu.Lock()
	defer w.mu.Unlock()
	for client := range w.answered {
		if len(now[client]) == 0 {
			changes = append(changes, Change{Key: answersKey(client)})
			delete(w.answered, client)
		}
	}
	for client, all := range now {
		changes = append(changes, Change{answersKey(client), answersOf(all)})
		w.answered[client] = struct{}{}
	}
	return changes
}

// loadReplies reads what checkpoints kept.
func (w *writeBack) loadReplies() (all []replyRecord, err error) {
	err = w.f.kv.Scan([]byte{'q'}, func(key, v []byte) error {
		some, err := parseAnswers(append([]byte{}, v...))
		if err != nil {
			w.f.log.Warn("answers to an earlier run's calls cannot be read", "key", key, "error", err)
			return nil // clients that repeat such a call may be told that it failed
		}
		client, _ := netip.AddrFromSlice(key[1:])
		w.answered[client] = struct{}{}
		all = append(all, some...)
		return nil
	})
	return all, err
}

func answersKey(client netip.Addr) []byte { return append([]byte{'q'}, client.AsSlice()...) }
