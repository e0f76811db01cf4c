package main

import (
	"bufio"
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

// perFolder is how many files of a tree are in one folder.
const perFolder = 100

// tree makes a folder of n files of the given size on the NAS, once, and returns its name there.
func (p *place) tree(name string, n int, size int64) (string, error) {
	name = fmt.Sprintf("%s-%d-%d", name, n, size)
	return name, p.once(name, func(dir string) error {
		for i := range n {
			if err := file(filepath.Join(dir, fmt.Sprintf("%04d", i/perFolder), fmt.Sprintf("f%06d", i)), size); err != nil {
				return err
			}
		}
		return nil
	})
}

// large makes a large file on the NAS, once, and returns its name there.
func (p *place) large(size int64) (string, error) {
	name := fmt.Sprintf("large-%d", size)
	return name, p.once(name, func(at string) error { return file(at, size) })
}

// names makes a folder of n empty files on the NAS, once, and returns its name there.
func (p *place) names(n int) (string, error) {
	name := fmt.Sprintf("names-%d", n)
	return name, p.once(name, func(dir string) error {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		for i := range n {
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("n%07d", i)))
			if err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

// once has something made on the NAS under its name, unless it is there.
func (p *place) once(name string, fn func(at string) error) error {
	at := filepath.Join(p.nas, name)
	if _, err := os.Stat(at); err == nil {
		return nil
	}
	say("making %s in %s", name, p.nas)
	begun := at + ".begun"
	if err := os.RemoveAll(begun); err != nil {
		return err
	}
	if err := fn(begun); err != nil {
		return err
	}
	return os.Rename(begun, at)
}

// fresh makes an empty folder on the NAS, open to everybody, and returns its name there.
func (p *place) fresh(name string) (string, error) {
	at := filepath.Join(p.nas, name)
	if err := os.RemoveAll(at); err != nil {
		return "", err
	}
	return name, os.Mkdir(at, 0o755)
}

// file writes a file of n bytes, with a seed of its own: every eight bytes are the seed plus their position, so that a
// client can tell whether what it gets is right.
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
	w := bufio.NewWriterSize(f, int(min(n, 1<<20)))
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
