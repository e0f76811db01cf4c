package exr_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spillway/spillway/exr"
)

func TestEveryHalf(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		f := float64(exr.HalfToFloat(h))
		sign, exponent, fraction := 1-2*float64(h>>15), int(h>>10&31), float64(h&0x3ff)
		var want float64
		switch {
		case exponent == 31 && fraction == 0:
			want = math.Inf(int(sign))
		case exponent == 31:
			want = math.NaN()
		case exponent == 0:
			want = sign * fraction * 0x1p-24
		default:
			want = sign * math.Ldexp(1+fraction/1024, exponent-15)
		}
		if f != want && !(math.IsNaN(f) && math.IsNaN(want)) || math.Signbit(f) != (h>>15 == 1) {
			t.Fatalf("%#04x is %v, want %v", h, f, want)
		}
		if back := exr.HalfFromFloat(exr.HalfToFloat(h)); back != h {
			t.Fatalf("%#04x comes back as %#04x", h, back)
		}
	}
}

// TestNearestHalf compares with the two halfs around any float.
func TestNearestHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200_000 {
		f := math.Float32frombits(r.Uint32())
		if r.IntN(2) == 0 { // half-way between two halfs, or next to it
			h := uint16(r.IntN(0x7bff))
			f = (exr.HalfToFloat(h) + exr.HalfToFloat(h+1)) / 2
			f = math.Float32frombits(math.Float32bits(f) + uint32(r.IntN(3)) - 1)
		}
		if f != f {
			continue
		}
		h := exr.HalfFromFloat(f)
		got := float64(exr.HalfToFloat(h))
		if math.IsInf(got, 0) {
			if math.Abs(float64(f)) < 65520 {
				t.Fatalf("%v became infinite", f)
			}
			continue
		}
		for _, other := range []uint16{h - 1, h + 1} {
			o := float64(exr.HalfToFloat(other))
			near, far := math.Abs(got-float64(f)), math.Abs(o-float64(f))
			if o == o && !math.IsInf(o, 0) && (far < near || far == near && h&1 == 1 && other != h^0x8000) {
				t.Fatalf("%v became %v, and %v is nearer", f, got, o)
			}
		}
	}
}
