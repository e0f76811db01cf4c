package openjd

import "github.com/spillway/spillway/openjd/intrange"

// IntRange is a set of integers in increasing order, written as an <IntRangeExpr> (§3.4.1.1.1) such as "1-10:2,20".
// It costs what its text costs, however many integers it holds.
type IntRange = intrange.Range

// ParseIntRange parses an <IntRangeExpr> in which every format string is resolved.
func ParseIntRange(s string) (IntRange, error) { return intrange.Parse(s) }
