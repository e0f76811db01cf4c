package burst

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Seconds count from now, and far from now a double cannot tell one start from the next: that must not keep the search
// from ending.
func TestLastStartFarFromNow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := share{
			free:    math.Exp(rapid.Float64Range(0, 28).Draw(t, "log free")),
			seconds: math.Exp(rapid.Float64Range(-7, 12).Draw(t, "log seconds")),
			slots:   float64(rapid.IntRange(1, 64).Draw(t, "slots")),
		}
		n := float64(rapid.IntRange(1, 1e6).Draw(t, "tasks"))
		at := lastStart([]share{s}, n)
		want := s.free + s.seconds*(math.Ceil(n/s.slots)-1)
		if math.Abs(at-want) > want*1e-6+s.seconds*1e-3 {
			t.Fatalf("the last of %v tasks starts at %v, not %v", n, at, want)
		}
	})
}
