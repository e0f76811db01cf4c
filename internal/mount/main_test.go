package mount

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// mapVariable makes this test binary a program that maps the file it names and prints what is in it. A page fault on a
// mount of the same process could block the very thread that must serve it.
const mapVariable = "SPILLWAY_TEST_MAP"

// changeVariable makes this test binary a program that maps the file behind the colon, changes the first byte of each page
// and ends what it did by what stands before the colon: "msync" or "munmap" (and close).
const changeVariable = "SPILLWAY_TEST_CHANGE"

// mountVariable makes this test binary a program that mounts "server dir", says so, and waits to be killed.
const mountVariable = "SPILLWAY_TEST_MOUNT"

func TestMain(m *testing.M) {
	if path := os.Getenv(mapVariable); path != "" {
		if err := printMapped(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if what := os.Getenv(changeVariable); what != "" {
		if err := changeMapped(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if where := os.Getenv(userVariable); where != "" {
		if err := mountAsUser(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if where := os.Getenv(mountVariable); where != "" {
		if err := mountAndWait(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func mountAndWait(where string) error {
	server, dir, _ := strings.Cut(where, " ")
	m, err := Mount(context.Background(), Config{Server: server, Path: "/", Dir: dir})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	<-m.Done()
	return nil
}

func changeMapped(what string) error {
	how, path, _ := strings.Cut(what, ":")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	for i := 0; i < len(b); i += 4096 {
		b[i] ^= 0xff
	}
	if how == "msync" {
		return unix.Msync(b, unix.MS_SYNC)
	}
	if err := unix.Munmap(b); err != nil {
		return err
	}
	return f.Close()
}

// runMapper changes a file through a shared mapping in another process.
func runMapper(t *testing.T, how, path string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), changeVariable+"="+how+":"+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func printMapped(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(b)
	return err
}
