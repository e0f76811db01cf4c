package verify

import (
	"errors"
	"io"
	"os"
)

// forward reads a file at offsets that mostly grow, and has everything hashed that it passes.
type forward struct {
	through *reader
	file    *os.File
}

// ReadAt implements io.ReaderAt. What lies behind is read from the file once more.
func (f *forward) ReadAt(p []byte, off int64) (int, error) {
	if off < f.through.count {
		if err := f.through.ctx.Err(); err != nil {
			return 0, err
		}
		n, err := f.file.ReadAt(p, off)
		if err != nil && !errors.Is(err, io.EOF) {
			f.through.err = err
		}
		return n, err
	}
	if gap := off - f.through.count; gap > 0 {
		if _, err := io.CopyN(io.Discard, f.through, gap); err != nil {
			return 0, err
		}
	}
	n, err := io.ReadFull(f.through, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// Read implements io.Reader.
func (f *forward) Read(p []byte) (int, error) { return f.through.Read(p) }
