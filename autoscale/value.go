package autoscale

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// value is a value of any type.
type value struct {
	kind   Type
	number float64   // Double
	vector []float64 // DoubleVec; never written to
	text   string    // String, Deallocation
	at     time.Time // Timestamp, in UTC
	ticks  interval  // TimeInterval
}

func doubleOf(x float64) value        { return value{kind: Double, number: x} }
func vectorOf(xs []float64) value     { return value{kind: DoubleVec, vector: xs} }
func timestampOf(t time.Time) value   { return value{kind: Timestamp, at: t.UTC()} }
func intervalOf(ticks interval) value { return value{kind: TimeInterval, ticks: ticks} }

// truth is how a comparison answers: 1 or 0.
func truth(b bool) value {
	if b {
		return doubleOf(1)
	}
	return doubleOf(0)
}

// shown is how many values of a vector the results show.
const shown = 50

// String writes a value as the service's results do: 4, 0.5, [1,1,2], 2016-10-13T19:18:47.805Z. Of a long vector it shows the
// first values. How the service writes intervals is not documented; here they are ISO 8601 durations, as in its API.
func (v value) String() string {
	switch v.kind {
	case Double:
		return formatDouble(v.number)
	case DoubleVec:
		var b strings.Builder
		b.WriteByte('[')
		for i, x := range v.vector {
			if i > 0 {
				b.WriteByte(',')
			}
			if i == shown {
				b.WriteString("…")
				break
			}
			b.WriteString(formatDouble(x))
		}
		b.WriteByte(']')
		return b.String()
	case Timestamp:
		return v.at.Format("2006-01-02T15:04:05.000Z")
	case TimeInterval:
		return v.ticks.String()
	default:
		return v.text
	}
}

// formatDouble writes a number with as many digits as it has.
func formatDouble(x float64) string {
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e15) {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	if x == 0 { // not -0
		return "0"
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}
