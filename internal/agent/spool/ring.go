package spool

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/spillway/spillway/internal/fault"
)

// ring is a file that holds the last bytes written to it.
type ring struct {
	file  *os.File
	size  int64
	total int64 // bytes ever written
}

func newRing(path string, size int64) (*ring, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &ring{file: f, size: size}, nil
}

func (r *ring) write(p []byte) error {
	if skip := int64(len(p)) - r.size; skip > 0 {
		r.total += skip
		p = p[skip:]
	}
	for len(p) > 0 {
		at := r.total % r.size
		n, err := r.file.WriteAt(p[:min(int64(len(p)), r.size-at)], at)
		r.total += int64(n)
		p = p[n:]
		if err != nil {
			return err
		}
	}
	return nil
}

// missing returns how many bytes have been overwritten.
func (r *ring) missing() int64 { return max(0, r.total-r.size) }

// reader returns what is kept, oldest first.
func (r *ring) reader() io.Reader {
	if r.total <= r.size {
		return io.NewSectionReader(r.file, 0, r.total)
	}
	at := r.total % r.size
	return io.MultiReader(io.NewSectionReader(r.file, at, r.size-at), io.NewSectionReader(r.file, 0, at))
}

func (r *ring) remove() {
	_ = r.file.Close()
	_ = os.Remove(r.file.Name())
}

func classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.WithHint(fault.Wrap(fault.Exhausted, err, "the node's scratch disk is full"), "free space on the node, or give the agent another --dir")
	}
	return fault.Wrap(fault.Internal, err, "write the log")
}
