package filer

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// fallbackMemory is taken for the machine's where it does not say.
const fallbackMemory = 4 << 30

// machineMemory returns how many bytes of memory this process may use, page cache included: the machine's, or what its
// control groups allow.
func machineMemory() int64 {
	mem := int64(fallbackMemory)
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(b), "MemTotal: %d kB", &kib); err == nil && kib > 0 {
			mem = kib << 10
		}
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return mem
	}
	return min(mem, groupMemory("/sys/fs/cgroup", groups, mem))
}

// memoryLimit returns from how many bytes on the runtime collects garbage more often than it would: what inodes may take,
// and the index, fetches and names besides, but never more than 3.5 GiB. The page cache makes better use of the rest.
func memoryLimit(memory int64) int64 { return min(memory/inodeShare+512<<20, 3584<<20) }

// groupMemory returns the least that a process's control groups, and those around them, allow, or most if that is less.
// groups is its /proc/PID/cgroup (cgroups(7)), root where the hierarchies are mounted.
func groupMemory(root string, groups []byte, most int64) int64 {
	for line := range bytes.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		at, file := root, "memory.max"
		switch controllers {
		case "": // version 2
		case "memory":
			at, file = filepath.Join(root, "memory"), "memory.limit_in_bytes"
		default:
			continue
		}
		for path = filepath.Clean("/" + path); ; path = filepath.Dir(path) {
			if b, err := os.ReadFile(filepath.Join(at, path, file)); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 { // else "max"
					most = min(most, n)
				}
			}
			if path == "/" {
				break
			}
		}
	}
	return most
}
