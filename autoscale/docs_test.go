package autoscale_test

import (
	"os"
	"strings"
	"testing"

	"github.com/spillway/spillway/autoscale"
)

// Every variable stands in docs/autoscale.md, and its example is a right formula.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/autoscale.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range autoscale.Variables() {
		if !strings.Contains(string(page), "`"+v.Name+"`") {
			t.Errorf("%s is not documented", v.Name)
		}
	}
	_, rest, _ := strings.Cut(string(page), "\n    //")
	example, _, _ := strings.Cut(rest, "\n\n")
	f, err := autoscale.Parse("//" + example)
	if err != nil || len(f.Warnings()) > 0 {
		t.Errorf("the example is wrong: %v", err)
	}
}
