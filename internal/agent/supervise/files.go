package supervise

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spillway/spillway/internal/fault"
)

// Names in a session's and an attempt's directory.
const (
	SpecFile   = "session.json"
	RecordFile = "supervisor.json"
	EndedFile  = "ended.json"
	LogFile    = "supervisor.log"
	ResultFile = "result.json"
	socketFile = "socket"
)

// maxFile bounds what is read of any of these files, in bytes.
const maxFile = 64 << 20

// WriteJSON replaces a file by v's JSON, atomically and durably. Where the disk is full, it gives up the reserve beside
// the file first.
func WriteJSON(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode "+filepath.Base(path))
	}
	err = replace(path, data)
	if err != nil && os.Remove(filepath.Join(filepath.Dir(path), ReserveFile)) == nil {
		err = replace(path, data)
	}
	return fault.Wrap(fault.Exhausted, err, "write "+path)
}

// ReserveFile is room kept in an attempt's directory for writing down how it ended when the disk has become full.
const ReserveFile = "reserve"

const reserveSize = 64 << 10

// Reserve makes the reserve in a directory.
func Reserve(dir string) error {
	return os.WriteFile(filepath.Join(dir, ReserveFile), make([]byte, reserveSize), 0o600)
}

func replace(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has been renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ReadJSON reads what WriteJSON wrote. No file is fault.NotFound, a damaged one fault.Invalid.
func ReadJSON(path string, v any) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fault.Wrap(fault.NotFound, err, "read")
	}
	if err != nil {
		return fault.Wrap(fault.Internal, err, "read")
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "read "+path)
	}
	return fault.Wrap(fault.Invalid, json.Unmarshal(data, v), "read "+path)
}
