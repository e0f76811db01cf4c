// Package spelling measures how alike two words are, for hints about names that nobody knows.
package spelling

// Distance is the number of bytes to insert, delete or replace between two words (Levenshtein). It takes time in the product
// of their lengths: callers bound them.
func Distance(a, b string) int {
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
