// Package tui is how the program looks: colour, width, tables, how times, numbers, names and paths are written, and text of
// others made harmless.
//
// Invariant: what isn't written to a terminal is plain text, and no text from a file or from AWS reaches a terminal with
// a control character or a direction override in it.
package tui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"aws-accounts/internal/hint"
)

// Screen says what its writer can show.
type Screen struct {
	Colour  bool
	Symbols bool // more than ASCII
	Width   int  // in cells; 0 without a terminal, where nothing needs to fit
	Height  int  // in lines
}

// ScreenOf looks at w: a terminal has a width, and colour unless NO_COLOR (https://no-color.org) or TERM forbid it.
func ScreenOf(w io.Writer) Screen {
	f, ok := w.(interface{ Fd() uintptr })
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Screen{}
	}
	return Terminal(f.Fd())
}

// Terminal looks at the terminal with that descriptor, or handle.
func Terminal(fd uintptr) Screen {
	width, height, err := term.GetSize(int(fd))
	if err != nil || width <= 0 { // nobody has told the terminal
		width, height = 80, 24
	}
	return Screen{Colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb", Symbols: symbols(), Width: width, Height: height}
}

// Stderr is for commands that tell a person something beside what they write: a type of its own, as they are given
// standard output as an io.Writer.
type Stderr struct{ io.Writer }

// Style is how a cell looks on a screen with colour.
type Style string

// The styles in use; colours are the terminal's own, which its owner has chosen to be readable.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Faint  Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
)

// Paint returns s in the style, as far as the screen shows any.
func (s Screen) Paint(style Style, text string) string {
	if !s.Colour || style == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(style) + "m" + text + "\x1b[0m"
}

// Harmless returns s without what can move the cursor, change colours or reverse the direction of text.
func Harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return '?'
		}
		if unicode.In(r, unicode.Zl, unicode.Zp, unicode.Cf) {
			return -1
		}
		return r
	}, s)
}

// Fail says what failed and, if it is known, the one next step. The flags are those that commands in it need.
func Fail(stderr io.Writer, err error, flags hint.Flags) {
	Say(stderr, "aws-accounts: "+err.Error())
	if h := hint.Of(err); h != "" {
		Say(stderr, "hint: "+flags.In(h))
	}
}

// Say writes what a person reads, of one line or several: harmless, as AWS, and programs and files of others, may be quoted in it,
// with ~ for the home folder, and wrapped at words where w is a terminal.
func Say(w io.Writer, text string) { Sayf(w, "%s", text) }

// Sayf is Say for what is formatted first.
func Sayf(w io.Writer, format string, args ...any) {
	width := ScreenOf(w).Width
	for line := range strings.SplitSeq(Tilde(fmt.Sprintf(format, args...)), "\n") {
		fmt.Fprintln(w, Fold(Harmless(line), width))
	}
}
