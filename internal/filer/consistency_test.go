package filer

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// The page on consistency says for every usage model what its timers make of it.
func TestDocumentedStaleness(t *testing.T) {
	page := string(readFile(t, "../../docs/consistency.md"))
	rows := regexp.MustCompile("(?m)^\\| `([A-Z_0-9]+)` \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(page, -1)
	models := usageModels()
	if len(rows) != 2*len(models) {
		t.Fatalf("%d rows for %d models in two tables", len(rows), len(models))
	}
	say := func(m *UsageModel, d time.Duration) string {
		switch {
		case m.Verify == never && d >= never:
			return "never"
		case d == 0:
			return "at once"
		}
		return d.String()
	}
	for i, m := range models {
		for _, row := range []struct {
			got         []string
			first, then time.Duration
		}{
			{rows[i], m.Verify, 2 * m.Verify},
			{rows[len(models)+i], m.WriteBack, m.WriteBack + m.Verify},
		} {
			if row.got[1] != m.ID || row.got[2] != say(&m, row.first) || row.got[3] != say(&m, row.then) {
				t.Errorf("the page says %q, the model is %s: %s, %s", row.got[0], m.ID, say(&m, row.first), say(&m, row.then))
			}
		}
	}
	for _, number := range []string{"unanswered for " + silence.String(), "(" + defaultOutage.String() + " unless set"} {
		if !strings.Contains(page, number) {
			t.Errorf("the page does not say %q", number)
		}
	}
}
