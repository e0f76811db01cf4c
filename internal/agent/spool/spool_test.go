package spool_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/agent/spool"
	"github.com/spillway/spillway/internal/fault"
)

func TestShortLogIsKeptWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := spool.Create(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(l, "one")
	if l.Size() != 4 {
		t.Errorf("Size = %d before the end: a follower sees nothing", l.Size())
	}
	fmt.Fprintln(l, "two")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "one\ntwo\n" {
		t.Errorf("log = %q", got)
	}
	if _, err := l.Write([]byte("x")); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a write after Close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Whatever is written in whatever pieces, the file starts with the start and ends with the end, and nothing is lost that
// would have fitted.
func TestCapKeepsHeadAndTail(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		const limit, half = 8 << 10, 4 << 10
		path := filepath.Join(dir, "log")
		l, err := spool.Create(path, limit)
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 6000), 0, 12).Draw(t, "writes") {
			piece := bytes.Repeat([]byte{byte('a' + i)}, n)
			all = append(all, piece...)
			if n, err := l.Write(piece); err != nil || n != len(piece) {
				t.Fatal(n, err)
			}
			if l.Size() > half {
				t.Fatalf("%d bytes are final before the end is known", l.Size())
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || int64(len(got)) != l.Size() {
			t.Fatalf("%d bytes in the file, Size = %d, %v", len(got), l.Size(), err)
		}
		want := all
		if len(all) > limit {
			note := fmt.Sprintf("\n[spillway] %d bytes of output left out here\n", len(all)-limit)
			want = []byte(string(all[:half]) + note + string(all[len(all)-half:]))
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("kept %d bytes of %d, want %d", len(got), len(all), len(want))
		}
		if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
	})
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	l, err := spool.Create("/dev/full", 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the error stays
		_, err = l.Write([]byte("x"))
		if fault.KindOf(err) != fault.Exhausted || !strings.Contains(err.Error(), "full") || fault.HintOf(err) == "" {
			t.Errorf("a full disk answers %v", err)
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}
