package nodehelper

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spillway/spillway/internal/fault"
)

// do checks the files one by one. What is wrong with a file is in its answer; errors are about the storage itself.
func (v *Verify) do(ctx context.Context) ([]Verified, error) {
	out := make([]Verified, 0, len(v.Files))
	for _, f := range v.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.Sync {
			if err := makeDurable(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fault.Wrap(fault.Unavailable, err, "make "+f.Path+" durable")
			}
		}
		found, err := f.verify(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, found)
	}
	return out, nil
}

// makeDurable syncs a file and the directory that holds its name.
func makeDurable(path string) error {
	for _, p := range []string{path, filepath.Dir(path)} {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (f File) verify(ctx context.Context) (Verified, error) {
	info, err := os.Stat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.Optional:
		return Verified{Missing: true}, nil
	case errors.Is(err, fs.ErrNotExist):
		return Verified{Missing: true, Problem: "is missing"}, nil
	case err != nil:
		return Verified{}, fault.Wrap(fault.Unavailable, err, "storage")
	case !info.Mode().IsRegular():
		return Verified{Problem: "is no regular file"}, nil
	}
	return f.examine(ctx)
}

func (f File) examine(context.Context) (Verified, error) {
	in, err := os.Open(f.Path)
	if err != nil {
		return Verified{}, fault.Wrap(fault.Unavailable, err, "storage")
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, in)
	if err != nil {
		return Verified{}, fault.Wrap(fault.Unavailable, err, fmt.Sprintf("read %s", f.Path))
	}
	return Verified{Size: uint64(n), SHA256: sum.Sum(nil)}, nil
}
