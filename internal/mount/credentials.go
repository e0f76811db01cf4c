package mount

import (
	"context"
	"os"
	"os/user"
	"strconv"
	"sync"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/spillway/spillway/nfs"
)

// maxGroups is how many supplementary groups AUTH_SYS holds (RFC 5531 §14).
const maxGroups = 16

// credentials makes AUTH_SYS credentials of the users that call, one for each.
type credentials struct {
	mu    sync.Mutex // guards known
	known map[fuse.Owner]*nfs.Auth
}

// of returns the credential of the process behind a request; nil, the client's own, where no request is behind it.
func (c *credentials) of(ctx context.Context) *nfs.Auth {
	caller, ok := fuse.FromContext(ctx)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if auth := c.known[caller.Owner]; auth != nil {
		return auth
	}
	if c.known == nil {
		c.known = map[fuse.Owner]*nfs.Auth{}
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "spillway"
	}
	auth := nfs.Sys(machine, caller.Uid, caller.Gid, groupsOf(caller.Uid)...)
	c.known[caller.Owner] = auth
	return auth
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
	var gids []uint32
	for _, name := range names[:min(len(names), maxGroups)] {
		if gid, err := strconv.ParseUint(name, 10, 32); err == nil {
			gids = append(gids, uint32(gid))
		}
	}
	return gids
}
