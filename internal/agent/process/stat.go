package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Stat is what the kernel says about one process.
//
// It is read from /proc/PID/status, which never blocks. Reading stat, environ or cmdline does for as long as the process
// is inside execve(2), which is for ever if the program lies on a storage that hangs: of other processes they are read
// with a time limit only (bounded).
type Stat struct {
	PID, PPID, PGID int
	State           byte // R, S, D, Z, …
}

// Ident names a process for the lifetime of a boot, though its PID may be used again.
type Ident struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // clock ticks after boot; 0: not known
}

// Read returns the state of one process; an error if there is none.
func Read(pid int) (Stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return Stat{}, err
	}
	return parseStatus(pid, data)
}

// dead reports whether the process has ended: what is left of it runs nothing.
func (s Stat) dead() bool { return s.State == 'Z' || s.State == 'X' }

// Identify returns a running process's lasting name.
func Identify(pid int) Ident {
	data, err := bounded("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Ident{PID: pid}
	}
	start, err := parseStart(data)
	if err != nil {
		return Ident{PID: pid}
	}
	return Ident{pid, start}
}

// Alive reports whether the process exists and has not ended. In doubt it is alive.
func (id Ident) Alive() bool {
	if id.PID <= 0 {
		return false
	}
	s, err := Read(id.PID)
	return err == nil && !s.dead() && id.same(Identify(id.PID))
}

// same reports whether two names may be of the same process.
func (id Ident) same(other Ident) bool {
	return id.PID == other.PID && (id.Start == 0 || other.Start == 0 || id.Start == other.Start)
}

// Scan returns all processes by PID.
func Scan() (map[int]Stat, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := make(map[int]Stat, len(names))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if s, err := Read(pid); err == nil { // it may have ended since
			all[pid] = s
		}
	}
	return all, nil
}

// Descendants returns the processes below root, parents first.
func Descendants(all map[int]Stat, root int) []Stat {
	children := make(map[int][]Stat)
	for _, s := range all {
		children[s.PPID] = append(children[s.PPID], s)
	}
	var out []Stat
	for queue := children[root]; len(queue) > 0; queue = queue[1:] {
		out = append(out, queue[0])
		queue = append(queue, children[queue[0].PID]...)
	}
	return out
}

// parseStatus reads the lines of /proc/PID/status (proc(5)).
func parseStatus(pid int, data []byte) (Stat, error) {
	s := Stat{PID: pid, PPID: -1, PGID: -1}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		var err error
		switch name {
		case "State":
			s.State = fields[0][0]
		case "PPid":
			s.PPID, err = strconv.Atoi(fields[0])
		case "NSpgid": // the last one is that of the innermost namespace, ours
			s.PGID, err = strconv.Atoi(fields[len(fields)-1])
		}
		if err != nil {
			return Stat{}, fmt.Errorf("status of process %d: %w", pid, err)
		}
	}
	if s.State == 0 || s.PPID < 0 || s.PGID < 0 {
		return Stat{}, fmt.Errorf("status of process %d is incomplete", pid)
	}
	return s, nil
}

// parseStart reads a process's start from /proc/PID/stat. The command name stands in parentheses and may hold any byte, so
// the fields are counted from the last closing one.
func parseStart(line []byte) (uint64, error) {
	f := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	if len(f) < 20 {
		return 0, fmt.Errorf("short stat line %.80q", line)
	}
	return strconv.ParseUint(string(f[19]), 10, 64)
}

// boundedWait is how long a file of another process may take to be read.
const boundedWait = 500 * time.Millisecond

// bounded reads a file of /proc that may block. A read that blocks is left behind; it ends with the process it is about.
func bounded(path string) ([]byte, error) {
	type answer struct {
		data []byte
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		data, err := os.ReadFile(path)
		done <- answer{data, err}
	}()
	t := time.NewTimer(boundedWait)
	defer t.Stop()
	select {
	case a := <-done:
		return a.data, a.err
	case <-t.C:
		return nil, fmt.Errorf("%s: %w", path, os.ErrDeadlineExceeded)
	}
}
