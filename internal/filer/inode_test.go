package filer

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/origin"
)

// TestTableHoldsWhatIsInUse adds, uses and puts back inodes of a table that may hold few: one that somebody holds is the
// one that everybody gets, and those that nobody holds do not pile up.
func TestTableHoldsWhatIsInUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const shards = 64
		table := newTable(4 * shards) // ids that are multiples of 64 share a shard of four
		tg := &target{id: 1}
		held := map[uint64][]*inode{}
		add := func(n uint64) {
			id := n * shards
			ino := table.add(id, tg, origin.ID(fmt.Sprint(id)))
			if got := table.known(id); got != ino {
				t.Fatalf("inode %d was taken out while it was added", n)
			}
			table.put(ino)
			if of := held[n]; len(of) > 0 && of[0] != ino {
				t.Fatalf("inode %d is in memory twice", n)
			}
			held[n] = append(held[n], ino)
		}
		put := func(n uint64) {
			if of := held[n]; len(of) > 0 {
				table.put(of[0])
				held[n] = of[1:]
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			n := rapid.Uint64Range(1, 12).Draw(t, "inode")
			if rapid.Bool().Draw(t, "add") {
				add(n)
			} else {
				put(n)
			}
		}
		for n := range held {
			for len(held[n]) > 0 {
				put(n)
			}
		}
		for n := range uint64(100) { // the hand goes round
			add(100 + n)
			put(100 + n)
		}
		if n := table.len(); n > 5 {
			t.Errorf("%d inodes stay, 4 may", n)
		}
	})
}
