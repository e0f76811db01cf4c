package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/verify"
)

// noise is a picture that does not compress.
func noise(width, height int) image.Image {
	r := rand.New(rand.NewPCG(1, 2))
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.NRGBA{uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32()), 255})
		}
	}
	return m
}

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "frame_0001.png")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWholePictures(t *testing.T) {
	for kind, data := range map[string][]byte{
		"png": encodePNG(t, noise(48, 27)), "jpeg": encodeJPEG(t, noise(48, 27)), "tiff": encodeTIFF(t, noise(48, 27)),
		"exr": encodeEXR(t, scene()), "webp": readFile(t, "testdata/lossy.webp"),
	} {
		sum := sha256.Sum256(data)
		want := verify.Result{Size: uint64(len(data)), SHA256: hex.EncodeToString(sum[:]), Kind: kind, Width: 48, Height: 27}
		for _, rule := range []verify.Rule{{Check: verify.Image}, {Check: verify.Image, Width: 48, Height: 27}} {
			if got, err := verify.File(t.Context(), write(t, data), rule); err != nil || got != want {
				t.Errorf("%s: %+v, %v, want %+v", kind, got, err, want)
			}
		}
		want.Kind, want.Width, want.Height = "", 0, 0
		if got, err := verify.File(t.Context(), write(t, data), verify.Rule{Check: verify.Exists}); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", kind, got, err, want)
		}
	}
}

// TestTruncatedAnywhere cuts a PNG after every byte and others at many places; the last bytes of a TIFF say its
// resolution.
func TestTruncatedAnywhere(t *testing.T) {
	for kind, c := range map[string]struct {
		data []byte
		step int
	}{
		"png": {encodePNG(t, noise(16, 9)), 1}, "jpeg": {encodeJPEG(t, noise(64, 64)), 7}, "tiff": {encodeTIFF(t, noise(16, 9)), 11},
		"exr": {encodeEXR(t, scene()), 41}, "webp": {readFile(t, "testdata/lossy.webp"), 11}, "lossless webp": {readFile(t, "testdata/lossless.webp"), 37},
	} {
		switch kind {
		case "tiff":
			c.data = c.data[:len(c.data)-16]
		case "lossless webp": // ends in a byte of padding
			c.data = c.data[:len(c.data)-1]
		}
		for n := 0; n < len(c.data); n++ {
			if n%c.step != 0 && n < len(c.data)-16 {
				continue
			}
			path := write(t, c.data[:n])
			got, err := verify.File(t.Context(), path, verify.Rule{Check: verify.Image})
			if fault.KindOf(err) != fault.Invalid || got != (verify.Result{}) {
				t.Fatalf("%s cut to %d of %d bytes: %+v, %v", kind, n, len(c.data), got, err)
			}
			if !strings.Contains(err.Error(), path) {
				t.Fatalf("the error does not name the file: %v", err)
			}
		}
	}
}

