package mount

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// killPoll is how often a caller that was interrupted is looked at.
const killPoll = 100 * time.Millisecond

// untilKilled returns a context for a request's calls. The kernel reports every signal to the caller as an interruption,
// a timer's or a child's end too, but programs expect EINTR from a file system for none of them; so the context ends only
// when the caller is being killed. The cancel function must be called when the request has been answered.
func untilKilled(request context.Context) (context.Context, context.CancelFunc) {
	caller, ok := fuse.FromContext(request)
	if !ok || request.Done() == nil {
		return request, func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(request))
	stop := context.AfterFunc(request, func() {
		tick := time.NewTicker(killPoll)
		defer tick.Stop()
		for !killed(caller.Pid) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		cancel()
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// sigkill is SIGKILL in a signal mask of /proc. The kernel adds it to every thread of a process that a signal ends.
const sigkill = 1 << (9 - 1)

// killed reports whether a thread is gone or has SIGKILL pending.
func killed(thread uint32) bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return os.IsNotExist(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err == nil && mask&sigkill != 0 {
			return true
		}
	}
	return false
}
