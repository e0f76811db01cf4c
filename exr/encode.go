package exr

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"math"
)

// Encode writes p as a scan-line file of one part. Its channels must be in ascending order of their names, its
// compression None, RLE, ZIPS or ZIP; a zero pixel aspect ratio is written as 1, an empty display window as the data
// window. Two planes that disagree with their channels are an error of the caller.
func Encode(w io.Writer, p *Picture) error {
	h := p.Header
	if h.DisplayWindow.Empty() {
		h.DisplayWindow = h.DataWindow
	}
	if h.PixelAspectRatio == 0 {
		h.PixelAspectRatio = 1
	}
	if err := h.check(); err != nil {
		return err
	}
	switch {
	case h.Tiles != nil:
		return unsupported("tiled parts are not written")
	case h.Compression > ZIP:
		return unsupported("%s is not written", h.Compression)
	case h.LineOrder != IncreasingY:
		return unsupported("lines are written from the top")
	}
	if err := p.fits(); err != nil {
		return err
	}
	l, err := newLayout(&h, math.MaxInt32)
	if err != nil {
		return err
	}
	var chunks bytes.Buffer
	head := h.encode()
	table := make([]byte, 0, 8*l.chunks)
	start := len(head) + 8*l.chunks
	b, z := &Block{}, &packer{}
	for i := range l.chunks {
		table = binary.LittleEndian.AppendUint64(table, uint64(start+chunks.Len()))
		b.reset(l, i)
		p.get(b)
		packed, err := z.pack(h.Compression, b.data)
		if err != nil {
			return err
		}
		put32(&chunks, uint32(b.Bounds.Min.Y))
		put32(&chunks, uint32(len(packed)))
		chunks.Write(packed)
	}
	for _, part := range [][]byte{head, table, chunks.Bytes()} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// fits says whether the planes are those of the channels.
func (p *Picture) fits() error {
	if len(p.Planes) != len(p.Channels) {
		return fmt.Errorf("exr: %d planes for %d channels", len(p.Planes), len(p.Channels))
	}
	for i, c := range p.Channels {
		w, pl := p.DataWindow, &p.Planes[i]
		n := samples(w.Min.X, w.Max.X, c.X) * samples(w.Min.Y, w.Max.Y, c.Y)
		got := map[PixelType]int{Half: len(pl.Half), Float: len(pl.Float), Uint: len(pl.Uint)}[c.Type]
		if got != n || pl.Width != samples(w.Min.X, w.Max.X, c.X) {
			return fmt.Errorf("exr: the plane of channel %q has %d samples of type %s in lines of %d, want %d",
				c.Name, got, c.Type, pl.Width, n)
		}
	}
	return nil
}

// get copies the samples of a block's pixels into it.
func (p *Picture) get(b *Block) {
	for i, c := range p.Channels {
		plane := &p.Planes[i]
		for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
			row := b.Row(i, y)
			at := samples(p.DataWindow.Min.Y, y, c.Y) * plane.Width
			for n := 0; len(row) > 0; n++ {
				switch c.Type {
				case Half:
					binary.LittleEndian.PutUint16(row, plane.Half[at+n])
				case Float:
					binary.LittleEndian.PutUint32(row, math.Float32bits(plane.Float[at+n]))
				case Uint:
					binary.LittleEndian.PutUint32(row, plane.Uint[at+n])
				}
				row = row[c.Type.Size():]
			}
		}
	}
}

