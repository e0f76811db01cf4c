package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/fault"
)

func TestCPULists(t *testing.T) {
	for text, want := range map[string]CPUList{"": nil, "0": {0}, "0-2,8": {0, 1, 2, 8}} {
		if got, err := ParseCPUList(text); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "-1", "3-1", "0-", "0,,1", "99999"} {
		if _, err := ParseCPUList(text); fault.KindOf(err) != fault.Invalid || fault.HintOf(err) == "" {
			t.Errorf("%q is accepted: %v", text, err)
		}
	}
}

func TestOwnStatus(t *testing.T) {
	s, err := Read(os.Getpid())
	if err != nil || s.PPID != os.Getppid() || s.PGID != syscall.Getpgrp() || s.dead() {
		t.Errorf("Read = %+v, %v", s, err)
	}
	id := Identify(os.Getpid())
	if id.Start == 0 || !id.Alive() {
		t.Errorf("Identify = %+v, alive %v", id, id.Alive())
	}
	if (Ident{id.PID, id.Start + 1}).Alive() {
		t.Error("another process with this PID is taken for it")
	}
}

// A process that left its group, its session and its parent is found by the mark it was started with.
func TestKillGroupFindsTheMarked(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	mark := "SPILLWAY_TEST_MARK=" + pidFile
	cmd := exec.Command("sh", "-c", `setsid sh -c 'sh -c "echo \$\$ > `+pidFile+`; exec sleep 300" &'; while [ ! -s `+pidFile+` ]; do sleep 0.01; done`)
	cmd.Env = append(os.Environ(), mark)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if left := Marked(mark); len(left) != 1 {
		t.Fatalf("marked: %+v", left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if left, err := KillGroup(ctx, nil, mark); err != nil {
		t.Fatal(left, err)
	}
	if left := Marked(mark); len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestDescendants(t *testing.T) {
	all := map[int]Stat{1: {PID: 1}, 2: {PID: 2, PPID: 1}, 3: {PID: 3, PPID: 2}, 4: {PID: 4, PPID: 1}, 5: {PID: 5, PPID: 9}}
	got := map[int]bool{}
	for _, s := range Descendants(all, 1) {
		if s.PPID != 1 && !got[s.PPID] {
			t.Errorf("%d comes before its parent", s.PID)
		}
		got[s.PID] = true
	}
	if !cmp.Equal(got, map[int]bool{2: true, 3: true, 4: true}) {
		t.Errorf("descendants: %v", got)
	}
}

func FuzzStatus(f *testing.F) {
	own, _ := os.ReadFile("/proc/self/status")
	f.Add(string(own))
	f.Add("State:\tZ (zombie)\nPPid:\t1\nNSpgid:\t7 3\n")
	f.Add("State:\nPPid:\tx\n")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseStatus(1, []byte(text)); err == nil && (s.State == 0 || s.PPID < 0 || s.PGID < 0) {
			t.Fatalf("%q: %+v", text, s)
		}
	})
}

func FuzzStart(f *testing.F) {
	own, _ := os.ReadFile("/proc/self/stat")
	f.Add(string(own))
	f.Add("7 (a) b) S " + strings.Repeat("1 ", 30))
	f.Add("")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseStart([]byte(text)) })
}
