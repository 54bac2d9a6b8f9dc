package awsfiles

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Problem is something in a file that a reader stumbles over. Fatal means that the reader in By refuses the whole file.
type Problem struct {
	Line  int // counted from 1
	By    Reader
	Fatal bool
	Text  string // names at most a section or a key, never a value
}

// findProblems adds what concerns the whole file to what readBotocore found.
func (d *document) findProblems(file File) {
	add := func(line int, by Reader, fatal bool, text string) {
		d.problems = append(d.problems, Problem{line, by, fatal, text})
	}
	if bytes.HasPrefix(d.src, utf8BOM) {
		add(1, Botocore, true, "the file begins with a byte order mark")
		add(1, Go, false, "the file begins with a byte order mark, which hides its first line")
	}
	for i := range d.lines {
		t := d.src[d.lines[i].start:d.lines[i].end]
		if bytes.IndexByte(t, '\r') >= 0 {
			add(i+1, Botocore, false, "a lone carriage return, a new line to the AWS CLI but not to others")
		}
		if !utf8.Valid(t) {
			add(i+1, Botocore, true, "not UTF-8")
		}
	}
	for _, s := range d.sections {
		switch {
		case s.goProfile != s.botoPr:
			add(s.Line, Both, false, "the AWS CLI and the AWS SDK for Go disagree which profile ["+s.Header+"] is")
		case file == Config && s.botoName == "DEFAULT" && len(s.Settings) > 0:
			add(s.Line, Botocore, false, "settings of [DEFAULT] count in every section to the AWS CLI; [default] is the profile")
		}
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
}
