package verify

import (
	"slices"

	"github.com/spillway/spillway/internal/fault"
)

// Flaw is what a picture that decodes may still be, and that is a failed render nearly always.
type Flaw string

// The flaws.
const (
	Black   Flaw = "black"   // no colour at all, and the same alpha everywhere
	NaN     Flaw = "nan"     // NaN anywhere, or an infinite colour: OpenEXR only
	Magenta Flaw = "magenta" // pure magenta in a thousandth of the pixels: what renderers paint for a missing texture
	Repeat  Flaw = "repeat"  // byte for byte the frame before it
)

// DefaultFlaws returns those that are refused unless a step says otherwise.
func DefaultFlaws() []Flaw { return []Flaw{Black, NaN, Magenta} }

// ParseFlaws checks names of flaws. An error is fault.Invalid.
func ParseFlaws(names []string) ([]Flaw, error) {
	out := make([]Flaw, 0, len(names))
	for _, name := range names {
		f := Flaw(name)
		if !slices.Contains([]Flaw{Black, NaN, Magenta, Repeat}, f) {
			return nil, fault.New(fault.Invalid, "%q is none of black, nan, magenta and repeat", name)
		}
		out = append(out, f)
	}
	return out, nil
}

func (r *Rule) refuses(f Flaw) bool { return slices.Contains(r.Refuse, f) }
