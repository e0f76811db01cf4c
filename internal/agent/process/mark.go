package process

import (
	"errors"
	"os"

	"github.com/spillway/spillway/internal/environ"
)

// marks looks for processes that were started with an environment entry ("NAME=value"). It remembers those that could not
// be read, so that each costs its time limit once.
type marks struct {
	entry   string
	blocked map[int]bool
}

// has reports whether a process carries the mark.
func (m *marks) has(pid int) bool {
	if m.entry == "" || m.blocked[pid] {
		return false
	}
	found, err := environ.Has(pid, m.entry, boundedWait)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		m.blocked[pid] = true
	}
	return found
}

// Marked returns the processes that were started with an environment entry ("NAME=value").
func Marked(entry string) []Stat {
	all, err := Scan()
	if err != nil {
		return nil
	}
	m := &marks{entry: entry, blocked: make(map[int]bool)}
	var out []Stat
	for _, s := range all {
		if !s.dead() && m.has(s.PID) {
			out = append(out, s)
		}
	}
	return out
}
