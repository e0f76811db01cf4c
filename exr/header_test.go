package exr_test

import (
	"bytes"
	"errors"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/exr"
)

func open(t testing.TB, data []byte) *exr.File {
	t.Helper()
	f, err := exr.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParts(t *testing.T) {
	f := open(t, read(t, "testdata/reference/parts.exr"))
	if len(f.Parts) != 2 {
		t.Fatalf("%d parts", len(f.Parts))
	}
	first, second := f.Parts[0], f.Parts[1]
	if first.Tiles != nil || len(first.Channels) != 7 {
		t.Errorf("first part: %v, %+v", first.Channels, first.Tiles)
	}
	if second.Tiles == nil || second.Tiles.Width != 16 || len(second.Channels) != 8 || second.Name == first.Name {
		t.Errorf("second part: %v, %+v", second.Channels, second.Tiles)
	}
	p, err := f.Read(0)
	if err != nil {
		t.Fatal(err)
	}
	p.Name = ""
	compare(t, "parts.exr", p, decode(t, read(t, "testdata/oiiotool/mixed.none.exr")))
	if p, err = f.Read(1); err != nil {
		t.Fatal(err)
	}
	want := render(floats())
	for i, c := range p.Channels {
		for k, v := range want.Planes[want.Channel(c.Name)].Float {
			if got := p.Planes[i].Float[k]; math.Abs(float64(got-v)) > 1e-5*math.Abs(float64(v)) { // sines differ by machine
				t.Fatalf("channel %s of the second part: sample %d is %v, want %v", c.Name, k, got, v)
			}
		}
	}
	if _, err := f.Read(2); err == nil {
		t.Error("there is no third part")
	}
	layers := []string{first.Channels[6].Layer(), first.Channels[6].Base(), first.Channels[0].Layer(), first.Channels[0].Base()}
	if !slices.Equal(layers, []string{"spec", "Y", "", "A"}) {
		t.Errorf("layers and names: %q", layers)
	}
}

func TestLevels(t *testing.T) {
	for name, levels := range map[string][]image.Point{
		"mipmap": {{0, 0}, {1, 1}, {2, 2}, {3, 3}},
		"ripmap": {
			{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1},
			{0, 2}, {1, 2}, {2, 2}, {3, 2}, {4, 2}, {0, 3}, {1, 3}, {2, 3}, {3, 3}, {4, 3},
		},
	} {
		f := open(t, read(t, "testdata/reference/"+name+".exr"))
		pixels := map[image.Point]int{}
		for b, err := range f.Blocks(1) {
			if err != nil {
				t.Fatal(err)
			}
			for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
				for i, v := range b.Floats(nil, 0, y) {
					if want := 1000*b.Level.X + 100*b.Level.Y + 10*y + b.Bounds.Min.X + i; v != float32(want) {
						t.Fatalf("%s: level %v, line %d, sample %d is %v, want %d", name, b.Level, y, i, v, want)
					}
					pixels[b.Level]++
				}
			}
		}
		if len(pixels) != len(levels) {
			t.Errorf("%s has levels %v", name, pixels)
		}
		for _, l := range levels {
			w, h := 12>>l.X, 7>>l.Y
			if name == "ripmap" { // rounded up
				w, h = (12+1<<l.X-1)>>l.X, (7+1<<l.Y-1)>>l.Y
			}
			if want := max(w, 1) * max(h, 1); pixels[l] != want {
				t.Errorf("%s: level %v has %d pixels, want %d", name, l, pixels[l], want)
			}
		}
	}
}

