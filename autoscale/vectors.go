package autoscale

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// errNoValues is what functions say that need at least one value.
var errNoValues = errors.New("there are no values")

func sum(xs []float64) float64 {
	total := 0.0
	for _, x := range xs {
		total += x
	}
	return total
}

func average(xs []float64) (float64, error) {
	if len(xs) == 0 {
		return 0, errNoValues
	}
	return sum(xs) / float64(len(xs)), nil
}

func largest(xs []float64) (float64, error) {
	if len(xs) == 0 {
		return 0, errNoValues
	}
	return slices.Max(xs), nil
}

func smallest(xs []float64) (float64, error) {
	if len(xs) == 0 {
		return 0, errNoValues
	}
	return slices.Min(xs), nil
}

// spread is the difference between the largest and the smallest value.
func spread(xs []float64) (float64, error) {
	if len(xs) == 0 {
		return 0, errNoValues
	}
	return slices.Max(xs) - slices.Min(xs), nil
}

// twoNorm is the root of the sum of squares.
func twoNorm(xs []float64) (float64, error) {
	total := 0.0
	for _, x := range xs {
		total = math.Hypot(total, x)
	}
	return total, nil
}

// deviation is the sample standard deviation, which one value has not.
func deviation(xs []float64) (float64, error) {
	if len(xs) < 2 {
		return 0, fmt.Errorf("a standard deviation takes at least 2 values, there are %d", len(xs))
	}
	mean := sum(xs) / float64(len(xs))
	squares := 0.0
	for _, x := range xs {
		squares += (x - mean) * (x - mean)
	}
	return math.Sqrt(squares / float64(len(xs)-1)), nil
}

// percentile returns the smallest value that at least p percent of the values do not exceed (nearest rank). The documentation
// does not say which of the usual definitions it means.
func percentile(xs []float64, p float64) (float64, error) {
	switch {
	case len(xs) == 0:
		return 0, errNoValues
	case !(p >= 0 && p <= 100):
		return 0, fmt.Errorf("%s is no percentage from 0 to 100", formatDouble(p))
	}
	sorted := slices.Sorted(slices.Values(xs))
	rank := int(math.Ceil(p / 100 * float64(len(xs))))
	return sorted[max(rank, 1)-1], nil
}

// element returns the value at a place, counted from 0.
func element(xs []float64, i float64) (float64, error) {
	i = math.Trunc(i)
	if !(i >= 0 && i < float64(len(xs))) {
		return 0, fmt.Errorf("there is no value %s in a vector of %d", formatDouble(i), len(xs))
	}
	return xs[int(i)], nil
}
