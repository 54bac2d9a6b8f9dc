package tui

import (
	"os"
	"runtime"
	"strings"
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
