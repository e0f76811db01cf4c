package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"github.com/spillway/spillway/exr"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/verify"
)

func encodeTIFF(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tiff.Encode(&b, m, &tiff.Options{Compression: tiff.Deflate, Predictor: true}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeEXR(t testing.TB, p *exr.Picture) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := exr.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// scene is a grey frame of 48 × 27 pixels with depth and helper layers, its data window cropped.
func scene() *exr.Picture {
	h := exr.Header{Compression: exr.ZIP, DataWindow: image.Rect(2, 1, 40, 27), DisplayWindow: image.Rect(0, 0, 48, 27)}
	for _, c := range []struct {
		name string
		kind exr.PixelType
	}{
		{"Combined.A", exr.Half}, {"Combined.B", exr.Half}, {"Combined.G", exr.Half}, {"Combined.R", exr.Half},
		{"CryptoObject00.r", exr.Float}, {"Depth.Z", exr.Float}, {"DiffCol.B", exr.Half}, {"DiffCol.G", exr.Half}, {"DiffCol.R", exr.Half},
		{"Index", exr.Uint}, {"Normal.X", exr.Float}, {"Normal.Y", exr.Float},
	} {
		h.Channels = append(h.Channels, exr.Channel{Name: c.name, Type: c.kind, X: 1, Y: 1})
	}
	p := exr.NewPicture(h)
	paint(p, "Combined.R", 0.5)
	paint(p, "Combined.G", 0.4)
	paint(p, "Combined.B", 0.5)
	paint(p, "Combined.A", 1)
	paint(p, "DiffCol.R", 0.8)
	paint(p, "Normal.X", 0.7)
	return p
}

// paint sets all samples of a channel.
func paint(p *exr.Picture, channel string, v float64) {
	plane := &p.Planes[p.Channel(channel)]
	for y := range plane.Height {
		for x := range plane.Width {
			plane.Set(x, y, v)
		}
	}
}

func TestFloatsOfFailedRenders(t *testing.T) {
	set := func(p *exr.Picture, channel string, x, y int, v float64) {
		p.Planes[p.Channel(channel)].Set(x-2, y-1, v)
	}
	black := func(p *exr.Picture) {
		for _, c := range []string{"Combined.R", "Combined.G", "Combined.B"} {
			paint(p, c, 0)
		}
	}
	for name, c := range map[string]struct {
		change func(p *exr.Picture)
		want   string // "": nothing is wrong
		flaw   verify.Flaw
	}{
		"whole":    {func(*exr.Picture) {}, "", ""},
		"NaN":      {func(p *exr.Picture) { set(p, "Combined.G", 12, 20, math.NaN()) }, `has NaN at 12,20 in channel "Combined.G"; look for`, verify.NaN},
		"infinite": {func(p *exr.Picture) { set(p, "DiffCol.R", 39, 26, math.Inf(1)) }, `has infinity at 39,26 in channel "DiffCol.R"`, verify.NaN},
		"minus": {func(p *exr.Picture) { set(p, "Combined.A", 2, 1, math.Inf(-1)) },
			`has minus infinity at 2,1 in channel "Combined.A" of part "left"`, verify.NaN},
		"NaN in depth":         {func(p *exr.Picture) { set(p, "Depth.Z", 5, 5, math.NaN()) }, `NaN at 5,5 in channel "Depth.Z"`, verify.NaN},
		"background in depth":  {func(p *exr.Picture) { paint(p, "Depth.Z", math.Inf(1)) }, "", ""},
		"hashes":               {func(p *exr.Picture) { paint(p, "CryptoObject00.r", math.NaN()) }, "", ""},
		"black beside helpers": {black, "is black in every pixel", verify.Black},
		"shadows":              {func(p *exr.Picture) { black(p); set(p, "Combined.A", 9, 9, 0.5) }, "", ""},
		"one lit pixel":        {func(p *exr.Picture) { black(p); set(p, "Combined.B", 9, 9, 0.01) }, "", ""},
		"missing texture": {func(p *exr.Picture) {
			for x := 10; x < 15; x++ {
				set(p, "Combined.R", x, 8, 0.3)
				set(p, "Combined.G", x, 8, 0)
				set(p, "Combined.B", x, 8, 0.3)
			}
		}, `has 5 of 988 pixels in the magenta of a missing texture, the first at 10,8 of layer "Combined"`, verify.Magenta},
		"magenta light": {func(p *exr.Picture) {
			paint(p, "Combined.G", 0.05)
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := scene()
			if name == "minus" {
				p.Name = "left"
			}
			c.change(p)
			path := write(t, encodeEXR(t, p))
			rule := verify.Rule{Check: verify.Image, Width: 48, Height: 27, Refuse: verify.DefaultFlaws()}
			_, err := verify.File(t.Context(), path, rule)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			rule.Refuse = without(verify.DefaultFlaws(), c.flaw)
			if _, err := verify.File(t.Context(), path, rule); err != nil {
				t.Errorf("%v, though %s is allowed", err, c.flaw)
			}
		})
	}
}

func without(flaws []verify.Flaw, one verify.Flaw) []verify.Flaw {
	var out []verify.Flaw
	for _, f := range flaws {
		if f != one {
			out = append(out, f)
		}
	}
	return out
}

func TestColoursOfFailedRenders(t *testing.T) {
	flat := func(c color.NRGBA) *image.NRGBA {
		m := image.NewNRGBA(image.Rect(0, 0, 40, 30))
		for y := range 30 {
			for x := range 40 {
				m.SetNRGBA(x, y, c)
			}
		}
		return m
	}
	shadows := flat(color.NRGBA{A: 80})
	shadows.SetNRGBA(3, 3, color.NRGBA{A: 90})
	holes := flat(color.NRGBA{90, 80, 70, 255})
	for x := range 5 {
		holes.SetNRGBA(20+x, 7, color.NRGBA{200, 1, 201, 255})
	}
	for name, c := range map[string]struct {
		m    image.Image
		want string
	}{
		"grey":        {flat(color.NRGBA{90, 80, 70, 255}), ""},
		"black":       {flat(color.NRGBA{A: 255}), "is black in every pixel"},
		"transparent": {flat(color.NRGBA{}), "is black in every pixel"},
		"shadows":     {shadows, ""},
		"holes":       {holes, "has 5 of 1200 pixels in the magenta of a missing texture, the first at 20,7;"},
		"all magenta": {flat(color.NRGBA{255, 0, 255, 255}), "has 1200 of 1200 pixels"},
		"purple":      {flat(color.NRGBA{255, 40, 255, 255}), ""},
		"violet":      {flat(color.NRGBA{155, 0, 255, 255}), ""},
	} {
		for kind, data := range map[string][]byte{"png": encodePNG(t, c.m), "tiff": encodeTIFF(t, c.m)} {
			_, err := verify.File(t.Context(), write(t, data), verify.Rule{Check: verify.Image, Refuse: verify.DefaultFlaws()})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s %s: got %v, want %q", name, kind, err, c.want)
			}
		}
	}
	for _, name := range []string{"lossy.webp", "lossless.webp"} {
		rule := verify.Rule{Check: verify.Image, Width: 48, Height: 27, Refuse: verify.DefaultFlaws()}
		if got, err := verify.File(t.Context(), "testdata/"+name, rule); err != nil || got.Kind != "webp" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := verify.File(t.Context(), write(t, encodeJPEG(t, flat(color.NRGBA{A: 255}))),
		verify.Rule{Check: verify.Image, Refuse: verify.DefaultFlaws()}); err == nil || !strings.Contains(err.Error(), "is black") {
		t.Errorf("a black JPEG: %v", err)
	}
}

func TestRepeatedFrames(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a, b := encodePNG(t, noise(20, 10)), encodePNG(t, noise(20, 11))
	rule := verify.Rule{Check: verify.Image, Refuse: []verify.Flaw{verify.Repeat}}
	put("shot2_v3_0099.png", a)
	put("plain9.png", a)
	put("other_1.png", b)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"shot2_v3_0100.png":  {a, "is byte for byte the same as shot2_v3_0099.png"},
		"shot2_v3_0101.png":  {b, ""},
		"plain10.png":        {a, "the same as plain9.png"},
		"other_2.png":        {a, ""},
		"first_0000.png":     {a, ""},
		"no number.png":      {a, ""},
		"lonely_0007.png":    {a, ""},
		"shot2_v3_0100_.png": {a, ""},
	} {
		path := put(name, c.data)
		_, err := verify.File(t.Context(), path, rule)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if _, err := verify.File(t.Context(), path, verify.Rule{Check: verify.Image, Refuse: verify.DefaultFlaws()}); err != nil {
			t.Errorf("%s: %v, and nobody asked", name, err)
		}
	}
}

func TestOpenEXRFiles(t *testing.T) {
	whole := encodeEXR(t, scene())
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-2] ^= 4 // of the checksum
	young := bytes.Replace(whole, []byte("compression\x00compression\x00\x01\x00\x00\x00\x03"), []byte("compression\x00compression\x00\x01\x00\x00\x00\x0b"), 1)
	unwritten := bytes.Clone(whole)
	table := len(whole) - 1
	for table > 0 && !bytes.HasPrefix(whole[table:], []byte("screenWindowWidth")) {
		table--
	}
	copy(unwritten[table+33+8:], make([]byte, 8))
	for name, c := range map[string]struct {
		data []byte
		rule verify.Rule
		want string
	}{
		"a flipped bit":   {flipped, verify.Rule{}, "is a damaged OpenEXR picture: lines 17 to 26: "},
		"too small":       {whole, verify.Rule{Width: 96}, "has 48 × 27 pixels, want 96 × any"},
		"deep":            {append([]byte("\x76\x2f\x31\x01\x02\x08\x00\x00"), whole[8:]...), verify.Rule{}, `cannot be checked; use the check "exists"`},
		"from the future": {young, verify.Rule{}, `cannot be checked; use the check "exists": `},
		"half written":    {unwritten, verify.Rule{}, "or its renderer did not finish it: lines 17 to 26: never written"},
	} {
		c.rule.Check = verify.Image
		if _, err := verify.File(t.Context(), write(t, c.data), c.rule); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	got, err := verify.File(t.Context(), write(t, whole), verify.Rule{Check: verify.Image})
	sum := sha256.Sum256(whole)
	if err != nil || got.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%+v, %v: what was decoded was not hashed", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify.File(ctx, write(t, whole), verify.Rule{Check: verify.Image}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v of a canceled check", err)
	}
}

func TestFlawNames(t *testing.T) {
	got, err := verify.ParseFlaws([]string{"black", "nan", "magenta", "repeat"})
	if err != nil || len(got) != 4 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := verify.ParseFlaws([]string{"pink"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("pink: %v", err)
	}
}

// TestOpenEXRStreams has a frame checked in less memory than half of its pixels take: in that of some chunks.
func TestOpenEXRStreams(t *testing.T) {
	h := exr.Header{Compression: exr.ZIP, DataWindow: image.Rect(0, 0, 512, 4096)}
	h.Channels = []exr.Channel{{Name: "Y", Type: exr.Half, X: 1, Y: 1}}
	p := exr.NewPicture(h)
	p.Planes[0].Set(3, 4, 0.5)
	path := write(t, encodeEXR(t, p))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	rule := verify.Rule{Check: verify.Image, Width: 512, Height: 4096, Refuse: verify.DefaultFlaws()}
	if _, err := verify.File(t.Context(), path, rule); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took, all := after.TotalAlloc-before.TotalAlloc, uint64(512*4096*2); took > all/2 {
		t.Errorf("%d bytes were allocated for a frame of %d", took, all)
	}
}
