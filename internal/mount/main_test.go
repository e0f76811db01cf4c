package mount

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// mapVariable makes this test binary a program that maps the file it names and prints what is in it. A page fault on a
// mount of the same process could block the very thread that must serve it.
const mapVariable = "SPILLWAY_TEST_MAP"

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
