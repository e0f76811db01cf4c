package replace

import (
	"testing"

	"pgregory.net/rapid"
)

// world is a cache whose owner reads pieces, fetches those that are not there, and makes room when told to.
type world struct {
	*Cache
	t       testing.TB
	pieces  map[Key]*Piece
	size    int64
	fetched map[Key]int
}

func newWorld(t testing.TB, capacity, size int64) *world {
	return &world{Cache: New(capacity), t: t, pieces: map[Key]*Piece{}, size: size, fetched: map[Key]int{}}
}

// read reads a whole piece in four calls, and reports whether it was there.
func (w *world) read(key Key) bool {
	p := w.pieces[key]
	if p == nil {
		p = &Piece{Key: key}
		w.pieces[key] = p
	}
	hit := p.in != nil
	for range 4 {
		if !hit && w.Grow(p, w.size/4, false) {
			w.room()
		}
		p.Use(w.size / 4)
	}
	if !hit {
		w.fetched[key]++
	}
	return hit
}

func (w *world) room() {
	w.MakeRoom(w.Bytes()-w.capacity*9/10, func(p *Piece) bool {
		w.Drop(p)
		return p.in == nil
	})
	if over := w.Bytes() - w.capacity; over > 0 {
		w.t.Errorf("%d bytes too much after room was made", over)
	}
}

func file(n uint64) Key { return Key{File: n} }

func TestStreamDoesNotEvictTheWorkingSet(t *testing.T) {
	const capacity, size = 1000 << 10, 10 << 10 // a hundred pieces
	w := newWorld(t, capacity, size)
	part := uint64(0)
	for round := range 20 {
		missed := 0
		for n := range uint64(50) {
			if !w.read(file(n)) {
				missed++
			}
			if round < 2 { // at first there is the working set alone
				continue
			}
			for range 8 { // then somebody streams: four times the cache in each round
				w.read(Key{File: 1000, Part: part})
				part++
			}
		}
		if round > 0 && missed > 0 {
			t.Errorf("round %d: %d of 50 pieces had to be fetched again", round, missed)
		}
	}
}

func TestNewWorkingSetReplacesAnOldOne(t *testing.T) {
	const capacity, size = 1000 << 10, 10 << 10
	w := newWorld(t, capacity, size)
	for range 5 {
		for n := range uint64(90) {
			w.read(file(n))
		}
	}
	missed := 0
	for range 6 {
		missed = 0
		for n := range uint64(80) {
			if !w.read(file(1000 + n)) {
				missed++
			}
		}
	}
	if missed > 0 {
		t.Errorf("%d of 80 pieces of the new set were still fetched in its sixth round", missed)
	}
}

func TestLoopLargerThanTheCacheKeepsSomeOfIt(t *testing.T) {
	w := newWorld(t, 1000<<10, 10<<10)
	hits, reads := 0, 0
	for round := range 20 {
		for n := range uint64(150) {
			hit := w.read(file(n))
			if round >= 10 {
				reads++
				if hit {
					hits++
				}
			}
		}
	}
	if hits*5 < reads { // least-recently-used has none
		t.Errorf("%d of %d reads were hits", hits, reads)
	}
}

func TestPrimedPiecesOutliveAStream(t *testing.T) {
	w := newWorld(t, 1000<<10, 10<<10)
	for n := range uint64(50) {
		p := &Piece{Key: file(n)}
		w.pieces[p.Key] = p
		w.Grow(p, w.size, true)
	}
	for n := range uint64(400) {
		w.read(file(1000 + n))
	}
	for n := range uint64(50) {
		if !w.read(file(n)) {
			t.Errorf("primed piece %d is gone before anybody read it", n)
		}
	}
}

