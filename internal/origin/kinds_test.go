package origin_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/origin"
)

// table is how docs/origins.md shows the kinds.
func table() string {
	yes := func(is bool) string {
		if is {
			return "yes"
		}
		return "no"
	}
	rows := []struct {
		what string
		of   func(origin.Kind) string
	}{
		{"origin", func(k origin.Kind) string { return "`" + k.Name + ":" + k.Where + "`" }},
		{"kept in the filer's cache", func(k origin.Kind) string { return yes(!k.Caps.Local) }},
		{"a change of a file writes only what has changed", func(k origin.Kind) string { return yes(!k.Caps.WholeObjects) }},
		{"rename in one step, of folders of any size", func(k origin.Kind) string { return yes(k.AtomicRename) }},
		{"hard links", func(k origin.Kind) string { return yes(k.Caps.HardLinks) }},
		{"FIFOs, sockets, devices", func(k origin.Kind) string { return yes(k.Caps.SpecialFiles) }},
		{"locks hold among all users of the storage", func(k origin.Kind) string { return yes(k.SharedLocks) }},
		{"tells its free space", func(k origin.Kind) string { return yes(k.FreeSpace) }},
		{"longest path in bytes", func(k origin.Kind) string {
			if k.PathBytes == 0 {
				return "any"
			}
			return fmt.Sprint(k.PathBytes)
		}},
	}
	var b strings.Builder
	for i, row := range rows {
		cells := []string{row.what}
		if i == 0 {
			cells[0] = ""
		}
		for _, k := range origin.Kinds() {
			cells = append(cells, row.of(k))
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(cells)) + "\n")
		}
	}
	return b.String()
}

func TestDocsShowTheKinds(t *testing.T) {
	page, err := os.ReadFile("../../docs/origins.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := table(); !strings.Contains(string(page), "\n"+want+"\n") {
		t.Errorf("docs/origins.md has not this table:\n%s", want)
	}
}
