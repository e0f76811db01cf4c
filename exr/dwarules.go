package exr

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// scheme is how DWA packs a channel.
type scheme uint8

const (
	schemeZip scheme = iota // as it is, deflated
	schemeDCT               // discrete cosine transform of 8 × 8 pixels; lossy
	schemeRLE               // planes of bytes, runs, deflated
	schemes                 // their number
)

// rule says how channels of a base name and type are packed. Chunks of version 2 bring their rules along.
type rule struct {
	base     string
	kind     PixelType
	scheme   scheme
	color    int // 0 to 2: red, green or blue of a layer, which are transformed together; -1: by itself
	anyCase  bool
	anyFloat bool // half and float alike, for the built-in rules
}

// oldRules are those of chunks before version 2.
func oldRules() []rule {
	var out []rule
	for color, names := range [][]string{{"r", "red"}, {"g", "grn", "green"}, {"b", "blu", "blue"}} {
		for _, n := range names {
			out = append(out, rule{base: n, scheme: schemeDCT, color: color, anyCase: true, anyFloat: true})
		}
	}
	for _, n := range []string{"y", "by", "ry"} {
		out = append(out, rule{base: n, scheme: schemeDCT, color: -1, anyCase: true, anyFloat: true})
	}
	return append(out, rule{base: "a", scheme: schemeRLE, color: -1, anyCase: true, anyFloat: true},
		rule{base: "a", kind: Uint, scheme: schemeRLE, color: -1, anyCase: true})
}

func (r *rule) matches(c Channel) bool {
	if r.anyFloat && c.Type == Uint || !r.anyFloat && c.Type != r.kind {
		return false
	}
	return r.base == c.Base() || r.anyCase && strings.EqualFold(r.base, c.Base())
}

// readRules reads the rules of a chunk: the bytes of all (and of this number), then name, zero, color + 1 in the upper
// four bits, scheme in two, one unused, case in the last, and the type in a byte of its own.
func readRules(src []byte) (rules []rule, rest []byte, err error) {
	if len(src) < 2 {
		return nil, nil, damaged("its channel rules are cut off")
	}
	n := int(binary.LittleEndian.Uint16(src))
	if n < 2 || n > len(src) {
		return nil, nil, damaged("its channel rules are cut off")
	}
	in, rest := src[2:n], src[n:]
	for len(in) > 0 {
		end := bytes.IndexByte(in, 0)
		if end < 0 || len(in) < end+3 {
			return nil, nil, damaged("its channel rules are cut off")
		}
		flags := in[end+1]
		r := rule{
			base: string(in[:end]), kind: PixelType(in[end+2]), scheme: scheme(flags >> 2 & 3),
			color: int(flags>>4) - 1, anyCase: flags&1 != 0,
		}
		if r.kind > Float || r.scheme >= schemes || r.color > 2 {
			return nil, nil, damaged("its rule for channel %q is none", r.base)
		}
		rules = append(rules, r)
		in = in[end+3:]
	}
	return rules, rest, nil
}

// plan is what the rules make of the channels of a part.
type plan struct {
	schemes []scheme // of each channel
	triples [][3]int // red, green and blue of one layer, in the order in which they are packed
}

func newPlan(channels []Channel, rules []rule) plan {
	p := plan{schemes: make([]scheme, len(channels))}
	layers := map[string]*[3]int{}
	for i, c := range channels {
		for _, r := range rules {
			if !r.matches(c) {
				continue
			}
			p.schemes[i] = r.scheme
			if r.color >= 0 {
				prefix := c.Name[:len(c.Name)-len(c.Base())]
				if layers[prefix] == nil {
					layers[prefix] = &[3]int{-1, -1, -1}
				}
				layers[prefix][r.color] = i
			}
		}
	}
	prefixes := make([]string, 0, len(layers))
	for prefix, l := range layers {
		if l[0] < 0 || l[1] < 0 || l[2] < 0 {
			continue
		}
		r, g, b := channels[l[0]], channels[l[1]], channels[l[2]]
		if r.X == g.X && r.X == b.X && r.Y == g.Y && r.Y == b.Y {
			prefixes = append(prefixes, prefix)
		}
	}
	slices.Sort(prefixes)
	for _, prefix := range prefixes {
		p.triples = append(p.triples, *layers[prefix])
	}
	return p
}
