package exr

import "encoding/binary"

// huffman decodes the canonical Huffman code of PIZ and DWA: symbols are 16-bit samples, and one more that repeats the
// sample before it as often as the next 8 bits say. Shorter codes are numerically higher than longer ones, and codes of
// one length ascend with their symbols, so that lengths alone describe a code.
type huffman struct {
	lengths []uint8  // of each symbol's code, 0: not used
	symbols []uint32 // by ascending length, then symbol
	base    [maxCode + 2]uint64
	count   [maxCode + 2]int
	first   [maxCode + 2]int          // of each length in symbols
	lookup  [1 << lookupBits]codeWord // by the next bits
	longest int
}

// codeWord is a symbol and the length of its code; length 0: the code is longer than lookupBits, or there is none.
type codeWord struct {
	symbol uint32
	length uint32
}

const (
	symbolsMax = 1<<16 + 1
	lookupBits = 13
	// maxCode is the longest code in bits. The format would allow 58, but a Huffman tree that is deeper than 45 takes
	// more samples than a chunk has.
	maxCode = 56
)

// decode fills dst. The stream starts with five 32-bit words: the lowest and the highest symbol (which is the one that
// repeats), the bytes of the table (not needed), the bits of the data, and a reserved one.
func (h *huffman) decode(dst []uint16, src []byte) error {
	if len(dst) == 0 {
		return nil
	}
	if len(src) < 20 {
		return damaged("its Huffman stream has %d bytes", len(src))
	}
	low, high := binary.LittleEndian.Uint32(src), binary.LittleEndian.Uint32(src[4:])
	bits := int64(binary.LittleEndian.Uint32(src[12:]))
	if low > high || high >= symbolsMax {
		return damaged("its Huffman symbols are %d to %d", low, high)
	}
	rest, err := h.readLengths(src[20:], int(low), int(high))
	if err != nil {
		return err
	}
	if err := h.build(int(low), int(high)); err != nil {
		return err
	}
	if bits > 8*int64(len(rest)) {
		return damaged("its Huffman stream says to have %d bits and has %d bytes", bits, len(rest))
	}
	return h.run(dst, rest[:(bits+7)/8], bits, high)
}

// readLengths reads the code lengths of the symbols from low to high, 6 bits each: 59 to 62 are 2 to 5 symbols without a
// code, 63 is as many as the next 8 bits say, and 6.
func (h *huffman) readLengths(src []byte, low, high int) (rest []byte, err error) {
	h.lengths = grow(h.lengths, symbolsMax)
	clear(h.lengths)
	var buffer uint64
	have, pos := 0, 0
	take := func(n int) int {
		for have < n {
			var b byte
			if pos < len(src) {
				b = src[pos]
			}
			pos++
			buffer = buffer<<8 | uint64(b)
			have += 8
		}
		have -= n
		return int(buffer >> have & (1<<n - 1))
	}
	for i := low; i <= high; i++ {
		n := take(6)
		run := 0
		switch {
		case n == 63:
			run = take(8) + 6
		case n >= 59:
			run = n - 57
		case n > maxCode:
			return nil, damaged("a Huffman code of %d bits", n)
		default:
			h.lengths[i] = uint8(n)
		}
		if pos > len(src) {
			return nil, damaged("its Huffman table ends too early")
		}
		if run > 0 {
			i += run - 1
			if i > high {
				return nil, damaged("its Huffman table has too many symbols")
			}
		}
	}
	return src[pos:], nil
}

// build makes the tables from the lengths.
func (h *huffman) build(low, high int) error {
	h.base, h.count = [maxCode + 2]uint64{}, [maxCode + 2]int{}
	used := 0
	for _, n := range h.lengths[low : high+1] {
		if n > 0 {
			h.count[n]++
			used++
		}
	}
	var code uint64
	h.longest = 0
	for n := maxCode; n > 0; n-- {
		h.base[n] = code
		if h.count[n] > 0 && h.longest == 0 {
			h.longest = n
		}
		code += uint64(h.count[n])
		if code&1 != 0 && used > 1 {
			return damaged("its Huffman code is not complete")
		}
		code >>= 1
	}
	if code > 1 {
		return damaged("its Huffman code has too many words")
	}
	at := 0
	for n := 1; n <= maxCode; n++ {
		h.first[n] = at
		at += h.count[n]
	}
	h.symbols = grow(h.symbols, used)
	h.lookup = [1 << lookupBits]codeWord{}
	var seen [maxCode + 2]int
	for s := low; s <= high; s++ {
		n := int(h.lengths[s])
		if n == 0 {
			continue
		}
		h.symbols[h.first[n]+seen[n]] = uint32(s)
		if n <= lookupBits {
			code := int(h.base[n]) + seen[n]
			from := code << (lookupBits - n)
			if from+1<<(lookupBits-n) > len(h.lookup) {
				return damaged("its Huffman code has too many words")
			}
			for i := range 1 << (lookupBits - n) {
				h.lookup[from+i] = codeWord{uint32(s), uint32(n)}
			}
		}
		seen[n]++
	}
	return nil
}

// run decodes bits of src into dst, which they must fill exactly.
func (h *huffman) run(dst []uint16, src []byte, bits int64, repeat uint32) error {
	var buffer uint64 // the next bits, left-aligned
	have, pos, out := 0, 0, 0
	for out < len(dst) {
		if pos+8 <= len(src) {
			buffer |= binary.BigEndian.Uint64(src[pos:]) >> have
			n := (63 - have) / 8
			pos += n
			have += 8 * n
			buffer &= ^uint64(0) << (64 - have) // the next load brings what was cut here
		} else {
			for have <= 56 && pos < len(src) {
				buffer |= uint64(src[pos]) << (56 - have)
				pos++
				have += 8
			}
		}
		word := h.lookup[buffer>>(64-lookupBits)]
		if word.length == 0 {
			word = h.long(buffer)
		}
		if word.length == 0 || int(word.length) > have {
			return damaged("its Huffman stream ends too early or has no such code")
		}
		buffer <<= word.length
		have -= int(word.length)
		if word.symbol != repeat {
			dst[out] = uint16(word.symbol)
			out++
			continue
		}
		if have < 8 {
			// The refill leaves at least 56 bits, less only at the end of the stream; a long code may use them up.
			for have <= 56 && pos < len(src) {
				buffer |= uint64(src[pos]) << (56 - have)
				pos++
				have += 8
			}
		}
		n := int(buffer >> 56)
		if have < 8 || out == 0 || n > len(dst)-out {
			return damaged("a run of its Huffman stream does not fit")
		}
		buffer <<= 8
		have -= 8
		last := dst[out-1]
		for i := range n {
			dst[out+i] = last
		}
		out += n
	}
	if used := 8*int64(pos) - int64(have); used != bits {
		return damaged("its samples take %d bits of its Huffman stream of %d", used, bits)
	}
	return nil
}

// long finds the code at the top of buffer among those that are longer than the lookup table is wide.
func (h *huffman) long(buffer uint64) codeWord {
	for n := lookupBits + 1; n <= h.longest; n++ {
		i := buffer>>(64-n) - h.base[n]
		if i < uint64(h.count[n]) {
			return codeWord{h.symbols[h.first[n]+int(i)], uint32(n)}
		}
	}
	return codeWord{}
}
