package tui

import (
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tilde is the path as people write it: with ~ for the home folder.
func Tilde(path string) string {
	home, err := os.UserHomeDir()
	if err != nil || home == "" {
		return path
	}
	if rest, ok := strings.CutPrefix(path, home+string(os.PathSeparator)); ok {
		return "~" + string(os.PathSeparator) + rest
	}
	return path
}

// ShowPath leaves an ordinary path as it is.
func ShowPath(path string) string {
	for _, r := range path {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(path)
		}
	}
	return path
}
