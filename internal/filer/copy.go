package filer

import (
	"context"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// copySource is our version of a file, to be copied: the bytes that are here, what lies below clean and is not here from
// the origin's version, and zeros.
type copySource struct {
	here   ranges
	clean  uint64
	size   uint64
	mtime  nfs.Time
	ours   func(span) ([]byte, error)
	theirs func(off uint64, buf []byte) (int, error) // nil: the origin does not have it any more
}

// pour gives all bytes that are not zeros of a hole to put, and returns how many neither we nor the origin have.
func (c *copySource) pour(put func(off uint64, data []byte) error) (missing uint64, err error) {
	for s := range c.here.chunks(maxIO) {
		data, err := c.ours(s)
		if err == nil {
			err = put(s.from, data)
		}
		if err != nil {
			return 0, err
		}
	}
	rest := ranges{c.here.missing(0, c.clean)}
	if c.theirs == nil {
		return rest.size(), nil
	}
	buf := make([]byte, maxIO)
	for s := range rest.chunks(maxIO) {
		n, err := c.theirs(s.from, buf[:s.to-s.from])
		if err == nil {
			err = put(s.from, buf[:n])
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// land writes the copy into an empty file at an origin, durably.
func (c *copySource) land(ctx context.Context, o origin.Origin, as origin.Cred, to origin.ID) (missing uint64, err error) {
	var verf nfs.Verifier
	first, restarted := true, false
	missing, err = c.pour(func(off uint64, data []byte) error {
		for len(data) > 0 {
			r, err := o.Write(ctx, as, to, off, data, nfs.Unstable)
			if err != nil {
				return err
			}
			if r.N <= 0 || r.N > len(data) {
				return fault.New(fault.Internal, "the storage wrote %d of %d bytes", r.N, len(data))
			}
			if first {
				verf, first = r.Verifier, false
			}
			restarted = restarted || r.Verifier != verf
			off, data = off+uint64(r.N), data[r.N:]
		}
		return nil
	})
	if err != nil {
		return missing, err
	}
	if _, err := o.SetAttr(ctx, as, to, nfs.SetAttr{Size: nfs.Set64(c.size), Mtime: nfs.SetTimeTo(c.mtime)}, nil); err != nil {
		return missing, err
	}
	r, err := o.Commit(ctx, as, to, 0, 0)
	if err == nil && !first && (restarted || r.Verifier != verf) {
		err = fault.New(fault.Unavailable, "the storage restarted")
	}
	return missing, err
}
