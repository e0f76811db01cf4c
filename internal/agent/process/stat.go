package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// Stat is what the kernel says about one process (proc(5), /proc/PID/stat).
type Stat struct {
	PID, PPID, PGID int
	State           byte   // R, S, D, Z, …
	Start           uint64 // clock ticks after boot: with the PID it names a process for good
}

// Ident names a process for the lifetime of a boot, though its PID may be used again.
type Ident struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// Ident returns the process's lasting name.
func (s Stat) Ident() Ident { return Ident{s.PID, s.Start} }

// Read returns the state of one process; an error if there is none.
func Read(pid int) (Stat, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, err
	}
	return parseStat(data)
}

// Alive reports whether the process exists and has not ended.
func (id Ident) Alive() bool {
	s, err := Read(id.PID)
	return err == nil && s.Start == id.Start && s.State != 'Z' && s.State != 'X'
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

// parseStat reads the line of /proc/PID/stat. The command name stands in parentheses and may hold any byte, so the
// fields are counted from the last closing one.
func parseStat(line []byte) (Stat, error) {
	open, end := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return Stat{}, fmt.Errorf("malformed stat line %.80q", line)
	}
	f := bytes.Fields(line[end+1:])
	if len(f) < 20 || len(f[0]) != 1 {
		return Stat{}, fmt.Errorf("short stat line %.80q", line)
	}
	pid, err1 := strconv.Atoi(string(bytes.TrimSpace(line[:open])))
	ppid, err2 := strconv.Atoi(string(f[1]))
	pgid, err3 := strconv.Atoi(string(f[2]))
	start, err4 := strconv.ParseUint(string(f[19]), 10, 64)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return Stat{}, fmt.Errorf("stat line %.80q: %w", line, err)
		}
	}
	return Stat{PID: pid, PPID: ppid, PGID: pgid, State: f[0][0], Start: start}, nil
}
