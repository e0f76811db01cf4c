package nodehelper

import (
	"os"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// isMounted reports whether dir is a mount point, without touching it (proc(5), /proc/self/mountinfo).
func isMounted(dir string) (bool, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false, fault.Wrap(fault.Internal, err, "list the mounts")
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && unescape.Replace(f[4]) == dir {
			return true, nil
		}
	}
	return false, nil
}

// unescape undoes how mountinfo writes blanks and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
