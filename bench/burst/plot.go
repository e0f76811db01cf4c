package main

import (
	"fmt"
	"html"
	"strings"
)

// picture draws the table as an SVG: a bar of cost for each policy, with the deadlines it missed.
func picture(rows []row, days int) string {
	const (
		left, right, top, bar, gap = 300.0, 150.0, 54.0, 20.0, 8.0
		width                      = 860.0
	)
	most := 0.0
	for _, r := range rows {
		most = max(most, r.cost)
	}
	height := top + float64(len(rows))*(bar+gap) + 24
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="13">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	fmt.Fprintf(&b, `<text x="12" y="24" font-size="15">What renting cost a day, and the deadlines missed: %d simulated days</text>`+"\n", days)
	for i, r := range rows {
		y := top + float64(i)*(bar+gap)
		length := (width - left - right) * r.cost / most
		colour := "#9aa5b1"
		switch i {
		case 0:
			colour = "#2f6fde"
		case len(rows) - 1:
			colour = "#2a9d5c"
		}
		fmt.Fprintf(&b, `<text x="%.0f" y="%.1f" text-anchor="end">%s</text>`+"\n", left-8, y+bar-5, html.EscapeString(r.name))
		fmt.Fprintf(&b, `<rect x="%.0f" y="%.1f" width="%.1f" height="%.0f" fill="%s"/>`+"\n", left, y, max(length, 1), bar, colour)
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f">%.2f · %.1f %% missed</text>`+"\n", left+length+6, y+bar-5, r.cost/float64(days), 100*float64(r.missed)/float64(max(1, r.jobs)))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
