package demo

import (
	"fmt"
	"image"
	_ "image/png" // the frames' format
	"os"

	"github.com/spillway/spillway/internal/fault"
)

// decode reads a whole picture; a truncated one is an error.
func decode(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, nil
}

// samePixels is nil if both pictures have the same size and the same pixels.
func samePixels(a, b string) error {
	ia, err := decode(a)
	if err != nil {
		return err
	}
	ib, err := decode(b)
	if err != nil {
		return err
	}
	if ia.Bounds() != ib.Bounds() {
		return fault.New(fault.Conflict, "%s is %v, %s is %v", a, ia.Bounds().Size(), b, ib.Bounds().Size())
	}
	different := 0
	for y := ia.Bounds().Min.Y; y < ia.Bounds().Max.Y; y++ {
		for x := ia.Bounds().Min.X; x < ia.Bounds().Max.X; x++ {
			if ia.At(x, y) != ib.At(x, y) {
				different++
			}
		}
	}
	if different > 0 {
		return fault.New(fault.Conflict, "%s and %s differ in %d pixels", a, b, different)
	}
	return nil
}
