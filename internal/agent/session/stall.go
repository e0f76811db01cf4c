package session

import (
	"fmt"
	"time"

	"github.com/spillway/spillway/internal/agent/process"
)

// stall finds out that an action makes no progress: it prints nothing, computes, reads and writes next to nothing, and its
// processes stay the same. A hung licence check and a deadlock look so; a long frame does not.
type stall struct {
	limit time.Duration // 0: for ever
	since time.Time     // of the last sign of life
	at    time.Time     // of the last look
	last  process.Usage
	out   int64
}

const (
	// nothing is how much of a CPU and how many bytes between two looks are no sign of life: idle programs wake up too.
	nothingCPU   = 0.01
	nothingBytes = 4096
	// ticksPerSecond is the kernel's USER_HZ, which is 100 wherever Linux runs Go.
	ticksPerSecond = 100
)

// every is how often to look.
func (s *stall) every() time.Duration {
	return min(max(s.limit/10, 10*time.Millisecond), 15*time.Second)
}

// look takes in what the action has used and printed so far and reports whether it has stalled.
func (s *stall) look(now time.Time, u process.Usage, out int64) bool {
	moved := out != s.out || u.PIDs != s.last.PIDs || u.Count != s.last.Count ||
		apart(u.IO, s.last.IO) >= nothingBytes || float64(apart(u.Ticks, s.last.Ticks)) >= max(1, nothingCPU*ticksPerSecond*now.Sub(s.at).Seconds())
	if moved || s.since.IsZero() {
		s.since = now
	}
	s.at, s.last, s.out = now, u, out
	return now.Sub(s.since) >= s.limit
}

func apart(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// stalled is the error of an action that has.
func (s *stall) stalled() error {
	return fmt.Errorf("printed, computed, read and wrote nothing for %s (%s)", s.limit, processes(s.last.Count))
}

func processes(n int) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}
