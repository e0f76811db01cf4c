package filer

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// GroupFiles name a list of users and one of groups, in the form of passwd(5) and group(5). AUTH_SYS carries 16 groups
// (RFC 5531 §8.2); a caller whose uid is in these files has all that they say, instead of those that it sent.
type GroupFiles struct {
	UserFile  string `yaml:"userFile,required"`
	GroupFile string `yaml:"groupFile,required"`
}

// wireGroups is how many groups an AUTH_SYS credential carries.
const wireGroups = 16

// userGroups are the supplementary groups by uid.
type userGroups map[uint32][]uint32

// load reads both files.
func (g *GroupFiles) load() (userGroups, error) {
	users, err := os.ReadFile(g.UserFile)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "users")
	}
	groups, err := os.ReadFile(g.GroupFile)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "groups")
	}
	return parseGroups(g.UserFile, string(users), g.GroupFile, string(groups))
}

// parseGroups joins the two lists. Groups of users that are not in the list of users are left out.
func parseGroups(userFile, users, groupFile, groups string) (userGroups, error) {
	byName := map[string][]uint32{} // uids: two names may share one, one name has one
	sets := map[uint32]map[uint32]bool{}
	err := eachEntry(userFile, users, 7, func(f []string) error {
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			return fault.New(fault.Invalid, "the third field is a uid, got %q", f[2])
		}
		gid, err := strconv.ParseUint(f[3], 10, 32)
		if err != nil {
			return fault.New(fault.Invalid, "the fourth field is a gid, got %q", f[3])
		}
		byName[f[0]] = append(byName[f[0]], uint32(uid))
		if sets[uint32(uid)] == nil {
			sets[uint32(uid)] = map[uint32]bool{}
		}
		sets[uint32(uid)][uint32(gid)] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = eachEntry(groupFile, groups, 4, func(f []string) error {
		gid, err := strconv.ParseUint(f[2], 10, 32)
		if err != nil {
			return fault.New(fault.Invalid, "the third field is a gid, got %q", f[2])
		}
		for name := range strings.SplitSeq(f[3], ",") {
			for _, uid := range byName[strings.TrimSpace(name)] {
				sets[uid][uint32(gid)] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make(userGroups, len(sets))
	for uid, set := range sets {
		out[uid] = slices.Sorted(maps.Keys(set))
	}
	return out, nil
}

// eachEntry calls fn with the fields of each line. Comments, empty lines and the old marks of NIS (+, -) are left out.
func eachEntry(file, text string, fields int, fn func([]string) error) error {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.ContainsRune("#+-", rune(line[0])) {
			continue
		}
		f := strings.Split(line, ":")
		err := error(nil)
		if len(f) != fields || f[0] == "" {
			err = fault.New(fault.Invalid, "want %d fields with colons between them, got %d", fields, len(f))
		} else {
			err = fn(f)
		}
		if err != nil {
			return fault.New(fault.Invalid, "%s:%d:1: %w\n%4d | %.100s\n     | ^", file, number, err, number, line)
		}
	}
	return nil
}

// caller returns who sent a call, with all its groups where the target can take them.
func (f *Filer) caller(req *nfs.Request, t *target) origin.Cred {
	c := credOf(req)
	known := f.userGroups.Load()
	if known == nil {
		return c
	}
	if groups, ok := (*known)[c.UID]; ok && (t.caps.Local || len(groups) <= wireGroups) {
		c.GIDs = groups
	}
	return c
}

// groupsInterval is how often the files are looked at.
const groupsInterval = time.Minute

// watchGroups reads the files again when they have changed, until ctx ends. Files with a mistake change nothing.
func (f *Filer) watchGroups(ctx context.Context) {
	tick := time.NewTicker(groupsInterval)
	defer tick.Stop()
	last := f.cfg.Groups.stamp()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := f.cfg.Groups.stamp(); now != last {
			last = now
			f.reloadGroups()
		}
	}
}

func (f *Filer) reloadGroups() {
	if f.cfg.Groups == nil {
		return
	}
	known, err := f.cfg.Groups.load()
	if err != nil {
		f.log.Error("users and groups were not loaded again", "error", err)
		return
	}
	f.userGroups.Store(&known)
	f.log.Info("users and groups were loaded again", "users", len(known))
}

// stamp tells states of the files apart.
func (g *GroupFiles) stamp() (s [2]struct {
	mod  time.Time
	size int64
}) {
	for i, name := range []string{g.UserFile, g.GroupFile} {
		if info, err := os.Stat(name); err == nil {
			s[i].mod, s[i].size = info.ModTime(), info.Size()
		}
	}
	return s
}
