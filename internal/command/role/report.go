package role

import (
	"fmt"
	"io"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// roleReport says what becomes of each account, a line each, and counts.
type roleReport struct {
	out    io.Writer
	screen tui.Screen
	errs   []error
}

// actionNone is that of a target at which there is nothing to do.
const actionNone = "gone"

var styles = map[string]tui.Style{"create": tui.Green, "change": tui.Yellow, "delete": tui.Red}

func (p *roleReport) line(action string, style tui.Style, t *roleTarget, what string) {
	const indent = "         "
	width := 0
	if p.screen.Width > 2*len(indent) {
		width = p.screen.Width - len(indent)
	}
	text := strings.Join(tui.Wrap(tui.Harmless(t.Name+": "+what), width), "\n"+indent)
	fmt.Fprintf(p.out, "%s  %s\n", p.screen.Paint(style, fmt.Sprintf("%-7s", action)), text)
}

func (p *roleReport) failed(t *roleTarget) {
	p.errs = append(p.errs, t.err)
	p.line("failed", tui.Red, t, strings.TrimPrefix(t.err.Error(), t.Name+": "))
}

// plan says what is to be done, and returns the targets that it concerns.
func (p *roleReport) plan(targets []*roleTarget) (todo []*roleTarget) {
	right := 0
	for _, t := range targets {
		switch {
		case t.err != nil:
			p.failed(t)
		case t.action == "":
			right++
		case t.action == actionNone:
			p.line(t.action, tui.Faint, t, t.plan)
		default:
			todo = append(todo, t)
			p.line(t.action, styles[t.action], t, t.plan)
		}
	}
	switch {
	case right == 1:
		fmt.Fprintln(p.out, "1 role as it should be")
	case right > 1:
		fmt.Fprintf(p.out, "%d roles as they should be\n", right)
	}
	return todo
}

func (p *roleReport) done(todo []*roleTarget) {
	for _, t := range todo {
		switch {
		case t.err != nil:
			p.failed(t)
		case t.done:
			p.line(t.action+"d", tui.Green, t, t.RoleARN)
		}
	}
}

// err is nil if nothing failed. Else its hint is the first failure's: mostly they are all of a kind.
func (p *roleReport) err() error {
	if len(p.errs) == 0 {
		return nil
	}
	return hint.New(fmt.Errorf("%s failed", tui.Count(len(p.errs), "account")), "%s", firstHint(p.errs))
}

func firstHint(errs []error) string {
	for _, err := range errs {
		if h := hint.Of(err); h != "" {
			return h
		}
	}
	return "the same command tries those again that failed"
}
