package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
)

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
		switch {
		case !paints(r):
			out = append(out, string(r)...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
