package config

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Bytes is an amount of data, written "20GiB", "500MB" or "4096". As a flag's type it reads the same.
type Bytes int64

// Duration is a span of time, written "90s", "2h30m" or "7d" (a day is 24 hours). It may not be negative.
type Duration time.Duration

// Rate is a data rate in bits per second, written "200Mbit/s", "1Gbit/s" or, in bytes, "25MB/s".
type Rate int64

type unit struct {
	name string
	size float64
}

// Units, largest first within each family, so that String finds the largest that divides.
var (
	byteUnits = []unit{
		{"PiB", 1 << 50}, {"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"PB", 1e15}, {"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
	}
	rateUnits = []unit{
		{"Gbit/s", 1e9}, {"Mbit/s", 1e6}, {"kbit/s", 1e3}, {"bit/s", 1},
		{"GiB/s", 8 << 30}, {"MiB/s", 8 << 20}, {"KiB/s", 8 << 10}, {"GB/s", 8e9}, {"MB/s", 8e6}, {"kB/s", 8e3}, {"B/s", 8},
	}
)

// ParseBytes reads an amount of data. Errors are fault.Invalid.
func ParseBytes(s string) (Bytes, error) {
	v, err := quantity(s, byteUnits, true)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%s is no amount of data: write it like \"20GiB\" or \"500MB\"", quoted(s))
	}
	return Bytes(v), nil
}

// ParseRate reads a data rate. Errors are fault.Invalid.
func ParseRate(s string) (Rate, error) {
	v, err := quantity(s, rateUnits, false)
	if err != nil {
		return 0, fault.New(fault.Invalid, "%s is no data rate: write it like \"200Mbit/s\" or \"25MB/s\"", quoted(s))
	}
	return Rate(v), nil
}

// ParseDuration reads a span of time. Errors are fault.Invalid.
func ParseDuration(s string) (Duration, error) {
	rest, days := s, 0.0
	if number, after, ok := strings.Cut(s, "d"); ok {
		v, err := decimal(number)
		if err != nil || v > 36500 {
			return 0, badDuration(s)
		}
		if days, rest = v, after; rest == "" {
			rest = "0s"
		}
	}
	v, err := time.ParseDuration(rest)
	total := days*float64(24*time.Hour) + float64(v)
	if err != nil || v < 0 || total >= math.MaxInt64 || strings.HasPrefix(rest, "+") {
		return 0, badDuration(s)
	}
	return Duration(time.Duration(days*float64(24*time.Hour)) + v), nil
}

func badDuration(s string) error {
	return fault.New(fault.Invalid, "%s is no span of time: write it like \"90s\", \"2h30m\" or \"7d\"", quoted(s))
}

// quantity reads a number and its unit, spelt as listed, with at most one space between.
func quantity(s string, units []unit, bare bool) (int64, error) {
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/")
	name := s[len(number):]
	size := 0.0
	if name == "" && bare {
		size = 1
	}
	for _, u := range units {
		if u.name == name {
			size = u.size
		}
	}
	if name != "" {
		number = strings.TrimSuffix(number, " ")
	}
	v, err := decimal(number)
	if err != nil || size == 0 {
		return 0, strconv.ErrSyntax
	}
	if v *= size; v >= math.MaxInt64 {
		return 0, strconv.ErrRange
	}
	return int64(v), nil
}

// decimal reads digits with at most one point: no sign, exponent, infinity or hexadecimal.
func decimal(s string) (float64, error) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

func format(v int64, units []unit) string {
	for _, u := range units {
		if v != 0 && v%int64(u.size) == 0 {
			return strconv.FormatInt(v/int64(u.size), 10) + u.name
		}
	}
	return "0" + units[len(units)-1].name
}

// String returns the amount in the largest unit that divides it.
func (b Bytes) String() string { return format(int64(b), byteUnits) }

// String returns the span as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// String returns the rate in the largest unit that divides it.
func (r Rate) String() string {
	if r == 0 {
		return "0bit/s"
	}
	return format(int64(r), rateUnits)
}

// BytesPerSecond returns the rate in bytes.
func (r Rate) BytesPerSecond() float64 { return float64(r) / 8 }

// UnmarshalText reads what String writes, and more: see Bytes.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}

// UnmarshalText reads what String writes, and more: see Duration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// UnmarshalText reads what String writes, and more: see Rate.
func (r *Rate) UnmarshalText(text []byte) (err error) { *r, err = ParseRate(string(text)); return err }

// MarshalText writes String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalText writes String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
