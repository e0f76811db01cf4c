package process

import (
	"bytes"
	"os"
	"strconv"
)

// marked reports whether a process was started with an environment entry.
func marked(pid int, mark string) bool {
	if mark == "" {
		return false
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if string(entry) == mark {
			return true
		}
	}
	return false
}

// Marked returns the processes that were started with an environment entry ("NAME=value").
func Marked(mark string) []Stat {
	all, err := Scan()
	if err != nil {
		return nil
	}
	var out []Stat
	for _, s := range all {
		if s.State != 'Z' && marked(s.PID, mark) {
			out = append(out, s)
		}
	}
	return out
}
