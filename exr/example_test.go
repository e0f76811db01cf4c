package exr_test

import (
	"bytes"
	"fmt"
	"image"

	"github.com/spillway/spillway/exr"
)

// The largest value of each channel, in the memory of a few chunks.
func ExampleFile_Blocks() {
	p := exr.NewPicture(exr.Header{
		Channels:    []exr.Channel{{Name: "R", Type: exr.Half, X: 1, Y: 1}, {Name: "Z", Type: exr.Float, X: 1, Y: 1}},
		Compression: exr.ZIP,
		DataWindow:  image.Rect(0, 0, 64, 48),
	})
	p.Planes[0].Set(10, 20, 1.5)
	p.Planes[1].Set(63, 47, 1e6)
	var file bytes.Buffer
	if err := exr.Encode(&file, p); err != nil {
		panic(err)
	}

	f, err := exr.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		panic(err)
	}
	largest := make([]float32, 2)
	var row []float32
	for block, err := range f.Blocks(4) {
		if err != nil {
			panic(err)
		}
		for channel := range largest {
			for y := block.Bounds.Min.Y; y < block.Bounds.Max.Y; y++ {
				row = block.Floats(row[:0], channel, y)
				for _, v := range row {
					largest[channel] = max(largest[channel], v)
				}
			}
		}
	}
	for i, c := range f.Parts[0].Channels {
		fmt.Println(c.Name, c.Type, largest[i])
	}
	// Output:
	// R half 1.5
	// Z float 1e+06
}
