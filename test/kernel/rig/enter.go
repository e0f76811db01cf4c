package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/test/kernel/wire"
)

// inside tells a test that it runs in namespaces of its own, and where it may write.
const inside = "SPILLWAY_KERNEL_RIG"

// memory is where the namespaces have a file system in memory: for the guests' own memory.
const memory = "/mnt"

// namespaces are what the tests have of their own.
const namespaces = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID

// Missing says why no kernel can be booted here, for t.Skip; "" if one can. It begins with "needs" if
// scripts/kernel-client cures it.
func Missing() string {
	if runtime.GOARCH != "amd64" {
		return "Debian's User-Mode Linux is for amd64 machines only"
	}
	if os.Geteuid() != 0 {
		return "only root may make namespaces and tap devices"
	}
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return "no tap devices here: " + err.Error()
	}
	tun.Close()
	probe := exec.Command("/bin/true")
	probe.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if err := probe.Run(); err != nil {
		return "no namespaces here: " + err.Error()
	}
	root, err := softwareRoot()
	if err != nil {
		return err.Error()
	}
	if _, err := os.Stat(filepath.Join(root, ".packages")); err != nil {
		return "needs a Linux kernel to boot: run scripts/kernel-client"
	}
	return ""
}

// Enter runs the calling test again in namespaces of its own, and returns its exit status. If this already is that run it
// returns false: go on with the tests. An interrupt ends the tests, their processes and their files.
func Enter() (exit int, done bool) {
	if os.Getenv(inside) != "" {
		if err := settle(); err != nil {
			fmt.Fprintln(os.Stderr, "rig:", err)
			return 1, true
		}
		return 0, false
	}
	exit, err := again()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
	}
	return exit, true
}

func again() (int, error) {
	dir, err := os.MkdirTemp("", "spillway-kernel-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runtime.LockOSThread() // the kernel's death signal is about the thread that started the child
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, os.Args[0], os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"="+dir, "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: namespaces,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if ended.Exited() {
			return ended.ExitCode(), nil // the tests have said why
		}
		return 1, fmt.Errorf("the tests were ended: %w", errors.Join(err, context.Cause(ctx)))
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// settle makes the new namespaces usable.
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", memory, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", memory, err)
	}
	return wire.Up("lo")
}

// softwareRoot is where scripts/kernel-client unpacks.
func softwareRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, ".work/kernel-client/root"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the source tree that the test belongs to is not here")
		}
		dir = parent
	}
}
