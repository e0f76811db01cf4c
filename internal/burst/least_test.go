package burst

import (
	"testing"

	"pgregory.net/rapid"
)

func TestLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, 1000).Draw(t, "from")
		limit := from + rapid.IntRange(0, 3000).Draw(t, "more")
		guess := rapid.IntRange(0, 5000).Draw(t, "guess")
		want := rapid.IntRange(from, limit).Draw(t, "want")
		if got := least(from, limit, guess, func(n int) bool {
			if n < from || n >= limit {
				t.Fatalf("%d is not from %d to %d", n, from, limit)
			}
			return n >= want
		}); got != want {
			t.Fatalf("%d, not %d", got, want)
		}
	})
}
