package agent

import (
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
)

// capacity is what the node offers.
func (c Config) capacity() *agentv1.Capacity {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x86_64"
	}
	out := &agentv1.Capacity{Vcpus: c.VCPUs, MemoryMib: c.MemoryMiB, OsFamily: "linux", CpuArch: arch}
	var fs unix.Statfs_t
	if unix.Statfs(c.Dir, &fs) == nil { // the node's own disk
		out.ScratchGib = fs.Bavail * uint64(fs.Bsize) >> 30
	}
	return out
}

// gauge measures the machine between two heartbeats.
type gauge struct {
	cpus        []int
	busy, total uint64 // clock ticks at the last reading
}

func (g *gauge) heartbeat() *agentv1.Heartbeat {
	return &agentv1.Heartbeat{
		AgentTime:     timestamppb.Now(),
		Load1:         load1(),
		MemoryUsedMib: memoryUsed(),
		CpuPercent:    g.cpuPercent(),
	}
}

func load1() float64 {
	data, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(data), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

// memoryUsed returns what is not available, in MiB (proc(5), /proc/meminfo).
func memoryUsed() uint64 {
	data, _ := os.ReadFile("/proc/meminfo")
	var total, free uint64
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		v, _ := strconv.ParseUint(kib, 10, 64)
		switch name {
		case "MemTotal":
			total = v
		case "MemAvailable":
			free = v
		}
	}
	return (total - min(free, total)) >> 10
}

// cpuPercent returns how busy the node's CPUs were since the last call (proc(5), /proc/stat).
func (g *gauge) cpuPercent() float64 {
	data, _ := os.ReadFile("/proc/stat")
	var busy, total uint64
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 6 || !g.counts(f[0]) {
			continue
		}
		for i, text := range f[1:] {
			v, _ := strconv.ParseUint(text, 10, 64)
			total += v
			if i != 3 && i != 4 { // idle, iowait
				busy += v
			}
		}
	}
	defer func() { g.busy, g.total = busy, total }()
	if g.total == 0 || total <= g.total || busy < g.busy {
		return 0
	}
	return 100 * float64(busy-g.busy) / float64(total-g.total)
}

// counts reports whether a line of /proc/stat ("cpu" for all, "cpu3" for one) is the node's.
func (g *gauge) counts(name string) bool {
	number, ok := strings.CutPrefix(name, "cpu")
	if !ok || len(g.cpus) == 0 {
		return ok && number == ""
	}
	for _, cpu := range g.cpus {
		if number == strconv.Itoa(cpu) {
			return true
		}
	}
	return false
}
