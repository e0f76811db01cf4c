package meter

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// halfLife is the time after which use counts half.
const halfLife = 30 * time.Second

// callBytes is how many bytes weigh as much as a call.
const callBytes = 64 << 10

// Hot finds the keys that are used most at present, whatever the number of keys, in a fixed amount of memory: the
// "space-saving" summary of Metwally, Agrawal and El Abbadi (2005), with weights that grow instead of counts that decay
// (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", 2009). A key that has more than a 64th of its shard's use is
// never missed. Safe for concurrent use.
type Hot[K comparable] struct {
	seed   maphash.Seed
	begin  atomic.Int64  // the time, in Unix nanoseconds, at which use weighs 1
	weight atomic.Uint64 // bits of what use weighs now
	shards [8]hotShard[K]
}

const places = 64

type hotShard[K comparable] struct {
	mu     sync.Mutex
	at     map[K]int // place
	places []hotPlace[K]
	_      [64]byte // shards do not share a cache line
}

type hotPlace[K comparable] struct {
	key          K
	score        float64 // decides who stays; a key that takes a place takes its score too
	calls, bytes float64 // since the key has the place
}

// Use is how much a key is used, a second.
type Use[K comparable] struct {
	Key          K
	Calls, Bytes float64
}

// NewHot returns a summary of nothing.
func NewHot[K comparable](now time.Time) *Hot[K] {
	h := &Hot[K]{seed: maphash.MakeSeed()}
	h.begin.Store(now.UnixNano())
	h.weight.Store(math.Float64bits(1))
	for i := range h.shards {
		h.shards[i].at = map[K]int{}
	}
	return h
}

// Tick tells the time; about once a second is enough.
func (h *Hot[K]) Tick(now time.Time) {
	lives := float64(now.UnixNano()-h.begin.Load()) / float64(halfLife)
	if lives < 0 || lives > 512 { // the clock was set back, or the numbers become too large: what was counts no more
		for i := range h.shards {
			h.shards[i].empty()
		}
		h.begin.Store(now.UnixNano())
		lives = 0
	}
	h.weight.Store(math.Float64bits(math.Exp2(lives)))
}

func (s *hotShard[K]) empty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.at)
	s.places = s.places[:0]
}

// Add notes calls and bytes of a key.
func (h *Hot[K]) Add(key K, calls, bytes uint64) {
	w := math.Float64frombits(h.weight.Load())
	s := &h.shards[maphash.Comparable(h.seed, key)%uint64(len(h.shards))]
	s.mu.Lock()
	p := s.place(key)
	p.calls += w * float64(calls)
	p.bytes += w * float64(bytes)
	p.score += w * (float64(calls) + float64(bytes)/callBytes)
	s.mu.Unlock()
}

// place returns the key's place, which may be that of the least used one until now.
func (s *hotShard[K]) place(key K) *hotPlace[K] {
	if i, ok := s.at[key]; ok {
		return &s.places[i]
	}
	i := len(s.places)
	if i < places {
		s.places = append(s.places, hotPlace[K]{key: key})
	} else {
		i = 0
		for j := range s.places {
			if s.places[j].score < s.places[i].score {
				i = j
			}
		}
		delete(s.at, s.places[i].key)
		s.places[i] = hotPlace[K]{key: key, score: s.places[i].score}
	}
	s.at[key] = i
	return &s.places[i]
}

// Top returns the n keys that are used most, the first of them first, without those that are hardly used any more.
func (h *Hot[K]) Top(n int) []Use[K] {
	perSecond := math.Ln2 / halfLife.Seconds() / math.Float64frombits(h.weight.Load())
	var all []Use[K]
	for i := range h.shards {
		s := &h.shards[i]
		s.mu.Lock()
		for _, p := range s.places {
			all = append(all, Use[K]{p.key, p.calls * perSecond, p.bytes * perSecond})
		}
		s.mu.Unlock()
	}
	all = slices.DeleteFunc(all, func(u Use[K]) bool { return u.load() < 1e-3 })
	slices.SortStableFunc(all, func(a, b Use[K]) int { return cmp.Compare(b.load(), a.load()) })
	return all[:min(n, len(all))]
}

func (u Use[K]) load() float64 { return u.Calls + u.Bytes/callBytes }
