package process

import (
	"bufio"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spillway/spillway/internal/mount"
)

// DetachBelow takes every mount below a directory out of the tree, inner ones first, and returns how many there were.
func DetachBelow(dir string) (int, error) {
	points, err := mountsBelow(dir)
	if err != nil {
		return 0, err
	}
	for _, point := range slices.Backward(points) {
		err = errors.Join(err, mount.Detach(point))
	}
	return len(points), err
}

// mountsBelow lists mount points below dir, in the order in which they were mounted.
func mountsBelow(dir string) ([]string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	octal := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	var points []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text()) // proc(5): the fifth field is the mount point, octal-escaped
		if len(fields) < 5 {
			continue
		}
		if point := octal.Replace(fields[4]); strings.HasPrefix(point, dir+"/") {
			points = append(points, point)
		}
	}
	return points, lines.Err()
}
