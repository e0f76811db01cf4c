package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// The data set: two large files of bytes that do not compress, and a directory of small ones.
const (
	bigFiles   = 2
	bigSize    = 512 << 20
	smallFiles = 10_000
	window     = 512 << 20 // of the file that is written
)

// makeData makes the data set unless it is there: a marker is written last.
func makeData(dir string) error {
	data := filepath.Join(dir, "data")
	marker := filepath.Join(dir, "complete-3")
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	r := rand.NewChaCha8([32]byte{7})
	block := make([]byte, 1<<20)
	_, _ = r.Read(block)
	for _, d := range []string{"big", "small", "work"} {
		if err := os.MkdirAll(filepath.Join(data, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(filepath.Join(data, "work"), 0o777); err != nil {
		return err
	}
	for i := range bigFiles {
		if err := makeBig(filepath.Join(data, "big", fmt.Sprintf("f%d", i)), block, r); err != nil {
			return err
		}
	}
	for i := range smallFiles {
		size := 4096 + r.Uint64()%(60<<10)
		if err := os.WriteFile(filepath.Join(data, "small", fmt.Sprintf("file%05d", i)), block[:size], 0o644); err != nil {
			return err
		}
	}
	// What is overwritten is there whole, so that nobody's first round is about finding room on the disk; and each server
	// has its own, as a cache drops what another one has written.
	for _, server := range []string{nameGanesha, nameCache, nameBack, namePosix, nameCeiling} {
		if err := makeBig(filepath.Join(data, "work", windowOf(server)), block, r); err != nil {
			return err
		}
	}
	return os.WriteFile(marker, nil, 0o644)
}

// windowOf names the file that is overwritten through a server.
func windowOf(server string) string { return "window-" + server }

// makeBig writes the block again and again, rotated each time by another number of bytes.
func makeBig(path string, block []byte, r *rand.ChaCha8) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for range bigSize / len(block) {
		at := r.Uint64() % uint64(len(block))
		if _, err := f.Write(block[at:]); err != nil {
			return err
		}
		if _, err := f.Write(block[:at]); err != nil {
			return err
		}
	}
	return errors.Join(f.Sync(), f.Close())
}
