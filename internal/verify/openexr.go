package verify

import (
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"runtime"
	"strings"

	"github.com/spillway/spillway/exr"
)

// openEXR decodes every chunk of an OpenEXR file, one after another, and looks at the samples of the full level. from must be
// read forwards to be hashed.
func openEXR(from io.ReaderAt, size int64, rule *Rule) (Result, error) {
	f, err := exr.Open(from, size)
	if err != nil {
		return Result{}, exrProblem(err)
	}
	frame := f.Parts[0].DisplayWindow.Size()
	for _, p := range f.Parts {
		if err := dimensions(p.DataWindow.Size(), &Rule{}); err != nil {
			return Result{}, err
		}
	}
	if err := dimensions(frame, rule); err != nil {
		return Result{}, err
	}
	seen := &content{}
	eyes := make([]exrEye, len(f.Parts))
	main := hasMain(f.Parts)
	for i := range f.Parts {
		eyes[i] = newEye(&f.Parts[i], main)
	}
	for b, err := range f.Blocks(min(runtime.GOMAXPROCS(0), 4)) {
		if err != nil {
			return Result{}, exrProblem(err)
		}
		if (b.Level == image.Point{}) && len(rule.Refuse) > 0 {
			eyes[b.Part].see(b, seen)
		}
	}
	if err := seen.verdict(rule); err != nil {
		return Result{}, err
	}
	return Result{Kind: "exr", Width: uint32(frame.X), Height: uint32(frame.Y)}, nil
}

// exrProblem completes a sentence that starts with the file's name.
func exrProblem(err error) error {
	var e *exr.Error
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("is an OpenEXR picture that cannot be checked; use the check %q: %w", Exists, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("is truncated, or its renderer did not finish it: %w", err)
	case errors.As(err, &e):
		return fmt.Errorf("is a damaged OpenEXR picture: %w", err)
	}
	return fmt.Errorf("cannot be read: %w", err)
}

// exrEye knows what the channels of a part are.
type exrEye struct {
	part   *exr.Header
	roles  []role
	groups []rgb
	rows   [][]float32 // of each channel, for the line at hand
}

// role is what a channel is looked at for.
type role struct {
	skip   bool // cryptomatte: hashes, not numbers
	color  bool // finite, and black if the picture is
	matter bool // part of the picture, not of a helper layer
	alpha  bool
}

// rgb are the channels of a layer that together are colours of pixels.
type rgb struct {
	layer   string
	r, g, b int
}

// hasMain says whether there is a layer that is the picture itself, beside which others are helpers.
func hasMain(parts []exr.Header) bool {
	for _, p := range parts {
		for _, c := range p.Channels {
			if base(c) != "" && isMain(c.Layer()) {
				return true
			}
		}
	}
	return false
}

// isMain knows the names that renderers give to the picture itself.
func isMain(layer string) bool {
	last := strings.ToLower(layer[strings.LastIndexByte(layer, '.')+1:])
	switch last {
	case "", "combined", "beauty", "rgba", "rgb", "main", "color", "composite":
		return true
	}
	return false
}

// base returns r, g, b, y or a for a channel of colour or alpha, and "" for others.
func base(c exr.Channel) string {
	switch strings.ToLower(c.Base()) {
	case "r", "red":
		return "r"
	case "g", "green", "grn":
		return "g"
	case "b", "blue", "blu":
		return "b"
	case "y":
		return "y"
	case "a", "alpha":
		return "a"
	}
	return ""
}

// newEye sorts out the channels of a part. Y is luminance unless X stands beside it. main says that only layers that isMain
// knows are the picture.
func newEye(p *exr.Header, main bool) exrEye {
	e := exrEye{part: p, roles: make([]role, len(p.Channels)), rows: make([][]float32, len(p.Channels))}
	layers := map[string]map[string]int{}
	vectors := map[string]bool{}
	for _, c := range p.Channels {
		if strings.EqualFold(c.Base(), "x") {
			vectors[c.Layer()] = true
		}
	}
	for i, c := range p.Channels {
		b, layer := base(c), c.Layer()
		r := &e.roles[i]
		r.skip = strings.Contains(strings.ToLower(p.Name+"."+layer), "crypto")
		if r.skip || b == "" || b == "y" && vectors[layer] {
			continue
		}
		r.matter = !main || isMain(layer)
		r.alpha = b == "a"
		r.color = true
		if layers[layer] == nil {
			layers[layer] = map[string]int{}
		}
		layers[layer][b] = i
	}
	for layer, l := range layers {
		r, hasR := l["r"]
		g, hasG := l["g"]
		b, hasB := l["b"]
		if !hasR || !hasG || !hasB || !e.roles[r].matter {
			continue
		}
		full := true
		for _, i := range []int{r, g, b} {
			full = full && p.Channels[i].X == 1 && p.Channels[i].Y == 1 && p.Channels[i].Type != exr.Uint
		}
		if full {
			e.groups = append(e.groups, rgb{layer, r, g, b})
		}
	}
	return e
}

// see looks at a block of the full level.
func (e *exrEye) see(b *exr.Block, seen *content) {
	for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
		for i := range e.roles {
			if e.roles[i].skip {
				continue
			}
			e.rows[i] = b.Floats(e.rows[i][:0], i, y)
			e.seeRow(i, b.Bounds.Min.X, y, seen)
		}
		for _, g := range e.groups {
			red, green, blue := e.rows[g.r], e.rows[g.g], e.rows[g.b]
			seen.pixels += int64(len(red))
			for x, r := range red {
				if isMagenta(r, green[x], blue[x]) {
					seen.seeMagenta(b.Bounds.Min.X+x, y, g.layer)
				}
			}
		}
	}
}

// seeRow looks at the samples of one channel in one line.
func (e *exrEye) seeRow(channel, left, y int, seen *content) {
	c, r := e.part.Channels[channel], e.roles[channel]
	row := e.rows[channel]
	if c.Type != exr.Uint {
		for i, v := range row {
			if v-v == 0 || v == v && !r.color { // finite, or an infinite depth
				continue
			}
			if seen.nonFinite == "" {
				x := left + i*c.X
				seen.nonFinite = fmt.Sprintf("%s at %d,%d in channel %q%s", word(v), x, y, c.Name, inPart(e.part.Name))
			}
			break
		}
	}
	switch {
	case !r.matter:
	case r.alpha:
		for _, v := range row {
			seen.seeAlpha(v)
		}
	case !seen.colored:
		for _, v := range row {
			if v > dark || v < -dark || v != v {
				seen.colored = true
				break
			}
		}
	}
}

func word(v float32) string {
	if v != v {
		return "NaN"
	}
	if math.IsInf(float64(v), -1) {
		return "minus infinity"
	}
	return "infinity"
}

func inPart(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" of part %q", name)
}
