package exr

import "fmt"

// Compression says how the chunks of a part are packed. The numbers are those of the file.
type Compression uint8

// The compressions.
const (
	None  Compression = iota
	RLE               // runs of bytes; lossless
	ZIPS              // zlib, one line a chunk; lossless
	ZIP               // zlib, 16 lines a chunk; lossless
	PIZ               // wavelet and Huffman, 32 lines; lossless
	PXR24             // zlib, 16 lines; 32-bit floats lose 8 bits
	B44               // 4 × 4 pixels in 14 bytes, 32 lines; lossy for halfs
	B44A              // B44, with flat fields in 3 bytes
	DWAA              // discrete cosine transform, 32 lines; lossy for colour
	DWAB              // DWAA with 256 lines

	compressions // their number
)

// String returns the name that oiiotool and the reference implementation use, in lower case.
func (c Compression) String() string {
	names := [...]string{"none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("compression %d", uint8(c))
}

// lines returns how many lines a chunk of a scan-line part has.
func (c Compression) lines() int {
	switch c {
	case None, RLE, ZIPS:
		return 1
	case ZIP, PXR24:
		return 16
	case DWAB:
		return 256
	}
	return 32
}

// expansion bounds how many bytes may come out of one byte of a chunk. It lets a reader refuse a chunk that claims more
// before it takes memory.
func (c Compression) expansion() int64 {
	const deflate = 1032 // RFC 1951: 258 bytes of a match from 2 bits
	switch c {
	case None:
		return 1
	case RLE:
		return 64 // 128 bytes from 2
	case ZIPS, ZIP, PXR24:
		return 2 * deflate // PXR24 makes 4 bytes of 3
	case PIZ:
		return 512 // a run of 255 samples of 2 bytes from 10 bits
	case B44, B44A:
		return 11 // 32 bytes from 3
	}
	return 64 * deflate // two deflated 2-byte coefficients, one AC and one DC, stand for 64 pixels of up to 4 bytes
}
