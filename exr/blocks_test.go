package exr_test

import (
	"bytes"
	"errors"
	"image"
	"io"
	"math"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/exr"
)

// TestWorkersAgree compares what workers unpack with what the caller does.
func TestWorkersAgree(t *testing.T) {
	for _, path := range append(glob(t, "testdata/oiiotool", "*.exr"), glob(t, "testdata/reference", "*.exr")...) {
		data := read(t, path)
		if a, b := fingerprint(t, data, 1), fingerprint(t, data, 3); a != b {
			t.Errorf("%s: workers unpack something else", path)
		}
	}
}

// fingerprint is every sample of a file, with its place, in one string.
func fingerprint(t *testing.T, data []byte, workers int) string {
	t.Helper()
	f := open(t, data)
	var out bytes.Buffer
	for b, err := range f.Blocks(workers) {
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString(b.Bounds.String() + b.Level.String())
		for i := range f.Parts[b.Part].Channels {
			for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
				out.Write(b.Row(i, y))
			}
		}
	}
	return out.String()
}

// TestWorkersEndWithTheLoop relies on goleak for goroutines that a broken loop leaves behind.
func TestWorkersEndWithTheLoop(t *testing.T) {
	data := read(t, "testdata/oiiotool/mixed.zips.exr")
	n := 0
	for _, err := range open(t, data).Blocks(4) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	data[len(data)-2000] ^= 0xff
	if err := drain(data, 4); err == nil {
		t.Error("a flipped byte was not noticed")
	}
}

// forward fails if it is asked to go back.
type forward struct {
	io.ReaderAt
	pos int64
}

func (f *forward) ReadAt(p []byte, off int64) (int, error) {
	if off < f.pos {
		return 0, errors.New("read backwards")
	}
	f.pos = off
	return f.ReaderAt.ReadAt(p, off)
}

func TestChunksAreReadForward(t *testing.T) {
	data := read(t, "testdata/reference/parts.exr")
	f, err := exr.Open(&forward{ReaderAt: bytes.NewReader(data)}, int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range f.Blocks(3) {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRoundTrip writes any picture and reads the same bits.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := exr.Header{
			Name:        rapid.StringMatching(`[a-z]{0,5}`).Draw(t, "name"),
			Compression: exr.Compression(rapid.IntRange(0, 3).Draw(t, "compression")),
		}
		x, y := rapid.IntRange(-40, 40).Draw(t, "x"), rapid.IntRange(-40, 40).Draw(t, "y")
		h.DataWindow = image.Rect(x, y, x+rapid.IntRange(1, 50).Draw(t, "width"), y+rapid.IntRange(1, 50).Draw(t, "height"))
		for i := range rapid.IntRange(1, 4).Draw(t, "channels") {
			c := channel(string(rune('A'+i)), exr.PixelType(rapid.IntRange(0, 2).Draw(t, "type")))
			c.X, c.Y = rapid.IntRange(1, 3).Draw(t, "sampled in x"), rapid.IntRange(1, 3).Draw(t, "sampled in y")
			c.Linear = rapid.Bool().Draw(t, "linear")
			h.Channels = append(h.Channels, c)
		}
		p := exr.NewPicture(h)
		few := rapid.SampledFrom([]uint32{2, 1 << 31}).Draw(t, "different values")
		bits := rapid.Uint32Max(few)
		for i := range p.Planes {
			pl := &p.Planes[i]
			seed := bits.Draw(t, "bits")
			next := func() uint32 { seed = seed*1664525 + 1013904223; return seed / (1<<31/few + 1) }
			for k := range pl.Half {
				pl.Half[k] = uint16(next())
			}
			for k := range pl.Float {
				pl.Float[k] = math.Float32frombits(next())
			}
			for k := range pl.Uint {
				pl.Uint[k] = next()
			}
		}
		var b bytes.Buffer
		if err := exr.Encode(&b, p); err != nil {
			t.Fatal(err)
		}
		f, err := exr.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.Read(0)
		switch {
		case len(p.Planes[0].Half)+len(p.Planes[0].Float)+len(p.Planes[0].Uint) == 0 && err != nil:
			return
		case err != nil:
			t.Fatal(err)
		case got.Name != p.Name || got.DataWindow != p.DataWindow || got.DisplayWindow != p.DataWindow:
			t.Fatalf("header %+v, want %+v", got.Header, p.Header)
		}
		for i := range p.Planes {
			if !same(got.Planes[i], p.Planes[i]) {
				t.Fatalf("channel %d: %v, want %v", i, got.Planes[i], p.Planes[i])
			}
		}
	})
}

// same compares bits, so that NaN equals itself.
func same(a, b exr.Plane) bool {
	if len(a.Half) != len(b.Half) || len(a.Float) != len(b.Float) || len(a.Uint) != len(b.Uint) {
		return false
	}
	for i := range a.Half {
		if a.Half[i] != b.Half[i] {
			return false
		}
	}
	for i := range a.Float {
		if math.Float32bits(a.Float[i]) != math.Float32bits(b.Float[i]) {
			return false
		}
	}
	for i := range a.Uint {
		if a.Uint[i] != b.Uint[i] {
			return false
		}
	}
	return true
}

func TestEncodeRefuses(t *testing.T) {
	for name, change := range map[string]func(p *exr.Picture){
		"piz":          func(p *exr.Picture) { p.Compression = exr.PIZ },
		"tiles":        func(p *exr.Picture) { p.Tiles = &exr.Tiles{Width: 8, Height: 8} },
		"order":        func(p *exr.Picture) { p.LineOrder = exr.DecreasingY },
		"no window":    func(p *exr.Picture) { p.DataWindow = image.Rectangle{} },
		"no channels":  func(p *exr.Picture) { p.Channels, p.Planes = nil, nil },
		"unsorted":     func(p *exr.Picture) { p.Channels[0].Name = "X" },
		"plane":        func(p *exr.Picture) { p.Planes[2].Half = p.Planes[2].Half[1:] },
		"missing":      func(p *exr.Picture) { p.Planes = p.Planes[1:] },
		"another type": func(p *exr.Picture) { p.Channels[2].Type = exr.Float },
	} {
		p := render(mixed())
		change(p)
		if err := exr.Encode(io.Discard, p); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// FuzzBlocks decodes whatever comes: nothing panics, and no block is larger than its chunk could make it.
func FuzzBlocks(f *testing.F) {
	for _, pattern := range []string{"testdata/oiiotool/*.exr", "testdata/reference/*.exr"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			if data := read(f, path); len(data) < 32<<10 {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := exr.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			var e *exr.Error
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		pixels := 0
		for b, err := range file.Blocks(1) {
			if err != nil {
				var e *exr.Error
				if !errors.As(err, &e) {
					t.Fatalf("%T: %v", err, err)
				}
				return
			}
			if pixels += b.Bounds.Dx() * b.Bounds.Dy(); pixels > 1<<22 {
				return
			}
			for i := range file.Parts[b.Part].Channels {
				for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
					b.Floats(nil, i, y)
				}
			}
		}
	})
}
