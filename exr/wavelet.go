package exr

// wavelet inverts the two-dimensional Haar transform of PIZ in place: nx × ny words, stepX and stepY apart. top is the
// highest value before the transform; below 2^14 the arithmetic was plain, else modulo 2^16.
func wavelet(words []uint16, nx, stepX, ny, stepY int, top uint16) {
	plain := top < 1<<14
	p2 := 1
	for p2 <= min(nx, ny) {
		p2 *= 2
	}
	p2 /= 2
	for p := p2 / 2; p >= 1; p2, p = p, p/2 {
		dx, dy := stepX*p, stepY*p
		y := 0
		for ; y+p2 <= ny; y += p2 {
			x := 0
			at := y * stepY
			for ; x+p2 <= nx; x += p2 {
				quad := words[at : at+dx+dy+1]
				a, c := inverse(plain, quad[0], quad[dy])
				b, d := inverse(plain, quad[dx], quad[dy+dx])
				quad[0], quad[dx] = inverse(plain, a, b)
				quad[dy], quad[dy+dx] = inverse(plain, c, d)
				at += 2 * dx
			}
			if nx&p != 0 { // a column without a partner
				words[at], words[at+dy] = inverse(plain, words[at], words[at+dy])
			}
		}
		if ny&p != 0 { // a line without a partner
			at := y * stepY
			for x := 0; x+p2 <= nx; x += p2 {
				words[at], words[at+dx] = inverse(plain, words[at], words[at+dx])
				at += 2 * dx
			}
		}
	}
}

// inverse returns the two numbers whose mean (rounded down) is l and whose difference is h; unless plain, modulo 2^16.
func inverse(plain bool, l, h uint16) (a, b uint16) {
	if !plain {
		b = l - h>>1
		return h + b - 1<<15, b
	}
	d := int16(h)
	a = l + uint16(d&1) + uint16(d>>1)
	return a, a - h
}
