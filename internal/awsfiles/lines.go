package awsfiles

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
)

// errNotText is returned for a file in UTF-16, which PowerShell's `>` writes: no AWS tool reads it, and an edit in
// UTF-8 would spoil it for good.
var errNotText = errors.New("the file is UTF-16, not UTF-8")

var utf8BOM = []byte("\xef\xbb\xbf")

// line is one line of a file as offsets: its text is src[start:end], what ends it src[end:next].
// Lines end at "\n" or "\r\n". A lone "\r", a line end for Python only, stays part of the text (see findProblems).
type line struct{ start, end, next int }

// document is a file cut in lines, and in sections as both readers see them.
type document struct {
	src      []byte
	lines    []line
	sections []*Section       // in order of their headers
	at       map[int]*Section // by index of the header's line
	defaults []*Section       // [DEFAULT], whose settings count everywhere to botocore
	nonsense map[int]bool     // lines that are nothing to botocore
	problems []Problem
}

func split(src []byte) (*document, error) {
	if bytes.HasPrefix(src, []byte("\xff\xfe")) || bytes.HasPrefix(src, []byte("\xfe\xff")) {
		return nil, errNotText
	}
	d := &document{src: src, at: map[int]*Section{}, nonsense: map[int]bool{}}
	start := 0
	if bytes.HasPrefix(src, utf8BOM) {
		start = len(utf8BOM)
	}
	for start < len(src) {
		l := line{start: start, end: len(src), next: len(src)}
		if i := bytes.IndexByte(src[start:], '\n'); i >= 0 {
			l.end, l.next = start+i, start+i+1
			if l.end > start && src[l.end-1] == '\r' {
				l.end--
			}
		}
		d.lines = append(d.lines, l)
		start = l.next
	}
	return d, nil
}

func (d *document) text(i int) string { return string(d.src[d.lines[i].start:d.lines[i].end]) }

func (d *document) eol(i int) string { return string(d.src[d.lines[i].end:d.lines[i].next]) }

// blank: nothing there for either reader. Python's blanks are more than Go's.
func (d *document) blank(i int) bool { return strings.TrimSpace(d.text(i)) == "" }

// comment: a whole line of it for either reader. Python allows for more kinds of blanks before it than Go.
func (d *document) comment(i int) bool {
	t := strings.TrimLeft(d.text(i), " \t")
	return t != "" && (t[0] == '#' || t[0] == ';')
}

// indent is the number of characters before the first visible one, as configparser counts it (a tab is one).
func indent(s string) int {
	n := 0
	for _, r := range s {
		if !isSpace(r) {
			return n
		}
		n++
	}
	return n
}

// isSpace is Python's str.isspace, which has four separators more than Go's.
func isSpace(r rune) bool { return unicode.IsSpace(r) || (r >= 0x1c && r <= 0x1f) }
