package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
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

// Tilde writes ~ for the home folder wherever a path in the text begins with it, as people do. Within quotes, where a shell
// wouldn't take it, and behind other letters the path stays as it is.
func Tilde(text string) string {
	home, err := os.UserHomeDir()
	if err != nil || home == "" {
		return text
	}
	var b strings.Builder
	for before := byte(' '); ; {
		at := strings.Index(text, home+string(os.PathSeparator))
		if at < 0 {
			return b.String() + text
		}
		if at > 0 {
			before = text[at-1]
		}
		b.WriteString(text[:at])
		if text = text[at+len(home):]; strings.IndexByte(" \n(`=:[", before) >= 0 {
			b.WriteByte('~')
		} else {
			b.WriteString(home)
		}
		before = 0
	}
}

// ShowPath is the path as people write it, quoted if it isn't an ordinary one.
func ShowPath(path string) string {
	for _, r := range path {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(path)
		}
	}
	return Tilde(path)
}

// Some lists a few names, and how many more there are.
func Some(names []string, most int) string {
	if n := len(names) - most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n)
	}
	return strings.Join(names, ", ")
}

// Count writes a number and what it counts: 1 role, 3 roles. what is the singular of a regular noun.
func Count(n int, what string) string { return fmt.Sprintf("%d %s", n, Plural(n, what)) }

// Plural is the noun as it stands behind the number n: role, or roles.
func Plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// Left says how much time that is, as people say it: 43m left, 1h05m left, expired.
func Left(d time.Duration) string {
	switch {
	case d <= 0:
		return "expired"
	case d < time.Minute:
		return "under a minute left"
	case d < time.Hour:
		return fmt.Sprintf("%dm left", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh%02dm left", int(d.Hours()), int(d.Minutes())%60)
}

// Past is how long ago something may be: a Go duration, or days as in 7d.
type Past time.Duration

// UnmarshalText makes it a flag's type.
func (p *Past) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			*p = Past(n) * Past(24*time.Hour)
			return nil
		}
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q: write one like 2h or 7d", text)
	}
	*p = Past(d)
	return nil
}

// JSON writes v as one document, or with an indent of "" as one line. What Harmless takes out of a text is escaped, so that
// it is the same value to a program, and can't paint a terminal.
func JSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	encode := json.NewEncoder(&b)
	encode.SetIndent("", indent)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escaped(b.Bytes()))
	return err
}

// escaped is a document with the characters escaped that only a string can hold, and that JSON allows there.
func escaped(document []byte) []byte {
	paints := func(r rune) bool {
		return r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
	}
	if bytes.IndexFunc(document, paints) < 0 {
		return document
	}
	var out []byte
	for _, r := range string(document) {
		if paints(r) {
			out = append(out, JSONEscape(r)...)
		} else {
			out = append(out, string(r)...)
		}
	}
	return out
}

// JSONEscape is a character as an escape in a string of JSON's.
func JSONEscape(r rune) (escape string) {
	for _, unit := range utf16.Encode([]rune{r}) {
		escape += fmt.Sprintf(`\u%04x`, unit)
	}
	return escape
}