func TestRestoredPiecesGoInTheOrderOfTheirUse(t *testing.T) {
	w := newWorld(t, 1000<<10, 10<<10)
	for n := range uint64(100) {
		p := &Piece{Key: file(n)}
		w.pieces[p.Key] = p
		w.Restore(p, w.size)
		w.Restore(p, w.size)
	}
	if w.Bytes() != 100*w.size {
		t.Errorf("%d bytes were restored", w.Bytes())
	}
	w.pieces[file(0)].Use(1)
	for n := range uint64(20) {
		w.read(file(1000 + n))
	}
	for n := range uint64(100) {
		if gone, want := w.pieces[file(n)].in == nil, n >= 1 && n <= 20; gone != want {
			t.Errorf("piece %d: gone %v, want %v", n, gone, want)
		}
	}
}

func TestPiecesThatCannotGoAreAskedOnce(t *testing.T) {
	w := newWorld(t, 1000<<10, 10<<10)
	for n := range uint64(50) {
		w.read(file(n))
		w.read(file(n))
	}
	asked := map[Key]int{}
	if went := w.MakeRoom(1, func(p *Piece) bool { asked[p.Key]++; p.Use(1); return false }); went != 0 {
		t.Errorf("%d bytes went", went)
	}
	for n := range uint64(50) {
		if asked[file(n)] != 1 {
			t.Errorf("piece %d was asked %d times", n, asked[file(n)])
		}
	}
	if New(10).MakeRoom(1, nil) != 0 {
		t.Error("an empty cache had something to give")
	}
}

// Whatever happens in whatever order: what counts as there is what is there.
func TestBytesAreAccounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, pieces, have := New(1000), [8]*Piece{}, [8]int64{}
		for i := range pieces {
			pieces[i] = &Piece{Key: Key{File: uint64(i)}}
		}
		index := rapid.IntRange(0, len(pieces)-1)
		t.Repeat(map[string]func(*rapid.T){
			"grow": func(t *rapid.T) {
				i, n := index.Draw(t, "piece"), rapid.Int64Range(1, 400).Draw(t, "bytes")
				c.Grow(pieces[i], n, rapid.Bool().Draw(t, "wanted"))
				have[i] += n
			},
			"shrink": func(t *rapid.T) {
				i := index.Draw(t, "piece")
				n := rapid.Int64Range(0, have[i]).Draw(t, "bytes")
				c.Shrink(pieces[i], n)
				have[i] -= n
			},
			"use": func(t *rapid.T) {
				pieces[index.Draw(t, "piece")].Use(rapid.Int64Range(1, 400).Draw(t, "bytes"))
			},
			"make room": func(t *rapid.T) {
				stuck := rapid.Uint8().Draw(t, "stuck")
				want := rapid.Int64Range(1, 2000).Draw(t, "bytes")
				var free, sum int64
				for i, n := range have {
					if stuck>>i&1 == 0 {
						free += n
					}
				}
				went := c.MakeRoom(want, func(p *Piece) bool {
					i := p.Key.File
					if have[i] == 0 {
						t.Fatalf("piece %d is not there", i)
					}
					if stuck>>i&1 == 1 {
						return false
					}
					sum += have[i]
					c.Shrink(p, have[i])
					have[i] = 0
					return true
				})
				if went != sum || went < min(want, free) {
					t.Fatalf("%d bytes went, said %d, of %d wanted and %d that could", sum, went, want, free)
				}
			},
			"": func(t *rapid.T) {
				var sum int64
				for i, n := range have {
					sum += n
					if (pieces[i].in != nil) != (n > 0) {
						t.Fatalf("piece %d of %d bytes: queued %v", i, n, pieces[i].in != nil)
					}
				}
				if got := c.Bytes(); got != sum {
					t.Fatalf("%d bytes, want %d", got, sum)
				}
			},
		})
	})
}

// BenchmarkChurn is a cache of a million pieces that is full: what one more costs.
func BenchmarkChurn(b *testing.B) {
	const pieces = 1 << 20
	c := New(pieces)
	all := make([]Piece, 2*pieces)
	for i := range all {
		all[i].Key.File = uint64(i)
	}
	for i := range pieces {
		c.Grow(&all[i], 1, false)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := &all[(pieces+i)%len(all)]
		if p.in == nil && c.Grow(p, 1, false) {
			c.MakeRoom(1, func(p *Piece) bool { c.Shrink(p, 1); return true })
		}
	}
}
