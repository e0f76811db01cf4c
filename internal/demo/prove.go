package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/spillway/spillway/internal/fault"
)

// prove looks at every landed file on the NAS folder itself: it must be what its receipt says, every picture must decode
// and have the right size, and frame 1 must equal the reference pixel for pixel.
func (f *farm) prove(r *run, result *Result) error {
	var wrong []error
	for _, a := range r.attempts {
		if a.State != "succeeded" {
			continue
		}
		for _, o := range a.Outputs {
			path := filepath.Join(f.c.nas(), filepath.FromSlash(o.Path))
			if o.Receipt == nil {
				wrong = append(wrong, fault.New(fault.Internal, "%s has no receipt", o.Path))
				continue
			}
			sum, size, err := digest(path)
			switch {
			case err != nil:
				wrong = append(wrong, err)
			case sum != o.Receipt.SHA256 || size != o.Receipt.Size:
				wrong = append(wrong, fault.New(fault.Internal, "%s is not what its receipt says: %d bytes, receipt %d", path, size, o.Receipt.Size))
			default:
				result.Proved++
			}
		}
		if a.Step == 0 {
			if err := f.proveFrame(int(a.Unit) + 1); err != nil {
				wrong = append(wrong, err)
			} else {
				result.FramesRight++
			}
		}
	}
	if result.FramesRight != f.c.Frames && len(wrong) == 0 {
		wrong = append(wrong, fault.New(fault.Internal, "%d of %d frames are on the NAS", result.FramesRight, f.c.Frames))
	}
	if err := samePixels(filepath.Join(f.c.reference(), "frame_0001.png"), filepath.Join(f.c.outDir(), "frame_0001.png")); err != nil {
		wrong = append(wrong, err)
	}
	if r.havoc != nil {
		wrong = append(wrong, r.havoc.report(r))
	}
	if err := errors.Join(wrong...); err != nil {
		return fault.WithHint(err, "logs are in %s", f.c.logs())
	}
	f.tell.say("proof", "%d of %d frames decode and equal their receipts; frame 1 equals the plain render pixel for pixel", result.FramesRight, f.c.Frames)
	return nil
}

func (f *farm) proveFrame(frame int) error {
	path := filepath.Join(f.c.outDir(), frameName(frame))
	img, err := decode(path)
	if err != nil {
		return err
	}
	if size := img.Bounds().Size(); size.X != f.c.Width || size.Y != f.c.Height {
		return fault.New(fault.Internal, "%s is %dx%d, not %dx%d", path, size.X, size.Y, f.c.Width, f.c.Height)
	}
	return nil
}

// digest returns the SHA-256 (hex) and the size in bytes of a file.
func digest(path string) (string, uint64, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	return hex.EncodeToString(h.Sum(nil)), uint64(n), err
}
