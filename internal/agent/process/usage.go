package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what a tree's processes have used so far. It only tells one look from another: what a process used that has ended
// is counted no more, unless its parent in the tree waited for it.
type Usage struct {
	PIDs  uint64 // sum of the processes' numbers
	Count int
	Ticks uint64 // clock ticks of CPU time (proc(5): USER_HZ, 100 a second)
	IO    uint64 // bytes that read and write calls moved, also of pipes and the page cache
}

// Usage looks at the tree's processes.
func (t *Tree) Usage() (Usage, error) {
	all, err := Scan()
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	for pid := range t.members(all) {
		if s := all[pid]; s.dead() {
			continue
		}
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		u.PIDs += uint64(pid)
		u.Count++
		if line, err := bounded(filepath.Join(dir, "stat")); err == nil {
			u.Ticks += parseTicks(line)
		}
		if data, err := bounded(filepath.Join(dir, "io")); err == nil {
			u.IO += parseIO(data)
		}
	}
	return u, nil
}

// parseTicks adds up utime, stime, cutime and cstime of /proc/PID/stat (proc(5), fields 14 to 17).
func parseTicks(line []byte) uint64 {
	f := bytes.Fields(line[bytes.LastIndexByte(line, ')')+1:])
	var sum uint64
	for i := 11; i < 15 && i < len(f); i++ {
		n, _ := strconv.ParseUint(string(f[i]), 10, 64)
		sum += n
	}
	return sum
}

// parseIO adds up rchar and wchar of /proc/PID/io.
func parseIO(data []byte) uint64 {
	var sum uint64
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name == "rchar" || name == "wchar" {
			n, _ := strconv.ParseUint(value, 10, 64)
			sum += n
		}
	}
	return sum
}

// OOMKills is how many processes the kernel has killed for memory: of the leaf, if its cgroup counts them, and on the whole
// machine (Linux 4.13).
func OOMKills(l *Leaf) (own, machine uint64) {
	if l != nil {
		own = counter(filepath.Join(l.dir, "memory.events"), "oom_kill")
	}
	return own, counter("/proc/vmstat", "oom_kill")
}

// counter reads the number behind a name in a file of "name number" lines; 0: it is not there.
func counter(path, name string) uint64 {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, _ := strconv.ParseUint(value, 10, 64)
			return n
		}
	}
	return 0
}
