package wal

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Disk is the folder that holds the segments. Tests put faults in.
type Disk interface {
	// Open opens a file for reading and writing, creating it where it is missing.
	Open(name string) (File, error)
	// Sync makes the folder's names durable.
	Sync() error
}

// File is one segment.
type File interface {
	// ReadAt fills b from off; what lies beyond the end is an error.
	ReadAt(b []byte, off int64) (int, error)
	WriteAt(b []byte, off int64) (int, error)
	// Sync makes the content durable, as fdatasync does.
	Sync() error
	Size() (int64, error)
	Close() error
}

// Dir returns the folder at path, which must exist.
func Dir(path string) Disk { return dir(path) }

type dir string

func (d dir) Open(name string) (File, error) {
	f, err := os.OpenFile(filepath.Join(string(d), name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

func (d dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

type file struct{ *os.File }

func (f file) Sync() error { return unix.Fdatasync(int(f.Fd())) }

func (f file) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
