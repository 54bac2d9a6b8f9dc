package role

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/role"
	"aws-accounts/internal/tui"
)

// roleReport says what becomes of each account, a line each, and counts.
type roleReport struct {
	out    io.Writer
	screen tui.Screen
	errs   []error
}

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

// plan says what has to be done. It returns those it concerns, and how many of them have no role yet.
func (p *roleReport) plan(targets []*roleTarget) (todo []*roleTarget, creates int) {
	right := 0
	for _, t := range targets {
		switch {
		case t.err != nil:
			p.failed(t)
		case t.changes.Create:
			creates++
			todo = append(todo, t)
			p.line("create", tui.Green, t, role.Name(t.RoleARN)+" in "+t.AccountID+": "+t.want.Describe())
		case !t.changes.None():
			todo = append(todo, t)
			p.line("change", tui.Yellow, t, strings.Join(t.changes.Words, "; "))
		default:
			right++
		}
	}
	switch {
	case right == 1:
		fmt.Fprintln(p.out, "1 role as it should be")
	case right > 1:
		fmt.Fprintf(p.out, "%d roles as they should be\n", right)
	}
	return todo, creates
}

func (p *roleReport) made(todo []*roleTarget) {
	for _, t := range todo {
		switch {
		case t.err != nil:
			p.failed(t)
		case t.made.IsZero(): // not begun
		case t.changes.Create:
			p.line("created", tui.Green, t, t.RoleARN)
		default:
			p.line("changed", tui.Green, t, t.RoleARN)
		}
	}
}

var errStoppedEarly = hint.New(errors.New("stopped before anything was done"), "the same command begins anew")

func stopped(left, all int, what string) error {
	return hint.New(fmt.Errorf("stopped: %d of %s are still to be %s", left, tui.Count(all, "role"), what), "the same command goes on with the rest")
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
