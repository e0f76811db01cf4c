// Package textview writes what the command line shows to people: tables, cards and lines of progress. Nothing here is
// meant for programs; they have --json.
package textview

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxCell bounds a cell that is not the last of its row, in characters.
const maxCell = 40

// table aligns columns. Cells are cleaned of control characters: names and reasons come from outside.
type table struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *table { return &table{head: head} }

func (t *table) row(cells ...any) {
	row := make([]string, len(t.head))
	for i, c := range cells {
		row[i] = clean(fmt.Sprint(c))
		if i < len(t.head)-1 {
			row[i] = shorten(row[i], maxCell)
		}
	}
	t.rows = append(t.rows, row)
}

// write prints the table; columns that are empty in every row are left out.
func (t *table) write(w io.Writer) error {
	width := make([]int, len(t.head))
	for _, row := range t.rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	last := 0
	for i, h := range t.head {
		if width[i] > 0 {
			width[i], last = max(width[i], utf8.RuneCountInString(h)), i
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, c := range row {
			switch {
			case width[i] == 0:
			case i == last:
				b.WriteString(c)
			default:
				b.WriteString(c + strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+2))
			}
		}
		trimmed := strings.TrimRight(b.String(), " ")
		if _, err := fmt.Fprintln(w, trimmed); err != nil {
			return err
		}
		b.Reset()
	}
	return nil
}

// clean takes out what could move the cursor or change colours.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
}

func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}
