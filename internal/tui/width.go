package tui

import (
	"unicode"

	"golang.org/x/text/width"
)

// Width returns how many cells of a terminal s takes: East Asian characters and most emoji two, combining marks none.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// Cut returns s if it fits into so many cells, or as much of it as does with an ellipsis.
func Cut(s string, most int) string {
	if Width(s) <= most {
		return s
	}
	n := 1 // for the ellipsis
	for i, r := range s {
		if n += cells(r); n > most {
			return s[:i] + "…"
		}
	}
	return s
}

func cells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
