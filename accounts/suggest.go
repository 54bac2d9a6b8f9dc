package accounts

import (
	"slices"
	"strings"

	"aws-accounts/internal/tui"
)

// nearest returns up to three of known that somebody may have meant by s: with at most two slips of the finger (one, if
// it's short), nearest first.
func nearest(s string, known []string) []string {
	s = fold(s)
	limit := 2
	if len(s) <= 4 {
		limit = 1
	}
	byDistance := make([][]string, limit+1)
	for _, k := range known {
		if d := distance(s, fold(k)); d <= limit {
			byDistance[d] = append(byDistance[d], k)
		}
	}
	names := slices.Concat(byDistance...)
	return names[:min(len(names), 3)]
}

// fold makes roleArn, Role-ARN and role_arn one word.
func fold(s string) string { return separators.Replace(strings.ToLower(s)) }

var separators = strings.NewReplacer("_", "", "-", "")

// DidYouMean is the end of a message about s, which is none of those that are known; "" if it is like none of them either.
func DidYouMean(s string, known []string) string {
	switch n := nearest(s, known); len(n) {
	case 0:
		return ""
	case 1:
		return ": did you mean " + tui.Quote(n[0]) + "?"
	default:
		return ": did you mean one of " + tui.QuoteAll(n) + "?"
	}
}

// distance counts insertions, deletions, replacements and swaps of neighbours (Damerau and Levenshtein's, restricted) in
// bytes. Lengths that differ by more than anybody asks for are taken as the distance.
func distance(a, b string) int {
	if d := max(len(a)-len(b), len(b)-len(a)); d > 2 {
		return d
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
