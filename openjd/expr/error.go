package expr

import (
	"fmt"
	"strings"

	"github.com/spillway/spillway/openjd/internal/spelling"
)

// Error is what is wrong with an expression, and where.
type Error struct {
	At      int    // byte offset in the expression
	Message string // without the place
	Hint    string // what to do about it; may be empty

	always bool // it is wrong whichever branch is taken: unknown names
}

// Error returns the message and the hint.
func (e *Error) Error() string {
	if e.Hint != "" {
		return e.Message + " (" + e.Hint + ")"
	}
	return e.Message
}

func failAt(at int, format string, args ...any) *Error {
	return &Error{At: at, Message: fmt.Sprintf(format, args...)}
}

// clip shortens foreign text for a message.
func clip(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// nearest returns `did you mean "x"?` for the known word nearest to an unknown one, or "".
func nearest(word string, known []string) string {
	best, least := "", 2+len(word)/4
	for _, k := range known {
		if strings.EqualFold(k, word) {
			best = k
			break
		}
		if d := distance(word, k); d < least || d == least && best != "" && k < best {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is that of two words, and that of the longest for any longer ones.
func distance(a, b string) int {
	const longest = 100
	if len(a) > longest || len(b) > longest {
		return longest
	}
	return spelling.Distance(a, b)
}
