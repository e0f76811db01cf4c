package policy

import (
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/frames"
)

// Order says which of a step's tasks start first, in one of three ways.
type Order struct {
	By      string `yaml:"by" json:"by,omitempty"`           // ascending, descending, middleOut, binary
	Every   int64  `yaml:"every" json:"every,omitempty"`     // every so-manieth first, then the rest
	Frames  string `yaml:"frames" json:"frames,omitempty"`   // these first, in this order, then the rest
	Dialect string `yaml:"dialect" json:"dialect,omitempty"` // of Frames; empty: openjd's
}

// Numbering says how a step's tasks count: task i has the frame number First + i × Every.
type Numbering struct{ First, Every int64 }

var kinds = map[string]farm.OrderKind{
	"ascending": farm.OrderAscending, "descending": farm.OrderDescending, "middleOut": farm.OrderMiddleOut, "binary": farm.OrderBinary,
}

// Validate says what the types don't; config.Decode calls it.
func (o *Order) Validate() error {
	ways := 0
	for _, given := range []bool{o.By != "", o.Every != 0, o.Frames != ""} {
		if given {
			ways++
		}
	}
	_, known := kinds[o.By]
	switch {
	case ways != 1:
		return config.At("by", fault.New(fault.Invalid, "an order is given by one of by, every and frames"))
	case o.By != "" && !known:
		return config.At("by", fault.New(fault.Invalid, "%q is none of ascending, descending, middleOut and binary", o.By))
	case o.Every < 0:
		return config.At("every", fault.New(fault.Invalid, "every %d is not above 0", o.Every))
	case o.Dialect != "" && o.Frames == "":
		return config.At("dialect", fault.New(fault.Invalid, "a dialect is of frames"))
	case o.Frames != "":
		if _, err := o.list(); err != nil {
			return config.At("frames", withHint(err))
		}
	}
	return nil
}

func (o *Order) list() (frames.List, error) {
	if o.Dialect == "" {
		return frames.Parse("openjd", o.Frames)
	}
	return frames.Parse(o.Dialect, o.Frames)
}

// Counted reports whether the order speaks of frame numbers.
func (o *Order) Counted() bool { return o.Frames != "" }

// Farm returns the order of a step of so many tasks; n is needed if the order is Counted.
func (o *Order) Farm(units int64, n Numbering) (farm.Order, error) {
	switch {
	case o.Every > 0:
		return farm.Order{Kind: farm.OrderStrides, Strides: []farm.Stride{{First: 0, Last: (units - 1) / o.Every * o.Every, Step: o.Every}}}, nil
	case o.Frames == "":
		return farm.Order{Kind: kinds[o.By]}, nil
	}
	list, err := o.list()
	if err != nil {
		return farm.Order{}, err
	}
	out := farm.Order{Kind: farm.OrderStrides}
	for _, s := range list {
		first, ok := n.Unit(s.First, units)
		last, also := n.Unit(s.Last, units)
		if !ok || !also || s.Len() > 1 && s.Step%n.Every != 0 {
			frame := s.First
			if ok {
				frame = s.Last
			}
			err := fault.New(fault.Invalid, "frame %d, or one beside it, is none of the step's", frame)
			return out, fault.WithHint(err, "its frames are %d to %d by %d", n.First, n.First+(units-1)*n.Every, n.Every)
		}
		step := int64(1)
		if s.Len() > 1 {
			step = s.Step / n.Every
		}
		out.Strides = append(out.Strides, farm.Stride{First: first, Last: last, Step: step})
	}
	return out, nil
}

// Unit is the task of a frame, if there is one.
func (n Numbering) Unit(frame, units int64) (int64, bool) {
	if n.Every == 0 {
		n.Every = 1
	}
	u := (frame - n.First) / n.Every
	return u, (frame-n.First)%n.Every == 0 && u >= 0 && u < units
}

// withHint puts an error's hint into its text: a place in a file has room for that alone.
func withHint(err error) error {
	if hint := fault.HintOf(err); hint != "" {
		return fault.New(fault.KindOf(err), "%v; %s", err, hint)
	}
	return err
}
