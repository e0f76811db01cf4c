// Package exr reads OpenEXR pictures: scan-line and tiled, one part or many, every level of a mipmap or ripmap, with
// samples of 16-bit float, 32-bit float and 32-bit unsigned integer.
//
// A file is read chunk by chunk, in the order of the file, so that a frame of any size is looked at in bounded memory:
//
//	f, err := exr.Open(file, size)
//	for block, err := range f.Blocks(runtime.GOMAXPROCS(0)) {
//		for y := block.Bounds.Min.Y; y < block.Bounds.Max.Y; y++ {
//			row = block.Floats(row[:0], 0, y)
//		}
//	}
//
// [File.Read] reads the full level of a part into memory, and [Encode] writes a scan-line file.
//
// A compression packs a chunk of these many lines (or one tile): none, RLE and ZIPS 1; ZIP and PXR24 16; PIZ, B44, B44A
// and DWAA 32; DWAB 256. Deep data, and compressions younger than DWAB, are refused with [errors.ErrUnsupported]; a file
// that ends too early with [io.ErrUnexpectedEOF]; everything else that is wrong with a file is an [Error] that says where.
//
// No input makes the package panic, or take memory that the size of the file does not justify: a chunk is unpacked only if
// its compression could have made it that small.
//
// Sources: "OpenEXR File Layout", "Technical Introduction to OpenEXR" and "Reading and Writing OpenEXR Image Files"
// (openexr.com), and for what those leave open (the bit streams of PIZ, B44 and DWA) the behaviour of the reference
// implementation, release 3.1.
package exr
