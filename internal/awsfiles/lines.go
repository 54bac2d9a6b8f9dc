package awsfiles

import (
	"errors"
	"strings"
	"unicode"
)

// errNotText is returned for a file in UTF-16, which PowerShell's `>` writes: no AWS tool reads it, and an edit in
// UTF-8 would spoil it for good.
var errNotText = errors.New("the file is UTF-16, not UTF-8")

const utf8BOM = "\xef\xbb\xbf"

// document is a file cut in lines, and in sections as both readers see them.
type document struct {
	file     File
	bom      string   // the byte order mark, "" where there is none
	lines    []string // with what ends each: "\n" or "\r\n". A lone "\r", a line end for Python only, stays in the text.
	sections []*Section
	at       map[int]*Section      // by index of the header's line
	named    map[string][]*Section // by the profile that either reader takes it for
	names    []string              // of named, in order of their first appearance
	defaults []*Section            // [DEFAULT], whose settings count everywhere to botocore
	problems []Problem
}

func split(src []byte, file File) (*document, error) {
	text := string(src)
	if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
		return nil, errNotText
	}
	d := &document{file: file, at: map[int]*Section{}, named: map[string][]*Section{}}
	if rest, marked := strings.CutPrefix(text, utf8BOM); marked {
		d.bom, text = utf8BOM, rest
	}
	d.lines = strings.SplitAfter(text, "\n")
	if last := len(d.lines) - 1; d.lines[last] == "" {
		d.lines = d.lines[:last]
	}
	return d, nil
}

func (d *document) bytes() []byte { return []byte(d.bom + strings.Join(d.lines, "")) }

func (d *document) text(i int) string {
	t, ended := strings.CutSuffix(d.lines[i], "\n")
	if ended {
		t = strings.TrimSuffix(t, "\r")
	}
	return t
}

// read is line i as both readers have it: they take a byte order mark for a part of the first.
func (d *document) read(i int) string {
	if i == 0 {
		return d.bom + d.text(i)
	}
	return d.text(i)
}

func (d *document) eol(i int) string { return d.lines[i][len(d.text(i)):] }

// eolAt is the line ending to use at a line: its own, else that of the line before, else "\n".
func (d *document) eolAt(i int) string {
	for ; i >= 0; i-- {
		if eol := d.eol(i); eol != "" {
			return eol
		}
	}
	return "\n"
}

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

// hasLoneReturn: the line has a carriage return in its middle, where Python sees a line end.
func hasLoneReturn(line string) bool { return strings.Contains(strings.TrimRight(line, "\r\n"), "\r") }
