package filer

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestReorderedStreamIsOneStream reads a file in pieces of a megabyte that arrive as disordered as a client's window lets
// them: the stream must be seen as one and grow long.
func TestReorderedStreamIsOneStream(t *testing.T) {
	const piece, block = 1 << 20, 256 << 10
	rapid.Check(t, func(t *rapid.T) {
		window := rapid.IntRange(1, 15).Draw(t, "window")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var s streams
		var flying []uint64
		next, longest := uint64(0), uint64(0)
		const pieces = 200
		for arrived := 0; arrived < pieces; arrived++ {
			// A window opens as replies come: at first one piece is under way, then one more with each reply.
			for len(flying) < min(window, arrived+1) {
				flying = append(flying, next)
				next++
			}
			i := rng.IntN(len(flying))
			at := flying[i] * piece
			flying = append(flying[:i], flying[i+1:]...)
			longest = max(longest, s.read(at, at+piece, block).run)
		}
		if longest < pieces/16*piece {
			t.Errorf("of %d bytes, the longest run is %d", pieces*piece, longest)
		}
	})
}

func TestDistantReadersAreStreamsOfTheirOwn(t *testing.T) {
	const block = 256 << 10
	var s streams
	for i := range uint64(8) {
		for reader := range uint64(4) {
			from := reader<<30 + i*block
			if run := s.read(from, from+block, block).run; run != (i+1)*block {
				t.Fatalf("reader %d has read %d bytes, not %d", reader, run, (i+1)*block)
			}
		}
	}
}