// encode returns the magic, the version field and the header.
func (h *Header) encode() []byte {
	var b bytes.Buffer
	b.WriteString(Magic)
	version := uint32(versionNumber)
	long := func(names ...string) {
		for _, n := range names {
			if len(n) > shortName {
				version |= bitLongNames
			}
		}
	}
	for _, c := range h.Channels {
		long(c.Name)
	}
	for _, a := range h.Attributes {
		long(a.Name, a.Type)
	}
	put32(&b, version)

	var list bytes.Buffer
	for _, c := range h.Channels {
		list.WriteString(c.Name + "\x00")
		put32(&list, uint32(c.Type))
		linear := byte(0)
		if c.Linear {
			linear = 1
		}
		list.Write([]byte{linear, 0, 0, 0})
		put32(&list, uint32(c.X), uint32(c.Y))
	}
	list.WriteByte(0)

	attribute(&b, "channels", "chlist", list.Bytes())
	attribute(&b, "compression", "compression", []byte{byte(h.Compression)})
	attribute(&b, "dataWindow", "box2i", box(h.DataWindow))
	attribute(&b, "displayWindow", "box2i", box(h.DisplayWindow))
	attribute(&b, "lineOrder", "lineOrder", []byte{byte(h.LineOrder)})
	attribute(&b, "pixelAspectRatio", "float", binary.LittleEndian.AppendUint32(nil, math.Float32bits(h.PixelAspectRatio)))
	if h.Name != "" {
		attribute(&b, "name", "string", []byte(h.Name))
	}
	if h.View != "" {
		attribute(&b, "view", "string", []byte(h.View))
	}
	own := map[string]bool{}
	for _, a := range h.Attributes {
		own[a.Name] = true
		attribute(&b, a.Name, a.Type, a.Value)
	}
	// Required of every file, and without use here.
	if !own["screenWindowCenter"] {
		attribute(&b, "screenWindowCenter", "v2f", make([]byte, 8))
	}
	if !own["screenWindowWidth"] {
		attribute(&b, "screenWindowWidth", "float", binary.LittleEndian.AppendUint32(nil, math.Float32bits(1)))
	}
	b.WriteByte(0)
	return b.Bytes()
}

func attribute(b *bytes.Buffer, name, kind string, value []byte) {
	b.WriteString(name + "\x00" + kind + "\x00")
	put32(b, uint32(len(value)))
	b.Write(value)
}

func box(r image.Rectangle) []byte {
	var b bytes.Buffer
	put32(&b, uint32(r.Min.X), uint32(r.Min.Y), uint32(r.Max.X-1), uint32(r.Max.Y-1))
	return b.Bytes()
}

func put32(b *bytes.Buffer, values ...uint32) {
	for _, v := range values {
		b.Write(binary.LittleEndian.AppendUint32(nil, v))
	}
}

// packer packs chunks, one after another.
type packer struct {
	to      bytes.Buffer
	deflate *zlib.Writer
}

// pack returns data as a chunk holds it: packed, or as it is if that is not larger. It is good until the next call.
func (p *packer) pack(c Compression, data []byte) ([]byte, error) {
	if c == None {
		return data, nil
	}
	var out []byte
	prepared := prepare(data)
	if c == RLE {
		out = toRLE(prepared)
	} else {
		p.to.Reset()
		if p.deflate == nil {
			p.deflate = zlib.NewWriter(&p.to)
		} else {
			p.deflate.Reset(&p.to)
		}
		if _, err := p.deflate.Write(prepared); err != nil {
			return nil, err
		}
		if err := p.deflate.Close(); err != nil {
			return nil, err
		}
		out = p.to.Bytes()
	}
	if len(out) >= len(data) {
		return data, nil
	}
	return out, nil
}

// prepare is the inverse of restore.
func prepare(data []byte) []byte {
	out := make([]byte, len(data))
	half := (len(data) + 1) / 2
	for i, b := range data {
		if i%2 == 0 {
			out[i/2] = b
		} else {
			out[half+i/2] = b
		}
	}
	last := byte(128)
	for i, b := range out {
		out[i] = b - last + 128
		last = b
	}
	return out
}

// toRLE is the inverse of unRLE: three equal bytes or more are a run.
func toRLE(src []byte) []byte {
	var out []byte
	for start := 0; start < len(src); {
		end := start + 1
		for end < len(src) && src[end] == src[start] && end-start < 128 {
			end++
		}
		if end-start >= 3 {
			out = append(out, byte(end-start-1), src[start])
			start = end
			continue
		}
		for end < len(src) && end-start < 127 && (end+2 >= len(src) || src[end] != src[end+1] || src[end] != src[end+2]) {
			end++
		}
		end = min(end, start+127)
		out = append(append(out, byte(start-end)), src[start:end]...)
		start = end
	}
	return out
}
