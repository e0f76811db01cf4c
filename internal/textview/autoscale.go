package textview

import (
	"fmt"
	"io"
	"strings"

	"github.com/spillway/spillway/api/restv1"
)

// AutoscaleRun writes what a formula wants: the nodes, then every variable.
func AutoscaleRun(w io.Writer, run restv1.AutoscaleRun) error {
	t := newTable("VARIABLE", "VALUE")
	for pair := range strings.SplitSeq(run.Results, ";$") {
		name, value, _ := strings.Cut(pair, "=")
		t.row("$"+strings.TrimPrefix(name, "$"), value)
	}
	if err := t.write(w); err != nil {
		return err
	}
	nodes := fmt.Sprintf("%d nodes", run.Nodes)
	if run.Nodes == 1 {
		nodes = "1 node"
	}
	if run.Note != "" {
		nodes += "; " + run.Note
	}
	_, err := fmt.Fprintf(w, "\nThe pool would have %s.\n", nodes)
	return err
}
