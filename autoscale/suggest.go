package autoscale

import (
	"fmt"
	"slices"
	"strings"
)

// didYouMean returns `did you mean x?` for the known word nearest to an unknown one, or "" if none is near.
func didYouMean(word string, known []string) string {
	const longest = 64
	if len(word) > longest {
		return ""
	}
	best, bestDistance := "", 1+tolerated(len(strings.TrimPrefix(word, "$")))
	for _, k := range slices.Sorted(slices.Values(known)) {
		if k == word || len(k) > longest {
			continue
		}
		if strings.EqualFold(strings.TrimPrefix(k, "$"), strings.TrimPrefix(word, "$")) {
			best = k
			break
		}
		if d := distance(word, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// tolerated is how many letters may be wrong in a word of a length.
func tolerated(length int) int {
	switch {
	case length < 3:
		return 0
	case length == 3:
		return 1
	case length < 12:
		return 2
	}
	return length / 4
}

// distance is the number of inserted, deleted or replaced bytes between two words (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
