package autoscale

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// MaxRecorded is how many measurements a recording may hold: two weeks.
const MaxRecorded = 14 * 24 * 120

// ReadRecording reads measurements as JSON values, one after the other: {"time":"…","values":{"$ActiveTasks":3}}. With an
// error it returns those before it. A recording that was cut off in the middle of a value gives io.ErrUnexpectedEOF.
func ReadRecording(r io.Reader) ([]Measurement, error) {
	var out []Measurement
	for d := json.NewDecoder(r); ; {
		var m Measurement
		switch err := d.Decode(&m); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return out, fmt.Errorf("measurement %d: %w", len(out)+1, err)
		}
		if err := m.Check(); err != nil {
			return out, fmt.Errorf("measurement %d: %w", len(out)+1, err)
		}
		if len(out) == MaxRecorded {
			return out, fmt.Errorf("a recording has at most %d measurements", MaxRecorded)
		}
		out = append(out, m)
	}
}

// Check reports what no measurement can be: one without a time, or of a variable that has no samples.
func (m *Measurement) Check() error {
	if m.Time.IsZero() {
		return errors.New("it has no time")
	}
	words := vocabulary()
	for _, name := range slices.Sorted(maps.Keys(m.Values)) {
		if v := words.services[name]; v == nil || v.Writable {
			hint := didYouMean(name, slices.Collect(maps.Keys(words.services)))
			if hint != "" {
				hint = " (" + hint + ")"
			}
			return fmt.Errorf("%s is no variable with samples%s", name, hint)
		}
	}
	return nil
}
