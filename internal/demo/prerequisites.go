package demo

import (
	"os"
	"os/exec"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// prerequisites are the programs the demo runs, with the Debian package of each.
var prerequisites = []struct{ program, pkg string }{
	{"blender", "blender"},
	{"ffmpeg", "ffmpeg"},
	{"bash", "bash"},
}

// checkPrerequisites reports everything that is missing at once.
func checkPrerequisites() error {
	var programs, packages []string
	for _, p := range prerequisites {
		if _, err := exec.LookPath(p.program); err != nil {
			programs, packages = append(programs, p.program), append(packages, p.pkg)
		}
	}
	if _, err := exec.LookPath("fusermount3"); err != nil && os.Getuid() != 0 {
		programs, packages = append(programs, "fusermount3"), append(packages, "fuse3")
	}
	if len(programs) > 0 {
		return fault.WithHint(fault.New(fault.Unavailable, "the demo needs %s", strings.Join(programs, ", ")),
			"make demo installs them; or: apt-get install %s", strings.Join(packages, " "))
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fault.WithHint(fault.New(fault.Unavailable, "there is no /dev/fuse, through which the nodes mount the filers: %w", err),
			"load the kernel's fuse module (modprobe fuse), or allow the device in this container")
	}
	return nil
}
