package exr

// wavelet inverts the two-dimensional Haar transform of PIZ in place: nx × ny words, stepX and stepY apart. top is the
// highest value before the transform; below 2^14 the arithmetic was plain, else modulo 2^16.
func wavelet(words []uint16, nx, stepX, ny, stepY int, top uint16) {
	inverse := modular
	if top < 1<<14 {
		inverse = plain
	}
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
				a, c := inverse(quad[0], quad[dy])
				b, d := inverse(quad[dx], quad[dy+dx])
				quad[0], quad[dx] = inverse(a, b)
				quad[dy], quad[dy+dx] = inverse(c, d)
				at += 2 * dx
			}
			if nx&p != 0 { // a column without a partner
				words[at], words[at+dy] = inverse(words[at], words[at+dy])
			}
		}
		if ny&p != 0 { // a line without a partner
			at := y * stepY
			for x := 0; x+p2 <= nx; x += p2 {
				words[at], words[at+dx] = inverse(words[at], words[at+dx])
				at += 2 * dx
			}
		}
	}
}

// plain returns the two numbers whose mean (rounded down) is l and whose difference is h.
func plain(l, h uint16) (a, b uint16) {
	d := int(int16(h))
	s := int(int16(l)) + d&1 + d>>1
	return uint16(s), uint16(s - d)
}

// modular is plain modulo 2^16.
func modular(l, h uint16) (a, b uint16) {
	b = l - h>>1
	return h + b - 1<<15, b
}
