package doctor

import (
	"fmt"
	"io"
	"strings"

	"aws-accounts/internal/finding"
	"aws-accounts/internal/tui"
)

// printer shows findings to people: a line each with a mark, and below it what to do about it, wrapped to the screen.
type printer struct {
	w      io.Writer
	screen tui.Screen
	silent bool
	err    error
}

// mark is how a status looks: a symbol on a terminal that has it, else a word, all of the same width.
func (p *printer) mark(s finding.Status) string {
	m := map[finding.Status]struct {
		symbol, word string
		style        tui.Style
	}{
		finding.OK:   {"✓", "ok  ", tui.Green},
		finding.Note: {"·", "note", tui.Faint},
		finding.Warn: {"!", "warn", tui.Yellow},
		finding.Fail: {"✗", "FAIL", tui.Red},
	}[s]
	if p.screen.Symbols {
		m.word = m.symbol
	}
	return p.screen.Paint(m.style, m.word)
}

func (p *printer) area(a *finding.Area) {
	if p.silent || len(a.Findings)+len(a.Fixed) == 0 {
		return
	}
	p.line("%s", p.screen.Paint(tui.Bold, a.Title))
	indent := 2 + 4 + 1 // the margin, the mark, a blank
	arrow := "-> "
	if p.screen.Symbols {
		indent, arrow = 2+1+1, "→ "
	}
	for _, done := range a.Fixed {
		p.block("  "+p.mark(finding.OK)+" ", indent, "fixed: "+done, tui.Bold)
	}
	for _, f := range a.Findings {
		text := f.Text
		if f.Account != "" {
			text = f.Account + ": " + text
		}
		p.block("  "+p.mark(f.Status)+" ", indent, text, tui.Plain)
		if f.Hint != "" {
			p.block(strings.Repeat(" ", indent)+arrow, indent+tui.Width(arrow), f.Hint, tui.Plain)
		}
	}
}

// block writes a text behind lead, which is indent wide, and the rest of it below its beginning.
func (p *printer) block(lead string, indent int, text string, style tui.Style) {
	width := 0
	if p.screen.Width > 0 {
		width = max(p.screen.Width-indent, 10)
	}
	for _, line := range tui.Wrap(text, width) {
		p.line("%s%s", lead, p.screen.Paint(style, line))
		lead = strings.Repeat(" ", indent)
	}
}

// waiting says what takes long, to somebody who watches.
func (p *printer) waiting(keychain bool) {
	text := "waiting for AWS"
	if keychain {
		text = "waiting for the keychain: is a dialog asking for its password?"
	}
	p.line("%s", p.screen.Paint(tui.Faint, text))
}

func (p *printer) end(count map[finding.Status]int) error {
	var parts []string
	for i, status := range []finding.Status{finding.Fail, finding.Warn, finding.Note} {
		if n := count[status]; n > 0 {
			parts = append(parts, tui.Count(n, []string{"failure", "warning", "note"}[i]))
		}
	}
	verdict := strings.Join(parts, ", ")
	switch {
	case count[finding.Fail] > 0:
		verdict = "Not well: " + verdict
	case len(parts) == 0:
		verdict = "All is well"
	case count[finding.Warn] == 0:
		verdict = "All is well: " + verdict
	}
	p.line("\n%s", p.screen.Paint(tui.Bold, verdict))
	return p.err
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
