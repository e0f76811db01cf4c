package mount

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

func TestControlSocket(t *testing.T) {
	srv := nfstest.Start(t, nfstest.New())
	long := func(c *Config) { c.AttrTimeout, c.EntryTimeout = time.Hour, time.Hour }
	one, _ := mounted(t, srv, long)
	two, m := mounted(t, srv, long)
	must(t, os.WriteFile(filepath.Join(one, "f"), []byte("one"), 0o600))
	if _, err := os.Stat(filepath.Join(two, "f")); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "control")
	for range 2 { // a second time over the socket that was left
		l, err := ListenControl(socket)
		must(t, err)
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		ended := make(chan error)
		go func() { ended <- m.ServeControl(l) }()
		must(t, os.Truncate(filepath.Join(one, "f"), 1))
		nc, err := net.Dial("unix", socket)
		must(t, err)
		answers := bufio.NewScanner(nc)
		for _, c := range []struct{ command, want string }{{"refresh", "ok"}, {"format", "unknown command"}, {"refresh", "ok"}} {
			fmt.Fprintln(nc, c.command)
			if !answers.Scan() || answers.Text() != c.want {
				t.Errorf("%s: %q, %v", c.command, answers.Text(), answers.Err())
			}
		}
		if info, err := os.Stat(filepath.Join(two, "f")); err != nil || info.Size() != 1 {
			t.Errorf("after refresh: %v, %v", info, err)
		}
		nc.Close()
		l.Close()
		must(t, <-ended)
	}
}

// TestKilledProgramLeavesADeadMount stops a program that waits for a server that does not answer.
func TestKilledProgramLeavesADeadMount(t *testing.T) {
	fsys := nfstest.New()
	asked, answer := make(chan struct{}, 100), make(chan struct{})
	fsys.Intercept = func(p nfs.Proc, _ *nfs.Request) nfs.Status {
		if p == nfs.ProcRead {
			asked <- struct{}{}
			<-answer
		}
		return nfs.OK
	}
	dir, _ := mounted(t, nfstest.Start(t, fsys))
	path := filepath.Join(dir, "f")
	must(t, os.WriteFile(path, []byte("x"), 0o600))
	cat := exec.Command("cat", path)
	must(t, cat.Start())
	<-asked
	for range 10 {
		must(t, cat.Process.Signal(syscall.SIGCONT)) // interrupts nothing
	}
	ended := make(chan error)
	go func() { ended <- cat.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("the program ended: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	must(t, cat.Process.Kill())
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the program cannot be killed")
	}
	close(answer)
}
