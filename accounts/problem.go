package accounts

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"aws-accounts/internal/tui"
)

// Problem is something in the file that its owner should look at. Line and Column count from 1, the column in characters.
// Message quotes what it repeats of the file, shortened, so that it can be printed as it is.
type Problem struct {
	Line, Column int
	Message      string
}

// Problems is the error of a file that can't be used: everything that is wrong with it, in the file's order.
type Problems struct {
	Path string
	List []Problem

	doubt string // the command that tells a role its source, if a second base account left one in doubt
}

// shownProblems keeps a file that isn't an accounts file at all from filling the screen.
const shownProblems = 100

// Error has a line for each problem, as compilers write them, which editors can jump to.
func (p *Problems) Error() string {
	var b strings.Builder
	for i, e := range p.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == shownProblems {
			fmt.Fprintf(&b, "%s: %d more", tui.ShowPath(p.Path), len(p.List)-i)
			break
		}
		fmt.Fprintf(&b, "%s:%d:%d: %s", tui.ShowPath(p.Path), e.Line, e.Column, e.Message)
	}
	return b.String()
}

// report collects problems by their offset, since most files have none and need no line counted.
type report struct {
	data  []byte
	list  []finding
	lines []int // where lines end, once somebody asked
	doubt string
}

type finding struct {
	offset int
	text   string
}

func (r *report) add(offset int, format string, args ...any) {
	r.list = append(r.list, finding{offset, fmt.Sprintf(format, args...)})
}

// problems sorts what was found and gives it lines and columns, in one pass over the file.
func (r *report) problems() []Problem {
	slices.SortStableFunc(r.list, func(a, b finding) int { return a.offset - b.offset })
	var list []Problem
	p := Problem{Line: 1, Column: 1}
	at := 0
	for _, f := range r.list {
		p.Line, p.Column = advance(r.data[at:f.offset], p.Line, p.Column)
		at = f.offset
		list = append(list, Problem{p.Line, p.Column, f.text})
	}
	return list
}

// line is the line of an offset. A bad file can ask for as many as it has lines.
func (r *report) line(offset int) int {
	if r.lines == nil {
		for i, c := range r.data {
			if c == '\n' {
				r.lines = append(r.lines, i)
			}
		}
	}
	n, _ := slices.BinarySearch(r.lines, offset)
	return 1 + n
}

func advance(b []byte, line, column int) (int, int) {
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		line += bytes.Count(b, []byte("\n"))
		column, b = 1, b[i+1:]
	}
	return line, column + utf8.RuneCount(b)
}
