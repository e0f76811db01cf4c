package posix

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExclusiveCreate(t *testing.T) {
	dir := scratch(t)
	path := filepath.Join(dir, "lock")
	const flags = os.O_CREATE | os.O_EXCL | os.O_WRONLY
	f, err := os.OpenFile(path, flags, 0o640)
	check(t, err)
	must(f.Write([]byte("mine")))(t)
	check(t, f.Close())
	s := stat(t, path)
	if s.Mode != unix.S_IFREG|0o640 || s.Size != 4 || s.Uid != stat(t, dir).Uid {
		t.Errorf("mode %o size %d owner %d", s.Mode, s.Size, s.Uid)
	}
	_, err = os.OpenFile(path, flags, 0o644)
	want(t, "a second time", err, unix.EEXIST)
	holds(t, path, []byte("mine"))
	check(t, unix.Mkdir(filepath.Join(dir, "d"), 0o755))
	_, err = os.OpenFile(filepath.Join(dir, "d"), flags, 0o644)
	want(t, "over a folder", err, unix.EEXIST)
	check(t, unix.Symlink("nowhere", filepath.Join(dir, "l")))
	_, err = os.OpenFile(filepath.Join(dir, "l"), flags, 0o644)
	want(t, "over a dangling link", err, unix.EEXIST)

	// A mode without permission to write: its creator may write nevertheless.
	f, err = os.OpenFile(filepath.Join(dir, "sealed"), flags, 0o444)
	check(t, err)
	must(f.Write([]byte("once")))(t)
	check(t, f.Close())
	holds(t, filepath.Join(dir, "sealed"), []byte("once"))
}

// Two clients want the same names at the same time: each name has one winner, and holds what the winner wrote.
func TestExclusiveCreateRace(t *testing.T) {
	dir := scratch(t)
	peer := startPeer(t)
	rounds := 150
	if whole() {
		rounds = 2000
	}
	theirs := peer.begin(t, request{Op: "grab", Path: dir, Count: rounds, Data: []byte("peer")})
	mine, err := grab(dir, rounds, []byte("here"))
	check(t, err)
	answer := theirs(t)
	won := map[int]string{}
	for _, i := range mine {
		won[i] = "here"
	}
	for _, i := range answer.Won {
		if won[i] != "" {
			t.Errorf("both clients have created lock%d", i)
		}
		won[i] = "peer"
	}
	for i := range rounds {
		if won[i] == "" {
			t.Errorf("neither client has created lock%d", i)
			continue
		}
		holds(t, filepath.Join(dir, fmt.Sprintf("lock%d", i)), []byte(won[i]))
	}
	t.Logf("of %d names we won %d", rounds, len(mine))
}

// grab creates lock0 to lockN exclusively, and says which it got.
func grab(dir string, n int, data []byte) ([]int, error) {
	var won []int
	for i := range n {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("lock%d", i)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		won = append(won, i)
		if _, err := f.Write(data); err != nil {
			return nil, err
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return won, nil
}
