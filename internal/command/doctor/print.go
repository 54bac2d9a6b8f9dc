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
	symbol, word, style := "✓", "ok  ", tui.Green
	switch s {
	case finding.Note:
		symbol, word, style = "·", "note", tui.Faint
	case finding.Warn:
		symbol, word, style = "!", "warn", tui.Yellow
	case finding.Fail:
		symbol, word, style = "✗", "FAIL", tui.Red
	}
	if p.screen.Symbols {
		word = symbol
	}
	return p.screen.Paint(style, word)
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
		for i, line := range p.wrap("fixed: "+done, indent) {
			if i == 0 {
				p.line("  %s %s", p.mark(finding.OK), p.screen.Paint(tui.Bold, line))
			} else {
				p.line("%*s%s", indent, "", p.screen.Paint(tui.Bold, line))
			}
		}
	}
	for _, f := range a.Findings {
		text := f.Text
		if f.Account != "" {
			text = f.Account + ": " + text
		}
		for i, line := range p.wrap(text, indent) {
			if i == 0 {
				p.line("  %s %s", p.mark(f.Status), line)
			} else {
				p.line("%*s%s", indent, "", line)
			}
		}
		for i, line := range p.wrap(f.Hint, indent+len([]rune(arrow))) {
			if f.Hint == "" {
				continue
			}
			lead := arrow
			if i > 0 {
				lead = strings.Repeat(" ", len([]rune(arrow)))
			}
			p.line("%*s%s%s", indent, "", lead, line)
		}
	}
}

func (p *printer) wrap(text string, indent int) []string {
	if p.screen.Width == 0 {
		return []string{text}
	}
	return tui.Wrap(text, max(p.screen.Width-indent, 10))
}

// waiting says what takes long, to somebody who watches.
func (p *printer) waiting(keychain bool) {
	if keychain {
		p.line("%s", p.screen.Paint(tui.Faint, "waiting for the keychain: is a dialog asking for its password?"))
		return
	}
	p.line("%s", p.screen.Paint(tui.Faint, "waiting for AWS"))
}

func (p *printer) end(count map[finding.Status]int) error {
	var parts []string
	for _, c := range []struct {
		status    finding.Status
		one, many string
	}{{finding.Fail, "failure", "failures"}, {finding.Warn, "warning", "warnings"}, {finding.Note, "note", "notes"}} {
		switch n := count[c.status]; {
		case n == 1:
			parts = append(parts, "1 "+c.one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, c.many))
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
