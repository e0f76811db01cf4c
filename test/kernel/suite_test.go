package kernel

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/test/kernel/wire"
)

// peerPort is where a guest is the other client of package posix.
const peerPort = 7001

// suite is a run of package posix in a guest.
type suite struct {
	on      guest
	peer    *guest // with the same folder at the same place; nil: a second process of the same guest
	dir     string
	run     string   // tests to run, as in -test.run
	without []string // as in SPILLWAY_POSIX_WITHOUT
	env     []string
	within  time.Duration
	onLine  func(line string) // called with each line that the tests print
}

// test runs it; each of its tests is a subtest of t.
func (s suite) test(t *testing.T) {
	t.Helper()
	env := append([]string{"SPILLWAY_POSIX_DIR=" + s.dir, "SPILLWAY_POSIX_WITHOUT=" + strings.Join(s.without, ";")}, s.env...)
	if whole() {
		env = append(env, "SPILLWAY_TEST_ALL=1")
	}
	if s.peer != nil {
		s.peer.background(t, wire.Command{
			Args: []string{"/opt/posix.test"},
			Env:  []string{fmt.Sprintf("SPILLWAY_POSIX_SERVE=0.0.0.0:%d", peerPort), "SPILLWAY_POSIX_DIR=" + s.dir},
		})
		env = append(env, fmt.Sprintf("SPILLWAY_POSIX_PEER=%s:%d", s.peer.Address, peerPort))
	}
	ctx, cancel := context.WithTimeout(t.Context(), s.within)
	defer cancel()
	out := lineReader{onLine: s.onLine}
	exit, err := s.on.Run(ctx, &out, wire.Command{Args: []string{"/opt/posix.test", "-test.v", "-test.run", s.run, "-test.timeout", s.within.String()}, Env: env})
	if err == nil && exit != 0 {
		err = fmt.Errorf("exit status %d", exit)
	}
	report(t, out.text.String(), err)
}

// report makes subtests of what a test program has printed; err is how it ended.
func report(t *testing.T, text string, err error) {
	t.Helper()
	results := parseResults(text)
	failed := false
	for _, r := range results {
		failed = failed || r.state == "FAIL"
		t.Run(r.name, func(t *testing.T) {
			t.Log(strings.Join(append([]string{"took " + r.took}, r.output...), "\n"))
			switch r.state {
			case "SKIP":
				t.Skip("the suite says: " + strings.TrimSpace(strings.Join(r.output, " ")))
			case "FAIL":
				t.Error("the suite says that it failed, above")
			case "":
				t.Error("it did not come to an end")
			}
		})
	}
	if (err != nil) != failed || len(results) == 0 {
		t.Errorf("the run of %d tests ended so: %v\n%s", len(results), err, tail(text, 60))
	}
}

// lineReader collects an output and shows its lines as they come.
type lineReader struct {
	text   bytes.Buffer
	line   []byte
	onLine func(string)
}

// Write takes the next part of the output.
func (l *lineReader) Write(p []byte) (int, error) {
	for _, b := range p {
		if l.line = append(l.line, b); b == '\n' {
			if l.onLine != nil {
				l.onLine(strings.TrimSuffix(string(l.line), "\n"))
			}
			l.line = l.line[:0]
		}
	}
	return l.text.Write(p)
}

// result is what came of one test.
type result struct {
	name, state, took string
	output            []string
}

var ending = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+) \((.*)\)$`)

// parseResults reads what a test program prints with -test.v.
func parseResults(text string) []result {
	var all []result
	for line := range strings.Lines(text) { // of any length: a scanner would end at a long one and say nothing
		line = strings.TrimRight(line, "\r\n")
		if name, ok := strings.CutPrefix(line, "=== RUN   "); ok {
			all = append(all, result{name: name})
			continue
		}
		if len(all) == 0 {
			continue
		}
		last := &all[len(all)-1]
		if m := ending.FindStringSubmatch(line); m != nil && m[2] == last.name {
			last.state, last.took = m[1], m[3]
		} else if last.state == "" {
			last.output = append(last.output, line)
		}
	}
	return all
}
