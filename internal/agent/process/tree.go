package process

import (
	"context"
	"os"
	"syscall"
	"time"
)

// Tree is everything that one action started: its process group, its cgroup leaf, and what of its descendants has left
// both. It is used by one goroutine.
type Tree struct {
	leader int
	leaf   *Leaf
	before map[int]bool // alive before the action: what environments left running
}

// Before notes the processes below this one, to be called before an action is started; Tree takes only later ones.
func Before() (map[int]bool, error) {
	all, err := Scan()
	if err != nil {
		return nil, err
	}
	seen := make(map[int]bool)
	for _, s := range Descendants(all, os.Getpid()) {
		seen[s.PID] = true
	}
	return seen, nil
}

// NewTree describes the tree of a started command.
func NewTree(leader int, leaf *Leaf, before map[int]bool) *Tree {
	return &Tree{leader: leader, leaf: leaf, before: before}
}

// Everything is the tree of all that is below this process or in the leaf.
func Everything(leaf *Leaf) *Tree { return &Tree{leaf: leaf} }

// Signal sends a signal to the command itself.
func (t *Tree) Signal(sig syscall.Signal) {
	if t.leader > 0 {
		_ = syscall.Kill(t.leader, sig)
	}
}

// Left returns the tree's processes that are alive. Zombies that were handed to this process are reaped; the leader is
// left to whoever waits for it.
func (t *Tree) Left() ([]Stat, error) {
	all, err := Scan()
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.State == 'Z' && s.PPID == os.Getpid() && s.PID != t.leader {
			_, _ = syscall.Wait4(s.PID, nil, syscall.WNOHANG, nil)
		}
	}
	var left []Stat
	for pid := range t.members(all) {
		if s := all[pid]; !s.dead() {
			left = append(left, s)
		}
	}
	return left, nil
}

func (t *Tree) members(all map[int]Stat) map[int]bool {
	in := make(map[int]bool)
	for pid, s := range all {
		if t.leader > 0 && s.PGID == t.leader {
			in[pid] = true
		}
	}
	for _, pid := range t.leaf.PIDs() {
		if _, ok := all[pid]; ok {
			in[pid] = true
		}
	}
	if t.leaf == nil || t.leader == 0 {
		t.addBelow(all, in)
	}
	return in
}

// addBelow adds the descendants of this process that came after the action's start and are not children of what was there
// before. A cgroup knows better: an orphan of an earlier daemon looks like one of the action's.
func (t *Tree) addBelow(all map[int]Stat, in map[int]bool) {
	foreign := make(map[int]bool)
	for _, s := range Descendants(all, os.Getpid()) { // parents first
		if t.before[s.PID] || foreign[s.PPID] {
			foreign[s.PID] = true
		} else {
			in[s.PID] = true
		}
	}
}

// Kill ends every process of the tree with SIGKILL and returns when none is left, or with the context's error and those
// that would not die: processes in an uninterruptible wait, as for a storage that hangs.
func (t *Tree) Kill(ctx context.Context) ([]Stat, error) {
	pause := time.Millisecond
	for {
		if len(t.leaf.PIDs()) > 0 {
			_ = t.leaf.Kill()
		}
		if t.leader > 0 {
			_ = syscall.Kill(-t.leader, syscall.SIGKILL)
		}
		left, err := t.Left()
		if err != nil || len(left) == 0 {
			return nil, err
		}
		for _, s := range left {
			_ = syscall.Kill(s.PID, syscall.SIGKILL)
		}
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-time.After(pause):
			pause = min(2*pause, 200*time.Millisecond)
		}
	}
}

// KillGroup ends the processes whose group is led by a process that no longer has a supervisor, and those that carry the
// environment entry mark ("NAME=value"), wherever they went. It returns when none is left or the context ends.
func KillGroup(ctx context.Context, groups []Ident, mark string) ([]Stat, error) {
	pause := time.Millisecond
	carrying := &marks{entry: mark, blocked: make(map[int]bool)}
	for {
		all, err := Scan()
		if err != nil {
			return nil, err
		}
		var left []Stat
		for _, s := range all {
			if s.PID != os.Getpid() && !s.dead() && (inGroups(s, groups, all) || carrying.has(s.PID)) {
				left = append(left, s)
				_ = syscall.Kill(s.PID, syscall.SIGKILL)
			}
		}
		if len(left) == 0 {
			return nil, nil
		}
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-time.After(pause):
			pause = min(2*pause, 200*time.Millisecond)
		}
	}
}

// inGroups reports whether a process is in one of the groups. A group whose leader's PID now belongs to a younger process
// is another group.
func inGroups(s Stat, groups []Ident, all map[int]Stat) bool {
	for _, g := range groups {
		if s.PGID != g.PID {
			continue
		}
		if _, ok := all[g.PID]; !ok || g.same(Identify(g.PID)) {
			return true
		}
	}
	return false
}
