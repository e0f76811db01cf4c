package verify

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"github.com/spillway/spillway/exr"
)

// maxPixels bounds the memory of decoding: 16384 × 8192, at most 8 bytes each.
const maxPixels = 1 << 27

// format is a kind of picture that can be checked, and is decoded at once.
type format struct {
	kind   string
	magic  []string // with ? for any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	// ends says that nothing may follow the picture: bytes there are the rest of an older, longer file.
	ends bool
}

func formats() []format {
	return []format{
		{"png", []string{"\x89PNG\r\n\x1a\n"}, png.DecodeConfig, png.Decode, true},
		{"jpeg", []string{"\xff\xd8\xff"}, jpeg.DecodeConfig, jpeg.Decode, false},
		{"tiff", []string{"II*\x00", "MM\x00*"}, tiff.DecodeConfig, tiff.Decode, false},
		{"webp", []string{"RIFF????WEBPVP8"}, webp.DecodeConfig, webp.Decode, false},
		{"exr", []string{exr.Magic}, nil, nil, false},
	}
}

// others are pictures that are known but not decoded here.
func others() map[string]string {
	return map[string]string{"GIF8": "GIF", "BM": "BMP", "#?RADIANCE": "Radiance HDR", "II+\x00": "BigTIFF", "MM\x00+": "BigTIFF", "8BPS": "Photoshop"}
}

// picture decodes from completely, whose size is in bytes. The error completes a sentence that starts with the file's name.
func picture(from *forward, size int64, rule *Rule) (Result, error) {
	start := make([]byte, 16)
	n, err := from.file.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Result{}, fmt.Errorf("cannot be read: %w", err)
	}
	f, err := sniff(start[:n])
	if err != nil {
		return Result{}, err
	}
	if f.decode == nil {
		return openEXR(from, size, rule)
	}
	config, err := f.config(io.NewSectionReader(from.file, 0, size))
	if err != nil {
		return Result{}, broken(f, err)
	}
	if err := dimensions(image.Pt(config.Width, config.Height), rule); err != nil {
		return Result{}, err
	}
	m, err := f.whole(from)
	if err != nil {
		return Result{}, err
	}
	if len(rule.Refuse) > 0 {
		seen := &content{}
		seen.see(m)
		if err := seen.verdict(rule); err != nil {
			return Result{}, err
		}
	}
	return Result{Kind: f.kind, Width: uint32(config.Width), Height: uint32(config.Height)}, nil
}

// whole decodes the picture.
func (f *format) whole(from *forward) (image.Image, error) {
	if f.kind == "tiff" { // is read at offsets
		m, err := f.decode(from)
		if err != nil {
			return nil, broken(*f, err)
		}
		return m, nil
	}
	buffered := bufio.NewReaderSize(from, 256<<10)
	m, err := f.decode(buffered)
	if err != nil {
		return nil, broken(*f, err)
	}
	if f.ends {
		if _, err := buffered.ReadByte(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("has more bytes after the end of its %s picture", f.kind)
		}
	}
	return m, nil
}

func sniff(start []byte) (format, error) {
	for _, f := range formats() {
		for _, magic := range f.magic {
			if matches(start, magic) {
				return f, nil
			}
		}
	}
	for magic, name := range others() {
		if bytes.HasPrefix(start, []byte(magic)) {
			return format{}, fmt.Errorf("seems to be %s, which cannot be checked; use the check %q: %w", name, Exists, errors.ErrUnsupported)
		}
	}
	if len(bytes.Trim(start, "\x00")) == 0 {
		return format{}, errors.New("is not a picture: it starts with zeros")
	}
	return format{}, fmt.Errorf("is not a PNG, JPEG, TIFF, WebP or OpenEXR picture: it starts with %q", start)
}

func matches(start []byte, magic string) bool {
	if len(start) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != start[i] {
			return false
		}
	}
	return true
}

func dimensions(size image.Point, rule *Rule) error {
	switch {
	case size.X <= 0 || size.Y <= 0:
		return errors.New("has no pixels")
	case int64(size.X) > maxPixels/int64(size.Y):
		return fmt.Errorf("claims to have %d × %d pixels, at most %d are decoded", size.X, size.Y, maxPixels)
	case rule.Width > 0 && int64(size.X) != int64(rule.Width), rule.Height > 0 && int64(size.Y) != int64(rule.Height):
		return fmt.Errorf("has %d × %d pixels, want %s × %s", size.X, size.Y, orAny(rule.Width), orAny(rule.Height))
	}
	return nil
}

func orAny(n uint32) string {
	if n == 0 {
		return "any"
	}
	return fmt.Sprint(n)
}

// broken says what a decoder did not like.
func broken(f format, err error) error {
	var odd tiff.UnsupportedError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return fmt.Errorf("is truncated: its %s picture ends too early", f.kind)
	case errors.As(err, &odd):
		return fmt.Errorf("is a TIFF picture with %s, which cannot be checked; use the check %q: %w", string(odd), Exists, errors.ErrUnsupported)
	}
	return fmt.Errorf("is a damaged %s picture: %w", f.kind, err)
}
