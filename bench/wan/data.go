package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
)

const smallSize = 16 << 10

// sharedFiles of sharedSize are the tree that many clients read at once.
const (
	sharedFiles = 200
	sharedSize  = 1 << 20
)

// makeData makes the NAS once: every eight bytes of a file are its seed plus their position, so that a client can tell
// whether what it gets is right.
func (s *setting) makeData(ctx context.Context) (string, error) {
	dir := filepath.Join(s.dir, fmt.Sprintf("nas-%d-%d", s.size, s.small))
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return dir, os.RemoveAll(filepath.Join(dir, "new"))
	}
	say("making %s of data in %s", gib(s.size), dir)
	if err := file(filepath.Join(dir, "big"), s.size); err != nil {
		return "", err
	}
	for i := range s.small {
		if err := file(filepath.Join(dir, "small", fmt.Sprintf("%03d", i/100), fmt.Sprintf("f%05d", i)), smallSize); err != nil {
			return "", err
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	for i := range sharedFiles {
		if err := file(filepath.Join(dir, "shared", fmt.Sprintf("d%d", i%10), fmt.Sprintf("f%03d", i)), sharedSize); err != nil {
			return "", err
		}
	}
	return dir, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644)
}

// file writes a file of n bytes, with a seed of its own.
func file(path string, n int64) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := io.CopyN(w, &words{at: rand.Uint64()}, n); err != nil {
		return err
	}
	return w.Flush()
}

// words counts up from a seed, eight bytes at a time.
type words struct{ at uint64 }

func (w *words) Read(b []byte) (int, error) {
	n := len(b) &^ 7
	for i := 0; i < n; i += 8 {
		binary.BigEndian.PutUint64(b[i:], w.at)
		w.at++
	}
	return n, nil
}

// right reports whether b can be the bytes at off (both multiples of eight) of a file whose first word is seed.
func right(b []byte, off int64, seed uint64) bool {
	for i := 0; i+8 <= len(b); i += 8 {
		if binary.BigEndian.Uint64(b[i:]) != seed+uint64(off/8)+uint64(i/8) {
			return false
		}
	}
	return true
}
