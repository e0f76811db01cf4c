package posix

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestStatfs(t *testing.T) {
	var s unix.Statfs_t
	check(t, unix.Statfs(scratch(t), &s))
	if s.Bsize <= 0 || s.Blocks == 0 || s.Bfree > s.Blocks || s.Bavail > s.Bfree || s.Namelen != 255 {
		t.Errorf("statfs says %+v", s)
	}
	if s.Files != 0 && s.Ffree > s.Files {
		t.Errorf("%d files free of %d", s.Ffree, s.Files)
	}
}
