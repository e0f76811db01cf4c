package mount

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// mapVariable makes this test binary a program that maps the file it names and prints what is in it. A page fault on a
// mount of the same process could block the very thread that must serve it.
const mapVariable = "SPILLWAY_TEST_MAP"

func TestMain(m *testing.M) {
	if path := os.Getenv(mapVariable); path != "" {
		if err := printMapped(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
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
