package verify

import (
	"errors"
	"fmt"
	"image"
	"math"
)

const (
	dark         = 1e-6 // a float colour up to here is black: what a denoiser makes of nothing
	dark16       = 257  // the same of 16-bit values: 1 of 255
	magentaShare = 1000 // one pixel in so many is a missing texture, not grain
)

// content is what has been seen of the colours of a picture so far.
type content struct {
	pixels    int64 // that have red, green and blue
	colored   bool
	alpha     [2]float32 // lowest and highest
	hasAlpha  bool
	magenta   int64
	where     image.Point // of the first magenta pixel
	layer     string      // of it
	nonFinite string      // the first NaN or infinite sample, in words
}

// seeAlpha takes in an alpha value.
func (c *content) seeAlpha(v float32) {
	if !c.hasAlpha {
		c.alpha, c.hasAlpha = [2]float32{v, v}, true
	}
	c.alpha[0], c.alpha[1] = min(c.alpha[0], v), max(c.alpha[1], v)
}

// isMagenta tells the colour of missing textures under any light: as much blue as red, and no green.
func isMagenta(r, g, b float32) bool {
	return r > 0.02 && math.Abs(float64(r-b)) <= 0.02*float64(r) && g <= 0.01*r && g >= -0.01*r
}

// seeMagenta counts a magenta pixel.
func (c *content) seeMagenta(x, y int, layer string) {
	if c.magenta == 0 {
		c.where, c.layer = image.Pt(x, y), layer
	}
	c.magenta++
}

// verdict completes a sentence that starts with the file's name, or is nil.
func (c *content) verdict(rule *Rule) error {
	switch {
	case rule.refuses(NaN) && c.nonFinite != "":
		return fmt.Errorf("has %s; look for a division by zero in its shaders or its compositing, or leave nan out of refuse", c.nonFinite)
	case rule.refuses(Magenta) && c.pixels > 0 && c.magenta > c.pixels/magentaShare:
		return fmt.Errorf("has %d of %d pixels in the magenta of a missing texture, the first at %d,%d%s; "+
			"look in the log for the texture, or leave magenta out of refuse", c.magenta, c.pixels, c.where.X, c.where.Y, inLayer(c.layer))
	case rule.refuses(Black) && !c.colored && (!c.hasAlpha || c.alpha[0] == c.alpha[1]):
		return errors.New("is black in every pixel; look at its lights, its camera and its layers, or leave black out of refuse")
	}
	return nil
}

func inLayer(layer string) string {
	if layer == "" {
		return ""
	}
	return fmt.Sprintf(" of layer %q", layer)
}

// see looks at every pixel of a decoded picture.
func (c *content) see(m image.Image) {
	r64, ok := m.(image.RGBA64Image)
	if !ok {
		c.colored = true // no picture of the decoders here
		return
	}
	b := m.Bounds()
	c.pixels = int64(b.Dx()) * int64(b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			p := r64.RGBA64At(x, y)
			c.colored = c.colored || max(p.R, p.G, p.B) > dark16
			c.seeAlpha(float32(p.A))
			if p.G <= p.R/64 && isMagenta(float32(p.R)/0xffff, float32(p.G)/0xffff, float32(p.B)/0xffff) {
				c.seeMagenta(x-b.Min.X, y-b.Min.Y, "")
			}
		}
	}
}