// TestTruncatedAnywhere cuts a file of every kind after many lengths.
func TestTruncatedAnywhere(t *testing.T) {
	for _, path := range []string{
		"oiiotool/mixed.piz.exr", "oiiotool/mixed.none.exr", "reference/parts.exr", "reference/ripmap.exr", "reference/chroma.dwab.exr",
	} {
		data := read(t, "testdata/"+path)
		for n := 0; n < len(data); n++ {
			if n > 600 && n%509 != 0 && n < len(data)-4 {
				continue
			}
			err := drain(data[:n], 1)
			var e *exr.Error
			if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &e) {
				t.Fatalf("%s cut to %d of %d bytes: %v", path, n, len(data), err)
			}
		}
		if err := drain(data, 1); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// drain decodes everything, and looks at everything.
func drain(data []byte, workers int) error {
	f, err := exr.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	var row []float32
	for b, err := range f.Blocks(workers) {
		if err != nil {
			return err
		}
		for i := range f.Parts[b.Part].Channels {
			for y := b.Bounds.Min.Y; y < b.Bounds.Max.Y; y++ {
				row = b.Floats(row[:0], i, y)
			}
		}
	}
	return nil
}

// replace changes the only place of old in data.
func replace(t *testing.T, data []byte, old, with string) []byte {
	t.Helper()
	if bytes.Count(data, []byte(old)) != 1 || len(old) != len(with) {
		t.Fatalf("%q is there %d times", old, bytes.Count(data, []byte(old)))
	}
	return bytes.Replace(data, []byte(old), []byte(with), 1)
}

func TestBadFiles(t *testing.T) {
	whole := read(t, "testdata/oiiotool/mixed.none.exr")
	tiled := read(t, "testdata/reference/mipmap.exr")
	parts := read(t, "testdata/reference/parts.exr")
	version := func(flags byte) []byte {
		out := bytes.Clone(whole)
		out[5] = flags
		return out
	}
	swapped := bytes.Clone(whole)
	table := bytes.Index(swapped, []byte("screenWindowWidth\x00float\x00\x04\x00\x00\x00\x00\x00\x80\x3f\x00")) + 33
	copy(swapped[table:], swapped[table+8:table+16])
	zero := bytes.Clone(whole)
	copy(zero[table:], make([]byte, 8))
	inHeader := bytes.Clone(whole)
	copy(inHeader[table:], []byte{1, 0, 0, 0, 0, 0, 0, 0})
	chunk := int(whole[table]) + int(whole[table+1])<<8
	line := bytes.Clone(whole)
	line[chunk]++
	size := bytes.Clone(whole)
	size[chunk+4]--

	const window = "dataWindow\x00box2i\x00\x10\x00\x00\x00"
	for name, c := range map[string]struct {
		data        []byte
		want        string
		unsupported bool
	}{
		"text":               {[]byte("Error: no GPU\n"), `does not start as`, false},
		"version 3":          {replace(t, whole, "\x76\x2f\x31\x01\x02", "\x76\x2f\x31\x01\x03"), "version 3", true},
		"unknown flag":       {version(0x40), "flags 0x4000", true},
		"deep":               {version(0x08), "deep data", true},
		"deep part":          {bytes.Replace(parts, []byte("type\x00string\x00\x0d\x00\x00\x00scanlineimage"), []byte("type\x00string\x00\x0d\x00\x00\x00deep_scanline"), 1), "deep data (deep_scanline)", true},
		"unknown part":       {bytes.Replace(parts, []byte("type\x00string\x00\x0d\x00\x00\x00scanlineimage"), []byte("type\x00string\x00\x0d\x00\x00\x00particleimage"), 1), `type "particleimage"`, true},
		"young compression":  {replace(t, whole, "compression\x00compression\x00\x01\x00\x00\x00\x00", "compression\x00compression\x00\x01\x00\x00\x00\x0b"), "compression 11", true},
		"no compression":     {replace(t, whole, "compression\x00compression\x00", "kompression\x00compression\x00"), `"compression" is missing`, false},
		"not a box":          {replace(t, whole, window, "dataWindow\x00box2f\x00\x10\x00\x00\x00"), `its type is "box2f"`, false},
		"inverted window":    {replace(t, whole, window+"\xfb\xff\xff\xff", window+"\x7b\x00\x00\x00"), "data window", false},
		"huge window":        {replace(t, whole, window+"\xfb\xff\xff\xff", window+"\x00\x00\x00\x80"), "data window", false},
		"wide":               {replace(t, whole, window+"\xfb\xff\xff\xff", window+"\x00\x00\x00\xc0"), "at most 1073741824 are unpacked", true},
		"pixel type":         {replace(t, whole, "channels\x00chlist\x00\x85\x00\x00\x00A\x00\x01", "channels\x00chlist\x00\x85\x00\x00\x00A\x00\x07"), "pixel type 7", true},
		"channel order":      {replace(t, whole, "channels\x00chlist\x00\x85\x00\x00\x00A\x00\x01", "channels\x00chlist\x00\x85\x00\x00\x00X\x00\x01"), `"B" stands after "X"`, false},
		"channel twice":      {replace(t, whole, "channels\x00chlist\x00\x85\x00\x00\x00A\x00\x01", "channels\x00chlist\x00\x85\x00\x00\x00B\x00\x01"), `"B" is there twice`, false},
		"offset twice":       {swapped, "its head says", false},
		"offset in header":   {inHeader, "lies in the header", false},
		"unwritten chunk":    {zero, "line 7: never written", false},
		"another line":       {line, "line 7: its head says", false},
		"another size":       {size, "line 7: ", false},
		"no tiles attribute": {replace(t, tiled, "tiles\x00tiledesc\x00", "files\x00tiledesc\x00"), `"tiles" is missing`, false},
		"level mode":         {replace(t, tiled, "\x05\x00\x00\x00\x03\x00\x00\x00\x01", "\x05\x00\x00\x00\x03\x00\x00\x00\x03"), "level mode 0x3", false},
		"no tile size":       {replace(t, tiled, "\x05\x00\x00\x00\x03\x00\x00\x00\x01", "\x00\x00\x00\x00\x03\x00\x00\x00\x01"), "tiles of 0 × 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			err := drain(c.data, 1)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, errors.ErrUnsupported) != c.unsupported {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if errors.Is(err, io.ErrUnexpectedEOF) && name != "unwritten chunk" {
				t.Errorf("%v looks like a file that was cut off", err)
			}
		})
	}
}
