package tui

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Wrap breaks text into lines of at most width cells, at blanks; 0 is no limit. What stands between backticks is for
// typing and stays on one line if it fits there. A longer word is left whole: a terminal copies what it has broken itself.
func Wrap(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range words(text, width) {
		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// The beginning of a line that stays in front of its text: an indentation, or a word with two blanks or more behind it.
func label(line string) string {
	rest := strings.TrimLeft(line, " ")
	word, behind, _ := strings.Cut(rest, " ")
	if text := strings.TrimLeft(behind, " "); word != "" && len(text) < len(behind) {
		return line[:len(line)-len(text)]
	}
	return line[:len(line)-len(rest)]
}

// Fold is Wrap for a text of several lines, of which each may have a label or an indentation: what goes on below stands
// under the text behind it. A screen too narrow for that gets the line without, as a path that is whole can be copied.
func Fold(text string, width int) string {
	var folded []string
	for line := range strings.SplitSeq(text, "\n") {
		first := label(line)
		if Width(line) <= width || width <= 0 {
			folded = append(folded, line)
			continue
		}
		left := max(width-Width(first), 1)
		parts, below := Wrap(line[len(first):], left), strings.Repeat(" ", Width(first))
		if slices.ContainsFunc(parts, func(part string) bool { return Width(part) > left }) {
			parts, below, first = Wrap(line, width), "", ""
		}
		folded = append(folded, first+strings.Join(parts, "\n"+below))
	}
	return strings.Join(folded, "\n")
}

// words splits at blanks, except between backticks that belong together and fit on a line.
func words(text string, width int) []string {
	var words []string
	for text != "" {
		text = strings.TrimLeft(text, " ")
		end := strings.IndexByte(text, ' ')
		if end < 0 {
			end = len(text)
		}
		if open := strings.IndexByte(text[:end], '`'); open >= 0 {
			if length := strings.IndexByte(text[open+1:], '`'); length >= 0 {
				close := open + 1 + length
				if rest := strings.IndexByte(text[close:], ' '); rest >= 0 {
					close += rest
				} else {
					close = len(text)
				}
				if Width(text[:close]) <= width {
					end = close
				}
			}
		}
		if end > 0 {
			words = append(words, text[:end])
		}
		text = text[end:]
	}
	return words
}

// symbols reports whether a terminal shows more than ASCII, by the rules of setlocale(3).
func symbols() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

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
