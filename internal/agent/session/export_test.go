package session

import (
	"time"

	"github.com/spillway/spillway/internal/agent/process"
)

// SetOOMKills has a session believe that the kernel kills for memory: own and machine are counted up with each look.
func (s *Session) SetOOMKills(own, machine uint64) {
	looks := uint64(0)
	s.oomKills = func(*process.Leaf) oomKills {
		looks++
		return oomKills{looks * own, looks * machine}
	}
}

// Stalls reports after which of the looks, a second apart, an action counts as stalled; -1: after none.
func Stalls(limit time.Duration, looks ...process.Usage) int {
	s := stall{limit: limit}
	for i, u := range looks {
		if s.look(time.Unix(int64(1000+i), 0), u, 0) {
			return i
		}
	}
	return -1
}
