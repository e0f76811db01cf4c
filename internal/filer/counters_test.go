package filer

import "testing"

const testBlock = 256 << 10

// fill starts as much read-ahead as is allowed, and lands it.
func (t *traffic) fill() (started uint64) {
	for t.mayReadAhead(testBlock) {
		t.ahead.Add(testBlock)
		t.unusedAhead.Add(testBlock)
		started += testBlock
	}
	return started
}

// A reader that uses all that was read ahead for it soon has a long link's round trip under way.
func TestReadAheadGrowsWithItsUse(t *testing.T) {
	var x traffic
	const inFlight = 12.5 * 1e6 // a gigabit over a tenth of a second
	trips := 0
	for x.fill() < inFlight {
		if trips++; trips > 12 {
			t.Fatalf("after %d round trips, %d bytes are under way", trips, x.unusedAhead.Load())
		}
		x.unusedAhead.Store(0)
	}
}

// Read-ahead that nobody uses stays below its slack and a few per cent of what was asked for.
func TestReadAheadThatNobodyUsesStaysSmall(t *testing.T) {
	var x traffic
	x.fill()
	for range 100 {
		x.demand.Add(1 << 20)
		x.fill()
	}
	if got, most := x.unusedAhead.Load(), uint64(16*aheadSlack+(100<<20))/15; got > most {
		t.Errorf("%d bytes were read for nobody, want at most %d", got, most)
	}
}
