package demo

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// teller prints what happens, a line each, with the time since the demo's start.
type teller struct {
	start time.Time
	mu    sync.Mutex // guards out
	out   io.Writer
}

// say prints one line: who speaks (at most ten letters), and what.
func (t *teller) say(who, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "%7.1fs  %-10s %s\n", time.Since(t.start).Seconds(), who, fmt.Sprintf(format, args...))
}

// megabytes prints a size the way people compare transfers: in decimal megabytes.
func megabytes(n uint64) string {
	switch {
	case n >= 10e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 100e3:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(n)/1e3)
}
