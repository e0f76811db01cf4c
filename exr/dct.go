package exr

import (
	"encoding/binary"
	"math"
)

// dct decodes one channel, or red, green and blue together (stored as Y'CbCr), from 8 × 8 blocks: the first coefficient of
// each block from dc, where those of a channel lie together, the others from ac, block by block and colour by colour. It
// returns what is left of both.
func (c *codec) dct(b *Block, channels []int, ac, dc []uint16) (acRest, dcRest []uint16, err error) {
	ch := b.layout.Channels[channels[0]]
	w, h := b.width(ch), samples(b.Bounds.Min.Y, b.Bounds.Max.Y, ch.Y)
	columns, rows := ceilDiv(w, 8), ceilDiv(h, 8)
	if columns*rows == 0 {
		return ac, dc, nil
	}
	linear := c.tables.toLinear()
	if len(channels) == 1 && ch.Linear {
		linear = nil
	}
	lines := make([]int, 0, h)
	for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
		if ch.Y == 1 || y%ch.Y == 0 {
			lines = append(lines, y)
		}
	}
	var values [3][64]float32
	d := &c.dwa
	for i := range channels {
		d.blocks[i] = grow(d.blocks[i], 64*columns)
	}
	for row := range rows {
		for column := range columns {
			flat := true
			for i := range channels {
				var zigzag [64]uint16
				zigzag[0] = dc[i*columns*rows+row*columns+column]
				last, used := unRunAC(&zigzag, ac)
				if used < 0 {
					return nil, nil, damaged("its AC coefficients end too early")
				}
				ac = ac[used:]
				if last == 0 {
					fill(&values[i], HalfToFloat(zigzag[0])*0.125)
					continue
				}
				flat = false
				inverseDCT(&values[i], &zigzag, last)
			}
			n := 64
			if flat {
				n = 1
			}
			if len(channels) == 3 {
				toRGB(values[0][:n], values[1][:n], values[2][:n])
			}
			for i := range channels {
				block := d.blocks[i][64*column : 64*column+64]
				for k, v := range values[i][:n] {
					block[k] = HalfFromFloat(v)
				}
				for k := n; k < 64; k++ {
					block[k] = block[0]
				}
			}
		}
		for i, index := range channels {
			for k, y := range lines[8*row : min(8*row+8, h)] {
				fillRow(b.Row(index, y), d.blocks[i][8*k:], b.layout.Channels[index].Type, linear)
			}
		}
	}
	return ac, dc[len(channels)*columns*rows:], nil
}

// unRunAC reads the coefficients of one block after its first: 0xff00 ends the block, 0xffNN stands for NN zeros. It
// returns the index of the last that is not zero and how many words it read, or -1 if there were not enough.
func unRunAC(zigzag *[64]uint16, ac []uint16) (last, used int) {
	for at := 1; at < 64; used++ {
		if used == len(ac) {
			return 0, -1
		}
		switch v := ac[used]; {
		case v == 0xff00:
			at = 64
		case v>>8 == 0xff:
			at += int(v & 0xff)
		default:
			zigzag[at] = v
			last = at
			at++
		}
	}
	return last, used
}

// fillRow writes the line of a row of blocks that starts at blocks[0].
func fillRow(row []byte, blocks []uint16, t PixelType, linear *[1 << 16]uint16) {
	n := len(row) / t.Size()
	for x := range n {
		v := blocks[x/8*64+x%8]
		if linear != nil {
			v = linear[v]
		}
		if t == Half {
			binary.LittleEndian.PutUint16(row[2*x:], v)
		} else {
			binary.LittleEndian.PutUint32(row[4*x:], math.Float32bits(HalfToFloat(v)))
		}
	}
}

func fill(values *[64]float32, v float32) {
	for i := range values {
		values[i] = v
	}
}

// toRGB turns Y'CbCr (ITU-R BT.709, zero-centred) in place into R'G'B'.
func toRGB(r, g, b []float32) {
	for i, y := range r {
		cb, cr := g[i], b[i]
		r[i] = y + 1.5747*cr
		g[i] = y - 0.1873*cb - 0.4682*cr
		b[i] = y + 1.8556*cb
	}
}

// zigzagOrder says where in zigzag order each coefficient of the 8 × 8 block is.
var zigzagOrder = [64]uint8{
	0, 1, 5, 6, 14, 15, 27, 28,
	2, 4, 7, 13, 16, 26, 29, 42,
	3, 8, 12, 17, 25, 30, 41, 43,
	9, 11, 18, 24, 31, 40, 44, 53,
	10, 19, 23, 32, 39, 45, 52, 54,
	20, 22, 33, 38, 46, 51, 55, 60,
	21, 34, 37, 47, 50, 56, 59, 61,
	35, 36, 48, 49, 57, 58, 62, 63,
}

// inverseDCT transforms the coefficients, of which those after last are zero.
func inverseDCT(out *[64]float32, zigzag *[64]uint16, last int) {
	for i, z := range zigzagOrder {
		out[i] = HalfToFloat(zigzag[z])
	}
	for y := 0; y < 64; y += 8 {
		if int(zigzagOrder[y]) > last { // the first of a line is the first of it in zigzag order: the rest is zero
			break
		}
		dct8(out[y:y+8:y+8], 1)
	}
	for x := range 8 {
		dct8(out[x:], 8)
	}
}

// dct8 is the inverse of the one-dimensional DCT-II of 8 values, step apart, in place: even and odd coefficients each make a
// half, and their sum and difference the two ends. cN is cos(N π/16) / 2.
func dct8(v []float32, step int) {
	const (
		c1 = 0.4903926402016152
		c2 = 0.46193976625564337
		c3 = 0.4157348061512726
		c4 = 0.35355339059327373
		c5 = 0.27778511650980114
		c6 = 0.1913417161825449
		c7 = 0.09754516100806417
	)
	_ = v[7*step]
	v0, v1, v2, v3 := v[0], v[step], v[2*step], v[3*step]
	v4, v5, v6, v7 := v[4*step], v[5*step], v[6*step], v[7*step]

	sum, difference := c4*(v0+v4), c4*(v0-v4)
	p, q := c2*v2+c6*v6, c6*v2-c2*v6
	e0, e1, e2, e3 := sum+p, difference+q, difference-q, sum-p

	o0 := c1*v1 + c3*v3 + c5*v5 + c7*v7
	o1 := c3*v1 - c7*v3 - c1*v5 - c5*v7
	o2 := c5*v1 - c1*v3 + c7*v5 + c3*v7
	o3 := c7*v1 - c5*v3 + c3*v5 - c1*v7

	v[0], v[step], v[2*step], v[3*step] = e0+o0, e1+o1, e2+o2, e3+o3
	v[4*step], v[5*step], v[6*step], v[7*step] = e3-o3, e2-o2, e1-o1, e0-o0
}

// toLinear returns the table that undoes the curve of DWA: a power of 1/2.2 up to 1, a logarithm above.
func (t *tables) toLinear() *[1 << 16]uint16 {
	t.onceLinear.Do(func() {
		t.linear = new([1 << 16]uint16)
		for i := range t.linear {
			if i&0x7c00 == 0x7c00 {
				continue
			}
			f := float64(HalfToFloat(uint16(i)))
			v := math.Pow(math.Abs(f), 2.2)
			if math.Abs(f) > 1 {
				v = math.Exp(2.2 * (math.Abs(f) - 1))
			}
			t.linear[i] = HalfFromFloat(float32(math.Copysign(v, f)))
		}
	})
	return t.linear
}
