package exr

import "encoding/binary"

// dwa is what unpacking DWA needs beside zlib and Huffman; its buffers stay for the next chunk.
type dwa struct {
	rules  []byte // those that plan was made of
	plan   plan
	made   bool
	layout *layout

	zip, rle, runs []byte
	ac, dc         []uint16
	bytes          []byte
	blocks         [3][]uint16 // a row of transformed blocks of each colour
}

// dwaHead is the head of a chunk: eleven 64-bit counters. Sizes are in bytes, counts in coefficients.
type dwaHead struct {
	version                          uint64
	zipUnpacked, zipPacked           uint64
	acPacked, dcPacked               uint64
	rlePacked, rleUnpacked, rleBytes uint64
	acCount, dcCount                 uint64
	acDeflated                       uint64 // 0: AC is Huffman coded, 1: deflated
}

const dwaHeadBytes = 11 * 8

// unDWA unpacks a chunk: its head, its channel rules, then four streams: channels as they are, AC coefficients, DC
// coefficients, and channels as runs.
func (c *codec) unDWA(b *Block, src []byte) error {
	if len(src) < dwaHeadBytes {
		return damaged("its DWA stream has %d bytes", len(src))
	}
	var words [11]uint64
	for i := range words {
		words[i] = binary.LittleEndian.Uint64(src[8*i:])
	}
	h := dwaHead{words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], words[8], words[9], words[10]}
	src = src[dwaHeadBytes:]
	if h.version > 2 {
		return unsupported("version %d of DWA", h.version)
	}
	d := &c.dwa
	src, err := d.prepare(b.layout, src, h.version)
	if err != nil {
		return err
	}
	if err := d.size(b, &h); err != nil {
		return err
	}
	var streams [4][]byte
	for i, n := range []uint64{h.zipPacked, h.acPacked, h.dcPacked, h.rlePacked} {
		if n > uint64(len(src)) {
			return damaged("its DWA streams are cut off")
		}
		streams[i], src = src[:n], src[n:]
	}
	if err := c.dwaStreams(&h, streams); err != nil {
		return err
	}
	return c.dwaChannels(b)
}

// prepare makes the plan, unless that of the chunk before does.
func (d *dwa) prepare(l *layout, src []byte, version uint64) (rest []byte, err error) {
	rest = src
	rules := oldRules()
	if version == 2 {
		if rules, rest, err = readRules(src); err != nil {
			return nil, err
		}
	}
	text := src[:len(src)-len(rest)]
	if d.made && d.layout == l && string(d.rules) == string(text) {
		return rest, nil
	}
	d.plan = newPlan(l.Channels, rules)
	for _, t := range d.plan.triples {
		for _, i := range t {
			if d.plan.schemes[i] != schemeDCT || l.Channels[i].Type == Uint {
				return nil, damaged("its rules pair channel %q with others and do not transform it", l.Channels[i].Name)
			}
		}
	}
	for i, s := range d.plan.schemes {
		if s == schemeDCT && l.Channels[i].Type == Uint {
			return nil, damaged("its rules transform channel %q of unsigned integers", l.Channels[i].Name)
		}
	}
	d.made, d.layout, d.rules = true, l, append(d.rules[:0], text...)
	return rest, nil
}

// size makes room for the streams, if the head says of them what the channels need.
func (d *dwa) size(b *Block, h *dwaHead) error {
	var zip, rle, blocks uint64
	for i, ch := range b.layout.Channels {
		w, n := b.width(ch), samples(b.Bounds.Min.Y, b.Bounds.Max.Y, ch.Y)
		switch d.plan.schemes[i] {
		case schemeZip:
			zip += uint64(w * n * ch.Type.Size())
		case schemeRLE:
			rle += uint64(w * n * ch.Type.Size())
		default:
			blocks += uint64(ceilDiv(w, 8) * ceilDiv(n, 8))
		}
	}
	switch {
	case h.zipUnpacked != zip, h.rleBytes != rle, h.dcCount != blocks:
		return damaged("its DWA streams have %d, %d and %d elements, and its channels need %d, %d and %d",
			h.zipUnpacked, h.rleBytes, h.dcCount, zip, rle, blocks)
	case h.acCount > 63*blocks || h.rleUnpacked > 2*rle+2:
		return damaged("its DWA streams have more than its channels need")
	}
	d.zip, d.rle = grow(d.zip, int(zip)), grow(d.rle, int(rle))
	d.dc, d.ac = grow(d.dc, int(blocks)), grow(d.ac, int(h.acCount))
	return nil
}

// dwaStreams unpacks the four streams.
func (c *codec) dwaStreams(h *dwaHead, streams [4][]byte) error {
	d := &c.dwa
	if len(d.zip) > 0 {
		if err := c.unzip(d.zip, streams[0]); err != nil {
			return err
		}
	}
	switch {
	case len(d.ac) == 0:
	case h.acDeflated == 1:
		d.bytes = grow(d.bytes, 2*len(d.ac))
		if err := c.unzip(d.bytes, streams[1]); err != nil {
			return err
		}
		for i := range d.ac {
			d.ac[i] = binary.LittleEndian.Uint16(d.bytes[2*i:])
		}
	case h.acDeflated == 0:
		if err := c.huffman.decode(d.ac, streams[1]); err != nil {
			return err
		}
	default:
		return unsupported("AC coefficients packed by %d", h.acDeflated)
	}
	if n := 2 * len(d.dc); n > 0 {
		c.scratch, d.bytes = grow(c.scratch, n), grow(d.bytes, n)
		if err := c.unzip(c.scratch, streams[2]); err != nil {
			return err
		}
		restore(d.bytes, c.scratch)
		for i := range d.dc {
			d.dc[i] = binary.LittleEndian.Uint16(d.bytes[2*i:])
		}
	}
	if len(d.rle) > 0 {
		d.runs = grow(d.runs, int(h.rleUnpacked))
		if err := c.unzip(d.runs, streams[3]); err != nil {
			return err
		}
		return unRLE(d.rle, d.runs)
	}
	return nil
}

// dwaChannels takes the channels out of the unpacked streams: colours first, then the others in their order.
func (c *codec) dwaChannels(b *Block) error {
	d := &c.dwa
	ac, dc := d.ac, d.dc
	var err error
	done := make([]bool, len(b.layout.Channels))
	for _, t := range d.plan.triples {
		if ac, dc, err = c.dct(b, t[:], ac, dc); err != nil {
			return err
		}
		for _, i := range t {
			done[i] = true
		}
	}
	zip, rle := d.zip, d.rle
	for i, ch := range b.layout.Channels {
		n := b.width(ch) * samples(b.Bounds.Min.Y, b.Bounds.Max.Y, ch.Y)
		switch {
		case done[i]:
		case d.plan.schemes[i] == schemeDCT:
			if ac, dc, err = c.dct(b, []int{i}, ac, dc); err != nil {
				return err
			}
		case d.plan.schemes[i] == schemeRLE:
			planes := rle[:n*ch.Type.Size()]
			rle = rle[len(planes):]
			b.interleave(i, planes, n)
		default:
			for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
				zip = zip[copy(b.Row(i, y), zip):]
			}
		}
	}
	if len(ac) > 0 {
		return damaged("%d AC coefficients are left over", len(ac))
	}
	return nil
}

// interleave fills a channel of n samples from planes of their bytes.
func (b *Block) interleave(channel int, planes []byte, n int) {
	size := b.layout.Channels[channel].Type.Size()
	at := 0
	for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
		row := b.Row(channel, y)
		for i := range row {
			row[i] = planes[i%size*n+at+i/size]
		}
		at += len(row) / size
	}
}
