package process

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
)

// CPUList is a set of CPU numbers as Linux writes it: "0", "0-3,8".
type CPUList []int

const maxCPU = 1023 // what a unix.CPUSet holds

// ParseCPUList reads a list. The empty text is the empty list. Errors are fault.Invalid.
func ParseCPUList(text string) (CPUList, error) {
	var list CPUList
	if text == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(item, "-")
		if !ranged {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 0 || b < a || b > maxCPU {
			return nil, fault.WithHint(fault.New(fault.Invalid, "%q is no list of CPUs", text), `write it like "0" or "0-3,8"`)
		}
		for cpu := a; cpu <= b; cpu++ {
			list = append(list, cpu)
		}
	}
	return list, nil
}

// Bind keeps this process, all of its threads and whatever it starts later on the listed CPUs. An empty list changes
// nothing.
func (l CPUList) Bind() error {
	if len(l) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range l {
		set.Set(cpu)
	}
	// Twice: a thread made while the first pass ran may have inherited the old set.
	for range 2 {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			tid, err := strconv.Atoi(t.Name())
			if err != nil {
				continue
			}
			if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
				return fault.Wrap(fault.Invalid, err, "bind to the CPUs")
			}
		}
	}
	return nil
}
