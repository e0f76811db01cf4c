package exr

import "math"

// HalfToFloat converts the bits of a 16-bit float. It is exact; infinities and NaN stay what they are.
func HalfToFloat(h uint16) float32 {
	// The exponent lands 112 too low, which the multiplication mends for subnormal numbers too.
	bits := math.Float32bits(math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112)
	if h&0x7c00 == 0x7c00 {
		bits |= 0x7f800000
	}
	return math.Float32frombits(bits | uint32(h&0x8000)<<16)
}

// HalfFromFloat returns the bits of the 16-bit float nearest to f, the even one of two; what is too large becomes
// infinite.
func HalfFromFloat(f float32) uint16 {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	bits &= 0x7fffffff
	switch {
	case bits > 0x7f800000: // NaN: keep what fits of its payload, and never make it an infinity
		return sign | 0x7c00 | max(uint16(bits>>13&0x3ff), 1)
	case bits >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case bits < 0x38800000: // subnormal: adding 0.5 leaves multiples of 2^-24 in the low bits, rounded by the processor
		return sign | uint16(math.Float32bits(math.Float32frombits(bits)+0.5)-math.Float32bits(0.5))
	}
	return sign | uint16((bits+0xfff+(bits>>13&1)-0x38000000)>>13)
}
