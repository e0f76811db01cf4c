package exr

import (
	"encoding/binary"
	"errors"
	"image"
	"math"
)

// Picture is the full level of one part in memory.
type Picture struct {
	Header
	Planes []Plane // one for each of Header.Channels
}

// Plane holds the samples of one channel, line by line from the top, without gaps: in the slice that its type names.
type Plane struct {
	Width, Height int // samples, fewer than pixels where the channel is subsampled
	Half          []uint16
	Float         []float32
	Uint          []uint32
}

// NewPicture returns a black picture with room for the samples of h.
func NewPicture(h Header) *Picture {
	p := &Picture{Header: h, Planes: make([]Plane, len(h.Channels))}
	for i, c := range h.Channels {
		w := h.DataWindow
		plane := Plane{Width: samples(w.Min.X, w.Max.X, c.X), Height: samples(w.Min.Y, w.Max.Y, c.Y)}
		n := plane.Width * plane.Height
		switch c.Type {
		case Half:
			plane.Half = make([]uint16, n)
		case Float:
			plane.Float = make([]float32, n)
		case Uint:
			plane.Uint = make([]uint32, n)
		}
		p.Planes[i] = plane
	}
	return p
}

// At returns the sample at column x and row y of the plane.
func (p *Plane) At(x, y int) float64 {
	i := y*p.Width + x
	switch {
	case p.Half != nil:
		return float64(HalfToFloat(p.Half[i]))
	case p.Float != nil:
		return float64(p.Float[i])
	}
	return float64(p.Uint[i])
}

// Set sets the sample at column x and row y of the plane, rounded to its type.
func (p *Plane) Set(x, y int, v float64) {
	i := y*p.Width + x
	switch {
	case p.Half != nil:
		p.Half[i] = HalfFromFloat(float32(v))
	case p.Float != nil:
		p.Float[i] = float32(v)
	default:
		p.Uint[i] = uint32(v)
	}
}

// errNoPart is a mistake of the caller.
var errNoPart = errors.New("exr: there is no such part")

// Read reads the full level of a part (its index in f.Parts) into memory. It takes as much as the samples have, which
// [Header.DataWindow] and [Header.Channels] tell beforehand.
func (f *File) Read(part int) (*Picture, error) {
	if part < 0 || part >= len(f.Parts) {
		return nil, errNoPart
	}
	var p *Picture
	for b, err := range f.Blocks(1) {
		switch {
		case err != nil:
			return nil, err
		case b.Part != part || b.Level != image.Point{}:
			continue
		case p == nil:
			p = NewPicture(f.Parts[part])
		}
		p.put(b)
	}
	return p, nil
}

// put copies the samples of a block to their places.
func (p *Picture) put(b *Block) {
	for i, c := range p.Channels {
		plane := &p.Planes[i]
		left := samples(p.DataWindow.Min.X, b.Bounds.Min.X, c.X)
		for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
			row := b.Row(i, y)
			if row == nil {
				continue
			}
			at := samples(p.DataWindow.Min.Y, y, c.Y)*plane.Width + left
			for n := 0; len(row) > 0; n++ {
				switch c.Type {
				case Half:
					plane.Half[at+n] = binary.LittleEndian.Uint16(row)
				case Float:
					plane.Float[at+n] = math.Float32frombits(binary.LittleEndian.Uint32(row))
				case Uint:
					plane.Uint[at+n] = binary.LittleEndian.Uint32(row)
				}
				row = row[c.Type.Size():]
			}
		}
	}
}
