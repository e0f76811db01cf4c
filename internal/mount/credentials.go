package mount

import (
	"context"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

// maxGroups is how many supplementary groups AUTH_SYS holds (RFC 5531 §14).
const maxGroups = 16

// trusted is how long a process is taken to be in the groups it was last seen in.
const trusted = time.Second

// maxCallers bounds the callers whose credentials are kept.
const maxCallers = 1024

// credentials makes AUTH_SYS credentials of the processes that call.
type credentials struct {
	mu    sync.Mutex // guards known
	known map[fuse.Caller]credential
}

type credential struct {
	auth *nfs.Auth
	seen time.Time
}

// of returns the credential of the process behind a request; nil, the client's own, where no request is behind it.
func (c *credentials) of(ctx context.Context) *nfs.Auth {
	caller, ok := fuse.FromContext(ctx)
	if !ok {
		return nil
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.known[*caller]; ok && now.Sub(known.seen) < trusted {
		return known.auth
	}
	if c.known == nil || len(c.known) >= maxCallers {
		c.known = map[fuse.Caller]credential{}
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "spillway"
	}
	groups, ok := groupsOfProcess(caller.Pid)
	if !ok {
		groups = groupsOf(caller.Uid)
	}
	auth := nfs.Sys(machine, caller.Uid, caller.Gid, groups...)
	c.known[*caller] = credential{auth, now}
	return auth
}

// groupsOfProcess returns the first supplementary groups of a process or thread; false where it cannot be seen: it has ended,
// or lives in a PID namespace of its own. Reading /proc/PID/status never blocks.
func groupsOfProcess(pid uint32) ([]uint32, bool) {
	if pid == 0 {
		return nil, false
	}
	status, err := os.ReadFile("/proc/" + strconv.FormatUint(uint64(pid), 10) + "/status")
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Groups:"); ok {
			return gids(strings.Fields(list)), true
		}
	}
	return nil, false
}

// groupsOf returns the first supplementary groups of a user; none for a user without a name.
func groupsOf(uid uint32) []uint32 {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return nil
	}
	names, err := u.GroupIds()
	if err != nil {
		return nil
	}
	return gids(names)
}

// gids reads numbers of groups, as many as a credential holds.
func gids(list []string) (ids []uint32) {
	for _, text := range list[:min(len(list), maxGroups)] {
		if gid, err := strconv.ParseUint(text, 10, 32); err == nil {
			ids = append(ids, uint32(gid))
		}
	}
	return ids
}
