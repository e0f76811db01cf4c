package wan

import (
	"sync"
	"time"
)

// wire is one direction of a link: a clock of when it is free again.
type wire struct {
	rate  float64 // bytes a second; 0: infinite
	delay time.Duration

	mu   sync.Mutex
	free time.Time // guarded by mu: end of the last reservation
	sent uint64    // guarded by mu: bytes
}

// slot is a chunk's passage: from when until when it is on the wire, and when its last byte arrives.
type slot struct {
	start, end, arrive time.Time
}

// reserve puts n bytes on the wire behind all that is on it already.
func (w *wire) reserve(now time.Time, n int) slot {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := slot{start: now}
	if w.free.After(now) {
		s.start = w.free
	}
	s.end = s.start.Add(w.time(n))
	s.arrive = s.end.Add(w.delay)
	w.free = s.end
	w.sent += uint64(n)
	return s
}

// offer is reserve, unless more than queue bytes wait for the wire already: then nothing is put on it.
func (w *wire) offer(now time.Time, n int, queue int64) (slot, bool) {
	w.mu.Lock()
	waiting := w.free.Sub(now)
	w.mu.Unlock()
	if w.rate > 0 && waiting.Seconds()*w.rate > float64(queue) {
		return slot{}, false
	}
	return w.reserve(now, n), true
}

// time returns how long n bytes occupy the wire.
func (w *wire) time(n int) time.Duration {
	if w.rate == 0 {
		return 0
	}
	return time.Duration(float64(n) / w.rate * float64(time.Second))
}

func (w *wire) bytes() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}
