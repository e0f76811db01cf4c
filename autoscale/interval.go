package autoscale

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// interval is a time interval in units of 100 ns, the shortest that the language has.
type interval int64

// The named intervals. How long a year is the documentation does not say: 365 days here.
const (
	tick        interval = 1
	microsecond          = 10 * tick
	millisecond          = 1000 * microsecond
	second               = 1000 * millisecond
	minute               = 60 * second
	hour                 = 60 * minute
	day                  = 24 * hour
	week                 = 7 * day
	year                 = 365 * day
)

// times returns the interval n times over; false if that is out of range.
func (i interval) times(n float64) (interval, bool) {
	x := math.Round(float64(i) * n)
	if math.IsNaN(x) || math.Abs(x) > maxInterval {
		return 0, false
	}
	return interval(x), true
}

// maxInterval is the longest interval; the sum of two does not overflow.
const maxInterval = float64(20_000 * year)

// plus returns the sum; false if that is out of range.
func (i interval) plus(j interval) (interval, bool) {
	sum := i + j
	return sum, math.Abs(float64(sum)) <= maxInterval
}

// after returns the moment an interval after another; false if that is no year with four digits.
func (i interval) after(t time.Time) (time.Time, bool) {
	seconds, rest := int64(i/second), int64(i%second)
	t = time.Unix(t.Unix()+seconds, int64(t.Nanosecond())+rest*100).UTC()
	return t, t.Year() >= 1 && t.Year() <= 9999
}

// between returns the interval from one moment to a later one.
func between(from, to time.Time) interval {
	return interval(to.Unix()-from.Unix())*second + interval(to.Nanosecond()-from.Nanosecond())/100
}

// String writes an ISO 8601 duration: PT1M30S, -PT0.5S, P1DT2H.
func (i interval) String() string {
	if i == 0 {
		return "PT0S"
	}
	var b strings.Builder
	if i < 0 {
		b.WriteByte('-')
		i = -i
	}
	b.WriteByte('P')
	part := func(unit interval, letter byte) {
		if n := i / unit; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10))
			b.WriteByte(letter)
		}
		i %= unit
	}
	part(day, 'D')
	if i == 0 {
		return b.String()
	}
	b.WriteByte('T')
	part(hour, 'H')
	part(minute, 'M')
	if i > 0 {
		b.WriteString(strconv.FormatFloat(float64(i)/float64(second), 'f', -1, 64))
		b.WriteByte('S')
	}
	return b.String()
}
