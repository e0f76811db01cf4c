package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/process"
)

// counter is a machine that writes a line every few milliseconds, from a process that has left its session and parent.
var counter = []string{"sh", "-c", `setsid sh -c 'sh -c "while :; do echo tick; sleep 0.01; done" > ${dir}/ticks 2>/dev/null &'; exec sleep 1000`}

// deaf is a machine that ignores SIGTERM as soon as it has written a file of that name (a shell needs a while to come that far).
var deaf = []string{"sh", "-c", `trap "" TERM; echo > ${dir}/deaf; sleep 1000; sleep 1000; sleep 1000`}

func isDeaf(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name, "deaf"))
	return err == nil
}

func make1(t *testing.T, p *process.Provider) provider.Instance {
	t.Helper()
	i, err := p.Create(t.Context(), provider.Spec{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Delete(context.Background(), "n1"); err != nil {
			t.Error(err)
		}
	})
	return i
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// stopped reports whether every process of an instance is stopped (proc(5): state T), or waits for one that is: a shell that
// has called vfork(2) is in state D until its child, stopped before its execve(2), goes on.
func stopped(t *testing.T, id string) bool {
	t.Helper()
	pids := process.FindByEnv(process.Variable, id)
	for _, pid := range pids {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			return false
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(rest, "T") && !strings.HasPrefix(rest, "D") {
			return false
		}
	}
	return len(pids) > 0
}

func TestFreezeAndThaw(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, counter)
	i := make1(t, p)
	ticks := filepath.Join(dir, "n1", "ticks")
	waitFor(t, func() bool { return size(ticks) > 0 })
	if err := p.Freeze("n1"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return stopped(t, i.ID) })
	frozen := size(ticks)
	if list, err := p.List(t.Context()); err != nil || !list[0].Running {
		t.Errorf("a frozen machine is listed as %+v, %v; it still exists", list, err)
	}
	if err := p.Thaw("n1"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return size(ticks) > frozen })
}

func TestFrozenMachineCanBeDeleted(t *testing.T) {
	p := open(t, t.TempDir(), counter)
	i := make1(t, p)
	if err := p.Freeze("n1"); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if left := process.FindByEnv(process.Variable, i.ID); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestPowerComesBack(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, counter)
	first := make1(t, p)
	if err := os.WriteFile(filepath.Join(dir, "n1", "scratch"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill("n1"); err != nil {
		t.Fatal(err)
	}
	if left := process.FindByEnv(process.Variable, first.ID); len(left) > 0 {
		t.Errorf("processes %v survived the power failure", left)
	}
	second, err := p.Create(t.Context(), provider.Spec{Name: "n1"})
	if err != nil || second.ID == first.ID {
		t.Errorf("after a power failure: %+v, %v; want a new machine", second, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "n1", "scratch")); err == nil {
		t.Error("the new machine has the old one's disk")
	}
}

func TestUnknownMachineHasNoPower(t *testing.T) {
	p := open(t, t.TempDir(), counter)
	for name, err := range map[string]error{"freeze": p.Freeze("n1"), "thaw": p.Thaw("n1"), "kill": p.Kill("n1")} {
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v, want not found", name, err)
		}
	}
	if err := p.Kill("../n1"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("kill ../n1: %v", err)
	}
}

func TestDamagedRecordIsSaid(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, counter)
	if err := os.Mkdir(filepath.Join(dir, "n1"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "noise", "{}", `{"name":"n2","id":"n2@1"}`} {
		if err := os.WriteFile(filepath.Join(dir, "n1", "instance.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, createErr := p.Create(t.Context(), provider.Spec{Name: "n1"})
		_, listErr := p.List(t.Context())
		for call, err := range map[string]error{"create": createErr, "list": listErr, "delete": p.Delete(t.Context(), "n1")} {
			if fault.KindOf(err) != fault.Internal || fault.HintOf(err) == "" {
				t.Errorf("%s with the record %q: %v", call, text, err)
			}
		}
	}
}

func TestDeleteClearsWhatHasNoRecord(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, counter)
	if err := os.MkdirAll(filepath.Join(dir, "n1", "half", "made"), 0o700); err != nil {
		t.Fatal(err)
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("half a machine is listed: %v, %v", list, err)
	}
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "n1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestDeleteCanBeGivenUpAndRepeated(t *testing.T) {
	dir := t.TempDir()
	p, err := process.New(process.Config{Dir: dir, Command: deaf, Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	i, err := p.Create(t.Context(), provider.Spec{Name: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return isDeaf(dir, "n1") })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Delete(ctx, "n1"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("delete without time: %v, want unavailable", err)
	}
	if err := p.Kill("n1"); err != nil { // the grace is long
		t.Fatal(err)
	}
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if left := process.FindByEnv(process.Variable, i.ID); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestSlowDeleteHoldsUpNoOther(t *testing.T) {
	dir := t.TempDir()
	slow, err := process.New(process.Config{Dir: dir, Command: deaf, Grace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	make1 := func(name string) {
		if _, err := slow.Create(t.Context(), provider.Spec{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	make1("n1")
	waitFor(t, func() bool { return isDeaf(dir, "n1") })
	deleted := make(chan error, 1)
	go func() { deleted <- slow.Delete(t.Context(), "n1") }()
	make1("n2") // would wait for an hour
	for _, name := range []string{"n1", "n2"} {
		if err := slow.Kill(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-deleted; err != nil {
		t.Error(err)
	}
	if err := slow.Delete(t.Context(), "n2"); err != nil {
		t.Error(err)
	}
}

func TestDeleteDetachesMounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount")
	}
	dir := t.TempDir()
	p := open(t, dir, []string{"sh", "-c", `mkdir -p "${dir}/mnt/with space" && mount -t tmpfs none "${dir}/mnt" && mkdir "${dir}/mnt/with space" && mount -t tmpfs none "${dir}/mnt/with space" && cd "${dir}/mnt/with space" && echo > busy; exec sleep 1000`})
	if err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", dir).Run(); err != nil {
		t.Skip("needs leave to mount: ", err)
	}
	if _, err := p.Create(t.Context(), provider.Spec{Name: "n1"}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return unix.Access(filepath.Join(dir, "n1/mnt/with space/busy"), unix.F_OK) == nil })
	if err := p.Delete(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("mounts are left below %s: %v", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "n1")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory is still there: %v", err)
	}
}
