package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs/xdr"
)

// TestQuickAndSlowCallsMix sends bursts in which calls wait, are quick, and run elsewhere: each is answered once, and
// none waits for one that waits.
func TestQuickAndSlowCallsMix(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{InFlight: 8})
	r := connect(t, addr)
	for round := range uint32(50) {
		e.slow.Store(round%3 == 0)
		var burst []byte
		const waiting, quick = 5, 100
		for i := range uint32(waiting) {
			burst = append(burst, call(i, 3, procWait, nil)...)
		}
		for i := range uint32(quick) {
			burst = append(burst, call(waiting+i, 3, procEcho, xdr.AppendUint32(xdr.AppendUint32(nil, 4), i))...)
		}
		r.send(burst)
		seen := map[uint32]bool{}
		for range quick {
			xid, body, err := r.reply()
			if err != nil || seen[xid] || xid < waiting || binary.BigEndian.Uint32(body[4:]) != xid-waiting {
				t.Fatalf("round %d: xid %d again or wrong: %x, %v", round, xid, body, err)
			}
			seen[xid] = true
		}
		for range waiting {
			e.release <- struct{}{}
			if xid, _, err := r.reply(); err != nil || xid >= waiting || seen[xid] {
				t.Fatalf("round %d: xid %d, %v", round, xid, err)
			} else {
				seen[xid] = true
			}
		}
	}
}

// TestMoreWaitingCallsThanSlots: calls beyond the limit wait to be run, and all are answered.
func TestMoreWaitingCallsThanSlots(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{InFlight: 3})
	r := connect(t, addr)
	var burst []byte
	for i := range uint32(20) {
		burst = append(burst, call(i, 3, procWait, nil)...)
	}
	r.send(burst)
	close(e.release)
	for range 20 {
		if _, _, err := r.reply(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWaitOutsideOfCalls(t *testing.T) {
	Wait(context.Background()) // does nothing
	Wait(&callContext{Context: context.Background(), call: &Call{}})
}

// TestDeadlinesOfEndedCalls: the timer of a context derived from a call's looks at the call's context once more after it
// has fired, when the call may have ended and another one may use its memory.
func TestDeadlinesOfEndedCalls(t *testing.T) {
	_, addr := serve(t, newEcho(), Limits{})
	r := connect(t, addr)
	for i := range uint32(500) {
		r.send(call(i, 3, procDeadline, nil))
		if xid, _, err := r.reply(); err != nil || xid != i {
			t.Fatalf("call %d: xid %d, %v", i, xid, err)
		}
	}
}

// TestQuickCallsCostNoMemory guards the path of a small call from the socket to the socket.
func TestQuickCallsCostNoMemory(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{})
	r := connect(t, addr)
	request := call(1, 3, procGetNothing, nil)
	buf := make([]byte, 28)
	roundTrip := func() {
		r.send(request)
		for got := 0; got < len(buf); {
			n, err := r.Read(buf[got:])
			if err != nil {
				t.Fatal(err)
			}
			got += n
		}
	}
	roundTrip()
	limit := 0.0
	if raceDetector { // pools lose some of what they hold then, on purpose
		limit = 3
	}
	if n := testing.AllocsPerRun(200, roundTrip); n > limit {
		t.Errorf("a call costs %.1f allocations", n)
	}
}

// TestRepliesNobodyTakesAreBounded: a client that sends calls and takes no replies is read no further, though the calls are
// quick and another goroutine is the one that waits to send.
func TestRepliesNobodyTakesAreBounded(t *testing.T) {
	e := newEcho()
	_, addr := serve(t, e, Limits{InFlight: 32, Slow: time.Minute})
	r := connect(t, addr)
	e.slow.Store(true)
	large := call(1, 3, procEcho, xdr.AppendUint32(nil, 1<<20))
	binary.BigEndian.PutUint32(large, lastMark|uint32(len(large)-4+1<<20))
	for range 12 { // more than the sockets hold
		r.send(append(bytes.Clone(large), make([]byte, 1<<20)...))
	}
	e.slow.Store(false)
	flood := bytes.Repeat(call(2, 3, procGetNothing, nil), 500)
	const most = 64 << 20
	for sent := 0; sent < most; {
		_ = r.SetWriteDeadline(time.Now().Add(2 * time.Second))
		n, err := r.Write(flood)
		if sent += n; err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Errorf("the server has read %d bytes of calls whose replies nobody takes", most)
}
