package exr_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/spillway/spillway/exr"
)

// channel returns a channel without subsampling.
func channel(name string, t exr.PixelType) exr.Channel {
	return exr.Channel{Name: name, Type: t, X: 1, Y: 1}
}

// render makes a picture with what renders have: gradients, edges, grain, flat black, values far above 1, negative and
// subnormal ones.
func render(h exr.Header) *exr.Picture {
	p := exr.NewPicture(h)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range p.Planes {
		plane := &p.Planes[i]
		for y := range plane.Height {
			for x := range plane.Width {
				plane.Set(x, y, shade(r, i, x, y, plane.Uint != nil))
			}
		}
	}
	return p
}

func shade(r *rand.Rand, channel, x, y int, whole bool) float64 {
	fx, fy := float64(x), float64(y)
	v := 0.5 + 0.4*math.Sin(fx/17+float64(channel))*math.Cos(fy/11)
	switch {
	case x < 16 && y < 24: // flat
		v = 0
	case x/8%5 == 2:
		v += 0.1 * r.Float64()
	case y/8%4 == 1:
		v *= 300
	case (x+y)/8%6 == 3:
		v = -v
	case y/4%9 == 4:
		v *= 0x1p-20
	}
	if whole {
		return math.Abs(math.Trunc(v*1e6)) + float64(x)
	}
	return v
}

func encode(t testing.TB, p *exr.Picture) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := exr.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// decode reads the full level of the first part.
func decode(t testing.TB, data []byte) *exr.Picture {
	t.Helper()
	f, err := exr.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
