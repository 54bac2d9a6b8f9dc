package accounts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"

	"aws-accounts/internal/tui"
)

// maxDepth is far beyond what a policy needs. The parser calls itself for each level, and a Go program can't survive a
// stack that is full.
const maxDepth = 100

// parse makes a syntax tree of the file, or reports why not: one problem only, since what follows a slip means nothing.
func parse(r *report) (*hujson.Value, bool) {
	switch {
	case bytes.HasPrefix(r.data, []byte("\xff\xfe")), bytes.HasPrefix(r.data, []byte("\xfe\xff")):
		r.add(0, "the file is in UTF-16: save it as UTF-8")
	case !utf8.Valid(r.data):
		r.add(badUTF8(r.data), "this is not UTF-8: save the file as UTF-8")
	case len(bytes.TrimSpace(r.data)) == 0:
		r.add(0, `the file is empty: the least is {"accounts": []}`)
	default:
		if at, ok := tooDeep(r.data); ok {
			r.add(at, "brackets within brackets, more than %d deep", maxDepth)
			break
		}
		root, err := hujson.Parse(r.data)
		if err == nil {
			return &root, true
		}
		at := errorOffset(r.data, err)
		what, moved := syntaxProblem(r.data, at, err)
		r.add(moved, "%s", what)
	}
	return nil, false
}

func badUTF8(b []byte) int {
	for i := 0; i < len(b); {
		c, n := utf8.DecodeRune(b[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return 0
}

// tooDeep finds where brackets outside strings and comments go too deep.
func tooDeep(b []byte) (at int, ok bool) {
	depth := 0
	for at, token := range tokens(b) {
		switch token[0] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return at, true
			}
		case '}', ']':
			depth--
		}
	}
	return 0, false
}

// tokens are the strings, the brackets, the colons and the commas of a JSON text with comments, each with its offset. The
// text may have mistakes in it.
func tokens(b []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for i := 0; i < len(b); {
			rest := b[i:]
			n := 1
			switch {
			case rest[0] == '"':
				if n = stringLength(rest); n == 0 {
					return
				}
			case bytes.HasPrefix(rest, []byte("//")):
				n = through(rest, "\n")
			case bytes.HasPrefix(rest, []byte("/*")):
				n = through(rest, "*/")
			}
			if strings.IndexByte(`"{}[]:,`, rest[0]) >= 0 && !yield(i, rest[:n]) {
				return
			}
			i += n
		}
	}
}

// through is the length of a comment up to its end, that included.
func through(comment []byte, end string) int {
	if n := bytes.Index(comment[2:], []byte(end)); n >= 0 {
		return 2 + n + len(end)
	}
	return len(comment)
}

// stringLength is that of the string that b begins with, its quotes included, 0 if it has no end.
func stringLength(b []byte) int {
	for n := 1; ; {
		quote := bytes.IndexByte(b[n:], '"')
		if quote < 0 {
			return 0
		}
		n += quote + 1
		if slashes := n - 1 - len(bytes.TrimRight(b[:n-1], `\`)); slashes%2 == 0 {
			return n
		}
	}
}

// errorOffset is where the parser stopped, which it tells only in its text, in lines and bytes.
func errorOffset(b []byte, err error) int {
	var line, column int
	if n, _ := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); n != 2 {
		return 0
	}
	at := 0
	for ; line > 1; line-- {
		at += bytes.IndexByte(b[at:], '\n') + 1
	}
	return min(at+column-1, len(b))
}

// syntaxProblem says what is wrong at an offset in the words of somebody who edits the file, and where exactly. The
// parser's own text is of no use: it repeats the file's text as it is, which may be a secret or worse.
func syntaxProblem(b []byte, at int, err error) (string, int) {
	rest := b[at:]
	text := errors.Unwrap(err).Error()
	has := func(part string) bool { return strings.Contains(text, part) }
	c, _ := utf8.DecodeRune(rest)
	switch {
	case has("comment"):
		return "this comment has no end, or characters that don't belong in it", at
	case errors.Is(err, io.ErrUnexpectedEOF) && has("string"):
		return `the file ends inside a string: a closing " is missing`, at
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the file ends too early: a closing } or ] is missing", at
	case c == '\'' || c == '“' || c == '”' || c == '„' || c == '‘' || c == '’':
		return fmt.Sprintf(`%c is no quotation mark in JSON: write "`, c), at
	case has("invalid literal") && c == '"':
		return stringProblem(b, at)
	case has("invalid literal"):
		return literalProblem(rest), at
	case has("after top-level value"):
		return "nothing can follow the end of the file's object", at
	case has("object name") && c == ',', has("start of value") && c == ',':
		return "one comma too many", at
	case has("at start of object name"):
		return `a field's name is missing here, in double quotes`, at
	case has("after object name"):
		return `a ":" is missing here, between a field and its value`, at
	case has("after object value"):
		return `a "," or "}" is missing before this`, at
	case has("after array value"):
		return `a "," or "]" is missing before this`, at
	case has("at start of value"):
		return "a value is missing here", at
	}
	return "this is not JSON", at
}

func stringProblem(b []byte, at int) (string, int) {
	for i := at + 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\n' || c == '\r':
			return `this string has no closing " on its line`, at
		case c < ' ':
			return fmt.Sprintf(`a control character in a string is written \u%04x`, c), i
		case c == '\\' && i+1 < len(b) && strings.IndexByte(`"\/bfnrtu`, b[i+1]) < 0:
			return `a backslash in a string is written \\`, i
		case c == '\\' && i+1 < len(b) && b[i+1] == 'u' && !isHex4(b[i+2:]):
			return `\u takes four hexadecimal digits; a backslash itself is written \\`, i
		case c == '\\':
			i++
		case c == '"':
			return "this string is not JSON", at
		}
	}
	return "this string is not JSON", at
}

func isHex4(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	_, odd := firstNot(string(b[:4]), func(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) })
	return !odd
}

// literalProblem is about a word or number that is none. It repeats only digits.
func literalProblem(rest []byte) string {
	n := 0
	for n < len(rest) && (isWord(rune(rest[n]), "+-.")) {
		n++
	}
	word := string(rest[:n])
	switch lower := strings.ToLower(word); {
	case bytes.HasPrefix(bytes.TrimLeft(rest[n:], " \t"), []byte(":")):
		return "a field's name needs double quotes"
	case lower == "true" || lower == "false" || lower == "null":
		return fmt.Sprintf("in JSON this is written %s", lower)
	case digits(word):
		return fmt.Sprintf(`a number can't begin with 0: if it is an account ID, write it in quotes, %s`, tui.Quote(word))
	}
	return "this is not a JSON value: a string needs double quotes"
}
