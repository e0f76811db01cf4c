package filer

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/nfs"
)

func stateAt(n int) nfs.PreAttr { return nfs.PreAttr{Size: uint64(n), Ctime: nfs.Time{Sec: uint32(n)}} }

func wccBetween(a, b int) nfs.WccData {
	after := stateAt(b)
	return nfs.WccData{
		Before: nfs.OptPreAttr{Present: true, Attr: stateAt(a)},
		After:  nfs.WithAttr(nfs.Attr{Size: after.Size, Ctime: after.Ctime}),
	}
}

// Replies in any order connect; one foreign change anywhere among them is noticed.
func TestChainFindsForeignChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "writes")
		foreignAfter := rapid.IntRange(-1, n-1).Draw(t, "foreign after write") // -1: none
		var c chain
		var replies []nfs.WccData
		at := 0
		for i := range n {
			c.begin(stateAt(0), true)
			if i == foreignAfter && i > 0 { // between two of ours
				at++
			}
			replies = append(replies, wccBetween(at, at+1))
			at++
		}
		if rapid.Bool().Draw(t, "own state seen") && foreignAfter <= 0 {
			c.see(stateAt(rapid.IntRange(0, n).Draw(t, "state")))
		}
		for i, r := range rapid.Permutation(replies).Draw(t, "order") {
			if last := c.end(r, false); last != (i == n-1) {
				t.Fatalf("reply %d: last = %v", i, last)
			}
		}
		if foreign := foreignAfter > 0; c.ours() == foreign {
			t.Fatalf("ours = %v with foreign = %v", !foreign, foreign)
		}
		if foreignAfter <= 0 && c.at != stateAt(at) {
			t.Fatalf("ends at %v", c.at)
		}
	})
}

func TestChainNoticesForeignStateSeen(t *testing.T) {
	var c chain
	c.begin(stateAt(0), true)
	c.see(stateAt(7))
	c.end(wccBetween(0, 1), false)
	if c.ours() {
		t.Fatal("a state that none of our changes made went unnoticed")
	}
}

func TestChainWithoutAttributesIsBroken(t *testing.T) {
	var c chain
	c.begin(stateAt(0), true)
	c.end(nfs.WccData{}, false)
	if c.ours() {
		t.Fatal("a change without attributes explains nothing")
	}
	c.begin(stateAt(0), true)
	c.end(nfs.WccData{}, true)
	if !c.ours() {
		t.Fatal("a change that never reached the file breaks nothing")
	}
}