// chunk makes a PNG chunk.
func chunk(kind string, data []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	out = append(append(out, kind...), data...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

func TestBrokenPictures(t *testing.T) {
	whole := encodePNG(t, noise(48, 27))
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	zeros := append(bytes.Clone(whole[:len(whole)/2]), make([]byte, len(whole)/2)...)
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 1<<20), 1<<20)
	bomb := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(header, 8, 6, 0, 0, 0))...)
	var animated bytes.Buffer
	if err := gif.Encode(&animated, noise(4, 4), nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		rule verify.Rule
		want string
	}{
		"empty":            {nil, verify.Rule{Check: verify.Image}, "is empty"},
		"empty, exists":    {nil, verify.Rule{Check: verify.Exists}, "is empty"},
		"text":             {[]byte("Error: no GPU\n"), verify.Rule{Check: verify.Image}, `not a PNG, JPEG, TIFF, WebP or OpenEXR picture: it starts with "Error`},
		"zeros":            {make([]byte, 100), verify.Rule{Check: verify.Image}, "starts with zeros"},
		"gif":              {animated.Bytes(), verify.Rule{Check: verify.Image}, "seems to be GIF"},
		"wrong width":      {whole, verify.Rule{Check: verify.Image, Width: 480}, "has 48 × 27 pixels, want 480 × any"},
		"wrong height":     {whole, verify.Rule{Check: verify.Image, Width: 48, Height: 270}, "want 48 × 270"},
		"no last chunk":    {whole[:len(whole)-12], verify.Rule{Check: verify.Image}, "is truncated"},
		"half":             {whole[:len(whole)/2], verify.Rule{Check: verify.Image}, "not enough pixel data"},
		"half, then zeros": {zeros, verify.Rule{Check: verify.Image}, "damaged png"},
		"one bit":          {flipped, verify.Rule{Check: verify.Image}, "damaged png"},
		"rest of an older": {append(bytes.Clone(whole), 0), verify.Rule{Check: verify.Image}, "more bytes after the end"},
		"bomb":             {bomb, verify.Rule{Check: verify.Image}, "claims to have 1048576 × 1048576 pixels"},
		"header alone":     {bomb[:8], verify.Rule{Check: verify.Image}, "is truncated"},
		"no such check":    {whole, verify.Rule{Check: "hash"}, `"hash" is not a check`},
		"no check":         {whole, verify.Rule{}, `"" is not a check`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verify.File(t.Context(), write(t, c.data), c.rule)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v (%v), want %q", err, fault.KindOf(err), c.want)
			}
		})
	}
}

func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fault.Kind{
		filepath.Join(dir, "none.png"): fault.NotFound, dir: fault.Invalid, fifo: fault.Invalid,
	} {
		if _, err := verify.File(t.Context(), path, verify.Rule{Check: verify.None}); fault.KindOf(err) != want || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v (%v), want %v", path, err, fault.KindOf(err), want)
		}
	}
	got, err := verify.File(t.Context(), write(t, nil), verify.Rule{Check: verify.None})
	if err != nil || got.Size != 0 || got.SHA256 == "" {
		t.Errorf("an empty file under none: %+v, %v", got, err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("the node is drained")
	cancel(stop)
	_, err := verify.File(ctx, write(t, encodePNG(t, noise(48, 27))), verify.Rule{Check: verify.Image})
	if !errors.Is(err, stop) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v (%v)", err, fault.KindOf(err))
	}
}

// growing is a context whose first look appends to the file: a writer that is still at work.
type growing struct {
	context.Context
	change func()
}

func (g *growing) Err() error {
	if g.change != nil {
		change := g.change
		g.change = nil
		change()
	}
	return g.Context.Err()
}

func TestChangedDuringTheRead(t *testing.T) {
	data := encodePNG(t, noise(48, 27))
	for name, change := range map[string]func(path string) error{
		"longer": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.Write(make([]byte, 100))
			return errors.Join(err, f.Close())
		},
		"shorter": func(path string) error { return os.Truncate(path, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, data)
			ctx := &growing{t.Context(), func() {
				if err := change(path); err != nil {
					t.Error(err)
				}
			}}
			_, err := verify.File(ctx, path, verify.Rule{Check: verify.Image})
			if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "changed while it was read") {
				t.Errorf("got %v (%v)", err, fault.KindOf(err))
			}
		})
	}
}

func FuzzFile(f *testing.F) {
	f.Add(encodePNG(f, noise(3, 2)))
	f.Add(encodeJPEG(f, noise(3, 2)))
	f.Add(encodeTIFF(f, noise(3, 2)))
	f.Add(encodeEXR(f, scene()))
	f.Add(readFile(f, "testdata/lossy.webp"))
	f.Add(readFile(f, "testdata/lossless.webp"))
	f.Add([]byte("GIF89a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rule := verify.Rule{Check: verify.Image, Refuse: append(verify.DefaultFlaws(), verify.Repeat)}
		got, err := verify.File(t.Context(), write(t, data), rule)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%v is %v", err, fault.KindOf(err))
			}
			return
		}
		if got.Size != uint64(len(data)) || got.Width == 0 || got.Height == 0 {
			t.Fatalf("%d bytes gave %+v", len(data), got)
		}
	})
}
