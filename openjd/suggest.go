package openjd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spillway/spillway/openjd/internal/spelling"
)

// didYouMean returns `did you mean "x"?` for the known word nearest to an unknown one, or "" if none is near.
func didYouMean(word string, known []string) string {
	const longest = 200
	if len(word) > longest {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(word)/3)
	for _, k := range slices.Sorted(slices.Values(known)) {
		if k == word || len(k) > longest {
			continue
		}
		if strings.EqualFold(k, word) {
			best = k
			break
		}
		if d := spelling.Distance(word, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}
