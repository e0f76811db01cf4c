// Command summary reads `go test -json` from standard input, shows what a person wants to see of it (packages as they
// end, the output of what failed, why tests were skipped) and ends with one line that counts the tests.
//
// It exits 1 if anything failed, did not build or ran no test at all. With SPILLWAY_TEST_NO_SKIP set, a test that was
// skipped for a missing service ("needs …") counts as failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// event is one line of `go test -json` (see `go doc test2json`).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

func main() {
	os.Exit(summarise(os.Stdin, os.Stdout, os.Getenv("SPILLWAY_TEST_NO_SKIP") != ""))
}

// tally counts what has been seen.
type tally struct {
	passed, failed, skipped int
	broken                  []string // packages that failed outside a test: build, panic, TestMain
}

func summarise(in io.Reader, out io.Writer, noSkip bool) int {
	var t tally
	outputs := map[string][]string{} // by package and test
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // what go itself says
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "output":
			outputs[key] = append(outputs[key], e.Output)
		case "pass", "fail", "skip":
			output := outputs[key]
			delete(outputs, key)
			if e.Test == "" { // what ended the package stands under the tests that ran then
				output = append(unended(outputs, e.Package), output...)
			}
			t.end(e, output, out, noSkip)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(out, "summary:", err)
		t.broken = append(t.broken, "the test output")
	}
	for _, b := range t.broken {
		fmt.Fprintln(out, "failed outside a test:", b)
	}
	// A package that is broken counts as one failed test, so that the last line tells the truth.
	failed := t.failed + len(t.broken)
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", t.passed, failed, t.skipped)
	if failed > 0 || t.passed == 0 {
		return 1
	}
	return 0
}

// unended takes out what the tests of a package have printed that did not end.
func unended(outputs map[string][]string, pkg string) (all []string) {
	for _, key := range slices.Sorted(maps.Keys(outputs)) {
		if strings.HasPrefix(key, pkg+" ") {
			all = append(all, outputs[key]...)
			delete(outputs, key)
		}
	}
	return all
}

func (t *tally) end(e event, output []string, out io.Writer, noSkip bool) {
	if e.Test == "" {
		t.endPackage(e, output, out)
		return
	}
	switch e.Action {
	case "pass":
		t.passed++
		// A race that is found between two tests fails the package, and its report stands under a test that passed.
		if text := strings.Join(output, ""); strings.Contains(text, "WARNING: DATA RACE") {
			fmt.Fprintf(out, "RACE %s %s\n%s", e.Package, e.Test, text)
		}
	case "fail":
		t.failed++
		fmt.Fprintf(out, "FAIL %s %s (%.1fs)\n%s", e.Package, e.Test, e.Elapsed, strings.Join(output, ""))
	case "skip":
		reason := skipReason(output)
		if noSkip && strings.HasPrefix(reason, "needs ") {
			t.failed++
			fmt.Fprintf(out, "FAIL %s %s: skipped, and must not be here: %s\n", e.Package, e.Test, reason)
			return
		}
		t.skipped++
		fmt.Fprintf(out, "skip %s %s: %s\n", e.Package, e.Test, reason)
	}
}

func (t *tally) endPackage(e event, output []string, out io.Writer) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(out, "ok   %s (%.1fs)\n", e.Package, e.Elapsed)
	case "fail":
		fmt.Fprintf(out, "FAIL %s (%.1fs)\n%s", e.Package, e.Elapsed, strings.Join(output, ""))
		if t.failed == 0 || e.FailedBuild != "" {
			t.broken = append(t.broken, e.Package)
		}
	}
}

// skipReason finds the text given to t.Skip: the last line of the form "    file.go:12: reason".
func skipReason(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		line := strings.TrimSpace(output[i])
		if strings.HasPrefix(line, "---") || line == "" {
			continue
		}
		if _, reason, ok := strings.Cut(line, ".go:"); ok {
			if _, reason, ok = strings.Cut(reason, ": "); ok {
				return reason
			}
		}
	}
	return "no reason given"
}
