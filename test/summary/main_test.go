package main

import (
	"strings"
	"testing"
)

func TestSummarise(t *testing.T) {
	const passed = `{"Action":"pass","Package":"p","Test":"A","Elapsed":0.1}` + "\n"
	skipped := `{"Action":"output","Package":"p","Test":"S","Output":"    s_test.go:3: needs a database\n"}` + "\n" +
		`{"Action":"output","Package":"p","Test":"S","Output":"--- SKIP: S (0.00s)\n"}` + "\n" +
		`{"Action":"skip","Package":"p","Test":"S"}` + "\n"
	for name, c := range map[string]struct {
		in     string
		noSkip bool
		exit   int
		last   string
		holds  string
	}{
		"all pass":           {passed, false, 0, "1 passed, 0 failed, 0 skipped", ""},
		"nothing ran":        {"", false, 1, "0 passed, 0 failed, 0 skipped", ""},
		"skips are shown":    {passed + skipped, false, 0, "1 passed, 0 failed, 1 skipped", "skip p S: needs a database"},
		"skips may fail":     {passed + skipped, true, 1, "1 passed, 1 failed, 0 skipped", "must not be here: needs a database"},
		"other skips do not": {passed + strings.ReplaceAll(skipped, "needs a", "short: no"), true, 0, "1 passed, 0 failed, 1 skipped", ""},
		"a failure shows its output": {
			passed + `{"Action":"output","Package":"p","Test":"F","Output":"got 1, want 2\n"}` + "\n" + `{"Action":"fail","Package":"p","Test":"F"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n",
			false, 1, "1 passed, 1 failed, 0 skipped", "got 1, want 2",
		},
		"a race outside a test is shown": {
			`{"Action":"output","Package":"p","Test":"A","Output":"WARNING: DATA RACE\n"}` + "\n" + `{"Action":"output","Package":"p","Test":"A","Output":"x.go:7\n"}` + "\n" + passed + `{"Action":"fail","Package":"p"}` + "\n",
			false, 1, "1 passed, 1 failed, 0 skipped", "x.go:7",
		},
		"a test that did not end is shown": {
			passed + `{"Action":"output","Package":"p","Test":"H","Output":"panic: timed out\n"}` + "\n" + `{"Action":"fail","Package":"p"}` + "\n",
			false, 1, "1 passed, 1 failed, 0 skipped", "panic: timed out",
		},
		"a broken build counts": {
			passed + `{"ImportPath":"q","Action":"build-output","Output":"x.go:1: syntax error\n"}` + "\n" + `{"Action":"fail","Package":"q","FailedBuild":"q"}` + "\n",
			false, 1, "1 passed, 1 failed, 0 skipped", "x.go:1: syntax error",
		},
		"no JSON is passed on": {"go: no such module\n" + passed, false, 0, "1 passed, 0 failed, 0 skipped", "go: no such module"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if got := summarise(strings.NewReader(c.in), &out, c.noSkip); got != c.exit {
				t.Errorf("exit %d, want %d\n%s", got, c.exit, out.String())
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; last != c.last {
				t.Errorf("last line %q, want %q", last, c.last)
			}
			if !strings.Contains(out.String(), c.holds) {
				t.Errorf("output lacks %q:\n%s", c.holds, out.String())
			}
		})
	}
}
