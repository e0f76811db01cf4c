package exr

import (
	"image"
	"strings"
)

// limits of what a header may claim.
const (
	maxCoordinate = 1 << 30 // of a window, as in the reference implementation
	maxChannels   = 1 << 14
)

// draft is a header while its attributes come in.
type draft struct {
	Header
	kind       string // the attribute type: scanlineimage, tiledimage, …
	chunkCount int    // -1: not given
	seen       map[string]bool
}

// header reads attributes up to the empty name that ends them. A file of several parts ends its headers with an empty
// header: more is false then.
func (s *scanner) header() (d *draft, more bool, err error) {
	d = &draft{chunkCount: -1, seen: map[string]bool{}}
	d.PixelAspectRatio = 1
	for {
		name, err := s.text()
		if err != nil {
			return nil, false, err
		}
		if name == "" {
			return d, len(d.seen) > 0, nil
		}
		kind, err := s.text()
		if err != nil {
			return nil, false, err
		}
		size, err := s.uint32()
		if err != nil {
			return nil, false, err
		}
		value, err := s.bytes(int64(size))
		if err != nil {
			return nil, false, err
		}
		if d.seen[name] {
			return nil, false, damaged("the attribute %q is there twice", name)
		}
		d.seen[name] = true
		if err := d.take(Attribute{Name: name, Type: kind, Value: value}); err != nil {
			return nil, false, at(err, "attribute %q", name)
		}
	}
}

// take interprets an attribute, or keeps it.
func (d *draft) take(a Attribute) error {
	types := map[string]string{
		"channels": "chlist", "compression": "compression", "lineOrder": "lineOrder", "dataWindow": "box2i",
		"displayWindow": "box2i", "pixelAspectRatio": "float", "tiles": "tiledesc", "name": "string", "view": "string",
		"type": "string", "chunkCount": "int",
	}
	want, known := types[a.Name]
	if !known {
		d.Attributes = append(d.Attributes, a)
		return nil
	}
	if a.Type != want {
		return damaged("its type is %q, want %s", a.Type, want)
	}
	v := &values{b: a.Value}
	var err error
	switch a.Name {
	case "channels":
		d.Channels, err = channels(v)
	case "compression":
		d.Compression = Compression(v.byte())
	case "lineOrder":
		d.LineOrder = LineOrder(v.byte())
	case "dataWindow":
		d.DataWindow = v.box()
	case "displayWindow":
		d.DisplayWindow = v.box()
	case "pixelAspectRatio":
		d.PixelAspectRatio = v.float32()
	case "tiles":
		d.Tiles, err = tiles(v)
	case "chunkCount":
		d.chunkCount = v.int32()
	case "name":
		d.Name = string(v.next(len(v.b)))
	case "view":
		d.View = string(v.next(len(v.b)))
	case "type":
		d.kind = strings.TrimRight(string(v.next(len(v.b))), "\x00")
	}
	if err == nil && (v.bad || len(v.b) > 0) {
		err = damaged("its %d bytes are not a %s", len(a.Value), want)
	}
	return err
}

// channels decodes a chlist: name, type, pLinear, three bytes, x and y sampling; an empty name ends it.
func channels(v *values) ([]Channel, error) {
	var out []Channel
	for {
		name := v.text()
		if name == "" || v.bad {
			return out, nil
		}
		kind, linear := v.uint32(), v.byte()
		v.next(3)
		c := Channel{Name: name, Type: PixelType(min(kind, 255)), Linear: linear == 1, X: v.int32(), Y: v.int32()}
		switch {
		case v.bad:
			return nil, damaged("the list of channels is cut off")
		case c.Type > Float:
			return nil, unsupported("channel %q has %s", name, c.Type)
		case c.X < 1 || c.Y < 1 || c.X > maxCoordinate || c.Y > maxCoordinate:
			return nil, damaged("channel %q is sampled every %d × %d pixels", name, c.X, c.Y)
		case len(out) == maxChannels:
			return nil, damaged("more than %d channels", maxChannels)
		}
		out = append(out, c)
	}
}

// tiles decodes a tiledesc.
func tiles(v *values) (*Tiles, error) {
	w, h, mode := v.uint32(), v.uint32(), v.byte()
	t := &Tiles{Width: int(w), Height: int(h), Mode: LevelMode(mode & 15), RoundUp: mode>>4 == 1}
	switch {
	case v.bad: // said by the caller
	case w == 0 || h == 0 || w > maxCoordinate || h > maxCoordinate:
		return nil, damaged("tiles of %d × %d pixels", w, h)
	case t.Mode > Ripmap || mode>>4 > 1:
		return nil, damaged("there is no level mode %#x", mode)
	}
	return t, nil
}

// finish checks a header as a whole. multi says that the file has several parts, tiled what its version field says of a
// file of one part.
func (d *draft) finish(multi, tiled bool) error {
	for _, name := range []string{"channels", "compression", "dataWindow", "displayWindow", "lineOrder"} {
		if !d.seen[name] {
			return damaged("the attribute %q is missing", name)
		}
	}
	if multi {
		switch d.kind {
		case "scanlineimage":
			tiled = false
		case "tiledimage":
			tiled = true
		case "":
			return damaged(`the attribute "type" is missing, which every part of several needs`)
		default:
			return notFlat(d.kind)
		}
	} else if strings.HasPrefix(d.kind, "deep") {
		return notFlat(d.kind)
	}
	switch {
	case tiled && d.Tiles == nil:
		return damaged(`it is tiled, but the attribute "tiles" is missing`)
	case !tiled:
		d.Tiles = nil
	}
	return d.check()
}

func notFlat(kind string) error {
	if strings.HasPrefix(kind, "deep") {
		return unsupported("it holds deep data (%s)", kind)
	}
	return unsupported("it is of type %q", kind)
}

// check says whether the parts of a header go together.
func (h *Header) check() error {
	if h.Compression >= compressions {
		return unsupported("it is packed by %s", h.Compression)
	}
	if h.LineOrder > RandomY {
		return damaged("there is no line order %d", h.LineOrder)
	}
	if len(h.Channels) == 0 {
		return damaged("it has no channels")
	}
	for name, w := range map[string]image.Rectangle{"data": h.DataWindow, "display": h.DisplayWindow} {
		if w.Empty() || min(w.Min.X, w.Min.Y) < -maxCoordinate || max(w.Max.X, w.Max.Y) > maxCoordinate {
			return damaged("its %s window is %v", name, w)
		}
	}
	for i, c := range h.Channels {
		switch {
		case i > 0 && c.Name == h.Channels[i-1].Name:
			return damaged("channel %q is there twice", c.Name)
		case i > 0 && c.Name < h.Channels[i-1].Name:
			return damaged("channel %q stands after %q", c.Name, h.Channels[i-1].Name)
		case h.Tiles != nil && (c.X != 1 || c.Y != 1):
			return damaged("channel %q of a tiled part is sampled every %d × %d pixels", c.Name, c.X, c.Y)
		}
	}
	return nil
}
