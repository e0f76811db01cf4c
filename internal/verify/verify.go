// Package verify tells whether a file that a task left is whole: it reads every byte, hashes it, decodes pictures to their
// last pixel, and refuses those that a failed render leaves. OpenEXR is decoded chunk by chunk, in bounded memory; of the
// other formats a picture is held at once.
//
// It blocks as long as the file system does, so an agent calls it in a helper process with a time limit.
package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spillway/spillway/internal/fault"
)

// Check says what a file must be.
type Check string

// Checks.
const (
	Image  Check = "image"  // a PNG, JPEG, TIFF, WebP or OpenEXR picture that decodes completely
	Exists Check = "exists" // a regular file that is not empty
	None   Check = "none"   // a regular file
)

// ByName returns Image for a file whose name ends as that of a picture that can be decoded here, and Exists for others.
func ByName(path string) Check {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".exr":
		return Image
	}
	return Exists
}

// Rule is what is asked of a file.
type Rule struct {
	Check  Check
	Width  uint32 // pixels a picture must have, an OpenEXR picture in its display window; 0: any
	Height uint32
	Refuse []Flaw // of pictures
}

// Result is what a file is. Kind, Width and Height are set for checked pictures only.
type Result struct {
	Size   uint64
	SHA256 string // hex
	Kind   string // png, jpeg, tiff, webp or exr
	Width  uint32
	Height uint32
}

// File reads the file at path and checks it. It opens the file once; what is hashed is what was decoded.
//
// An error is fault.Invalid if the file breaks the rule, NotFound if it does not exist, Conflict if it changed while it
// was read, Unavailable if it cannot be read or ctx ended; it names the file and what is wrong with it. It wraps
// errors.ErrUnsupported if the file may be a whole picture, of a kind that cannot be decoded here.
func File(ctx context.Context, path string, rule Rule) (Result, error) {
	switch rule.Check {
	case Image, Exists, None:
	default:
		return Result{}, fault.New(fault.Invalid, "%q is not a check: image, exists or none", rule.Check)
	}
	f, before, err := open(path)
	if err != nil {
		return Result{}, err
	}
	defer f.Close()
	if before.Size() == 0 && rule.Check != None {
		return Result{}, fault.New(fault.Invalid, "%s is empty", path)
	}
	r := newReader(ctx, f)
	var out Result
	var wrong error
	if rule.Check == Image {
		out, wrong = picture(&forward{through: r, file: f}, before.Size(), &rule)
	}
	if _, err := io.Copy(io.Discard, r); err != nil && r.err == nil {
		r.err = err
	}
	switch {
	case ctx.Err() != nil:
		return Result{}, fault.Wrap(fault.Unavailable, context.Cause(ctx), "check "+path)
	case r.err != nil:
		return Result{}, fault.Wrap(fault.Unavailable, r.err, "read "+path)
	}
	after, err := f.Stat()
	if err != nil {
		return Result{}, fault.Wrap(fault.Unavailable, err, "check "+path)
	}
	if r.count != before.Size() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return Result{}, fault.New(fault.Conflict, "%s changed while it was read: it had %d bytes, %d were read, now it has %d",
			path, before.Size(), r.count, after.Size())
	}
	if wrong != nil {
		return Result{}, fault.New(fault.Invalid, "%s %w", path, wrong)
	}
	out.Size, out.SHA256 = uint64(r.count), hex.EncodeToString(r.hash.Sum(nil))
	if rule.Check == Image && rule.refuses(Repeat) {
		if err := repeats(ctx, path, &out); err != nil {
			return Result{}, err
		}
	}
	return out, nil
}

// open opens a regular file. O_NONBLOCK keeps a FIFO of that name from blocking the call.
func open(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fault.New(fault.NotFound, "%s does not exist", path)
	case err != nil:
		return nil, nil, fault.Wrap(fault.Unavailable, err, "check")
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fault.New(fault.Invalid, "%s is not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, nil, fault.Wrap(fault.KindOf(err), err, "")
	}
	return f, info, nil
}

// reader hashes and counts what is read from it, and ends with its context.
type reader struct {
	ctx   context.Context
	from  io.Reader
	hash  hash.Hash
	count int64
	err   error // the first error of the file itself
}

func newReader(ctx context.Context, from io.Reader) *reader {
	return &reader{ctx: ctx, from: from, hash: sha256.New()}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(p)
	r.hash.Write(p[:n])
	r.count += int64(n)
	if err != nil && !errors.Is(err, io.EOF) && r.err == nil {
		r.err = err
	}
	return n, err
}
