package openjd

import (
	"slices"
	"strings"
)

// Redacted stands for a redacted value; its length tells nothing.
const Redacted = "********"

// Redactor hides the values of openjd_redacted_env in output lines. The zero value hides nothing yet. It is not safe
// for concurrent use.
type Redactor struct {
	secrets []string // longest first, so that a value within another leaves no rest
}

// Add hides a value from now on: each of its lines, as output comes in lines.
func (r *Redactor) Add(value string) {
	for line := range strings.Lines(value) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || slices.Contains(r.secrets, line) {
			continue
		}
		r.secrets = append(r.secrets, line)
	}
	slices.SortStableFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
}

// Line returns the line with every hidden value replaced. An openjd_redacted_env message loses its value even before
// it has been added.
func (r *Redactor) Line(line string) string {
	if rest, ok := strings.CutPrefix(line, SetRedactedEnv.String()+":"); ok {
		end := line[len(strings.TrimRight(line, "\r\n")):]
		name, _, ok := strings.Cut(strings.TrimLeft(strings.TrimRight(rest, "\r\n"), " \t\""), "=")
		if !ok || checkEnvName(name) != nil {
			return SetRedactedEnv.String() + ": " + Redacted + end
		}
		return SetRedactedEnv.String() + ": " + name + "=" + Redacted + end
	}
	for _, secret := range r.secrets {
		line = strings.ReplaceAll(line, secret, Redacted)
	}
	return line
}
