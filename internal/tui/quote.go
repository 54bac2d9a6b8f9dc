package tui

import (
	"fmt"
	"strconv"
	"strings"
)

// Quote shows a piece of somebody's text: on one line, nothing in it that a terminal obeys (escapes, line ends, marks
// that turn the direction of writing), and not much of it.
func Quote(s string) string {
	const most = 100
	n := 0
	for i := range s {
		if n++; n > most {
			return strconv.Quote(s[:i]) + "…"
		}
	}
	return strconv.Quote(s)
}

// QuoteAll lists a few.
func QuoteAll(list []string) string {
	const most = 5
	var q []string
	for i, s := range list {
		if i == most {
			q = append(q, fmt.Sprintf("%d more", len(list)-i))
			break
		}
		q = append(q, Quote(s))
	}
	return strings.Join(q, ", ")
}
