package nodehelper

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/verify"
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

// verify tells what is wrong with the file from a storage that can't be read.
func (f File) verify(ctx context.Context) (Verified, error) {
	flaws, err := verify.ParseFlaws(f.Refuse)
	if err != nil {
		return Verified{}, err
	}
	rule := verify.Rule{Check: f.check(), Width: f.Width, Height: f.Height, Refuse: flaws}
	found, err := verify.File(ctx, f.Path, rule)
	if f.Check == Auto && errors.Is(err, errors.ErrUnsupported) {
		found, err = verify.File(ctx, f.Path, verify.Rule{Check: verify.Exists})
	}
	switch kind := fault.KindOf(err); {
	case err == nil:
	case kind == fault.NotFound && f.Optional:
		return Verified{Missing: true}, nil
	case kind == fault.NotFound:
		return Verified{Missing: true, Problem: "is missing"}, nil
	case kind == fault.Invalid || kind == fault.Conflict:
		return Verified{Problem: strings.TrimPrefix(err.Error(), f.Path+" ")}, nil
	default:
		return Verified{}, err
	}
	sum, err := hex.DecodeString(found.SHA256)
	if err != nil {
		return Verified{}, fault.Wrap(fault.Internal, err, "digest")
	}
	out := Verified{Size: found.Size, SHA256: sum, Width: found.Width, Height: found.Height}
	if found.Kind != "" {
		out.Kind = "image/" + found.Kind
	}
	return out, nil
}

// check is what the file must be.
func (f File) check() verify.Check {
	switch f.Check {
	case "":
		return verify.Exists
	case Auto:
		return verify.ByName(f.Path)
	}
	return verify.Check(f.Check)
}
