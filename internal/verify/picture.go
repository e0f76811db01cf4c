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
)

// maxPixels bounds the memory of decoding: 16384 × 8192, at most 8 bytes each.
const maxPixels = 1 << 27

// format is a kind of picture that can be checked.
type format struct {
	kind   string
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	// ends says that nothing may follow the picture: bytes there are the rest of an older, longer file.
	ends bool
}

func formats() []format {
	return []format{
		{"png", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode, true},
		{"jpeg", "\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode, false},
	}
}

// others are pictures that are known but not decoded here.
func others() map[string]string {
	return map[string]string{"GIF8": "GIF", "\x76\x2f\x31\x01": "OpenEXR", "II*\x00": "TIFF", "MM\x00*": "TIFF", "BM": "BMP", "#?RADIANCE": "Radiance HDR", "RIFF": "WebP"}
}

// picture decodes r completely. head reads the same file from anywhere, to look at the dimensions before memory is
// taken. The error completes a sentence that starts with the file's name.
func picture(r io.Reader, head io.ReaderAt, rule Rule) (Result, error) {
	start := make([]byte, 16)
	n, err := head.ReadAt(start, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Result{}, fmt.Errorf("cannot be read: %w", err)
	}
	f, err := sniff(start[:n])
	if err != nil {
		return Result{}, err
	}
	config, err := f.config(io.NewSectionReader(head, 0, 1<<62))
	if err != nil {
		return Result{}, broken(f, err)
	}
	if err := dimensions(config, rule); err != nil {
		return Result{}, err
	}
	buffered := bufio.NewReaderSize(r, 256<<10)
	if _, err := f.decode(buffered); err != nil {
		return Result{}, broken(f, err)
	}
	if f.ends {
		if _, err := buffered.ReadByte(); err != io.EOF {
			return Result{}, fmt.Errorf("has more bytes after the end of its %s picture", f.kind)
		}
	}
	return Result{Kind: f.kind, Width: uint32(config.Width), Height: uint32(config.Height)}, nil
}

func sniff(start []byte) (format, error) {
	for _, f := range formats() {
		if bytes.HasPrefix(start, []byte(f.magic)) {
			return f, nil
		}
	}
	for magic, name := range others() {
		if bytes.HasPrefix(start, []byte(magic)) {
			return format{}, fmt.Errorf("seems to be %s, which cannot be checked; use the check %q", name, Exists)
		}
	}
	if len(bytes.Trim(start, "\x00")) == 0 {
		return format{}, errors.New("is not a picture: it starts with zeros")
	}
	return format{}, fmt.Errorf("is not a PNG or JPEG picture: it starts with %q", start)
}

func dimensions(c image.Config, rule Rule) error {
	switch {
	case c.Width <= 0 || c.Height <= 0:
		return errors.New("has no pixels")
	case int64(c.Width) > maxPixels/int64(c.Height):
		return fmt.Errorf("claims to have %d × %d pixels, at most %d are decoded", c.Width, c.Height, maxPixels)
	case rule.Width > 0 && int64(c.Width) != int64(rule.Width), rule.Height > 0 && int64(c.Height) != int64(rule.Height):
		return fmt.Errorf("has %d × %d pixels, want %s × %s", c.Width, c.Height, orAny(rule.Width), orAny(rule.Height))
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
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("is truncated: its %s picture ends too early", f.kind)
	}
	return fmt.Errorf("is a damaged %s picture: %w", f.kind, err)
}
