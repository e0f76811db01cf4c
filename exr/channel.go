package exr

import (
	"fmt"
	"strings"
)

// PixelType is the type of a channel's samples. The numbers are those of the file.
type PixelType uint8

// The types.
const (
	Uint  PixelType = iota // 32-bit unsigned integer
	Half                   // 16-bit float (IEEE 754 binary16)
	Float                  // 32-bit float
)

// Size returns the bytes of one sample.
func (t PixelType) Size() int {
	if t == Half {
		return 2
	}
	return 4
}

// String returns uint, half or float.
func (t PixelType) String() string {
	names := [...]string{"uint", "half", "float"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("pixel type %d", uint8(t))
}

// Channel is one channel of a part: R, or diffuse.G.
type Channel struct {
	Name   string
	Type   PixelType
	Linear bool // pLinear: perceptually linear, a hint that B44 and DWA heed
	// X and Y are the sampling rates: there is a sample for each pixel whose coordinates they divide. 1 in a tiled part.
	X, Y int
}

// Layer returns the part of the name before its last full stop: "diffuse" of diffuse.G, "" of R.
func (c Channel) Layer() string {
	i := strings.LastIndexByte(c.Name, '.')
	return c.Name[:max(i, 0)]
}

// Base returns the part of the name after its last full stop: G of diffuse.G.
func (c Channel) Base() string {
	return c.Name[strings.LastIndexByte(c.Name, '.')+1:]
}

// samples counts the multiples of step in [low, high).
func samples(low, high, step int) int {
	if step == 1 {
		return high - low
	}
	return ceilDiv(high, step) - ceilDiv(low, step)
}

func ceilDiv(a, b int) int {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}
