package scale

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spillway/spillway/autoscale"
)

// recorder keeps measurements in a file, one a line, so that a formula knows the past after a restart. A line that was being
// written when the machine failed is dropped. When the file holds twice what the history keeps it is written anew.
type recorder struct {
	path  string // empty: nothing is kept
	lines int
}

// load reads the file into an empty history.
func (r *recorder) load(h *autoscale.History) error {
	if r.path == "" {
		return nil
	}
	f, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(filepath.Dir(r.path), 0o700)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	recorded, err := autoscale.ReadRecording(f)
	for _, m := range recorded {
		h.Add(m)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return errors.Join(err, r.rewrite(h))
}

// add appends a measurement, which the history has already.
func (r *recorder) add(m autoscale.Measurement, h *autoscale.History) error {
	if r.path == "" {
		return nil
	}
	if r.lines >= 2*kept {
		return r.rewrite(h)
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("record a sample: %w", err)
	}
	r.lines++
	return nil
}

// rewrite replaces the file by what the history holds.
func (r *recorder) rewrite(h *autoscale.History) error {
	all := h.Measurements()
	f, err := os.CreateTemp(filepath.Dir(r.path), ".samples-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has been renamed, or nothing can be done
	e := json.NewEncoder(f)
	for _, m := range all {
		if err = e.Encode(m); err != nil {
			break
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("record samples: %w", err)
	}
	r.lines = len(all)
	return os.Rename(f.Name(), r.path)
}
