// Package finding is what a check says: how bad it is, what it found, and what to type about it.
//
// Invariant: the text of a finding is harmless to a terminal, and has ~ for the home folder.
package finding

import (
	"fmt"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// Status is how bad a finding is.
type Status string

// What a finding can be. Only StatusFail makes the exit status 1.
const (
	OK   Status = "ok"
	Note Status = "note" // as it should be, but may surprise
	Warn Status = "warn" // works, or can't be told
	Fail Status = "fail"
)

// Finding is what came of one check. Check names the kind of check and stays the same from version to version.
type Finding struct {
	Area    string `json:"area"`
	Check   string `json:"check"`
	Account string `json:"account,omitempty"`
	Status  Status `json:"status"`
	Text    string `json:"text"`
	Hint    string `json:"hint,omitempty"`
}

// Area is a part of the way; its findings are in the order of the checks.
type Area struct {
	Title    string
	Findings []Finding
	Fixed    []string
}

// Add adds a finding. next is what to type about it, "" for nothing.
func (a *Area) Add(status Status, check, account, next, format string, args ...any) {
	if command, ok := strings.CutSuffix(next, hint.LooksForCause); ok { // which is what is being done
		next = strings.Replace(command, "aws-accounts ", "aws-accounts --debug ", 1) + "shows each step"
	}
	a.Findings = append(a.Findings, Finding{Area: a.Title, Check: check, Account: account, Status: status,
		Text: tui.Harmless(tui.Tilde(fmt.Sprintf(format, args...))), Hint: tui.Harmless(tui.Tilde(next))})
}

// OK adds that all is well.
func (a *Area) OK(check, account, format string, args ...any) {
	a.Add(OK, check, account, "", format, args...)
}

// Failed takes an error apart; the account's name before it is in the finding already.
func (a *Area) Failed(status Status, check, account string, err error) {
	for i, line := range strings.Split(err.Error(), "\n") { // the problems of an accounts file are a line each
		next := ""
		if i == 0 {
			next = hint.Of(err)
		}
		a.Add(status, check, account, next, "%s", line)
	}
}

// Most is how many findings of one kind are shown: a screen should hold what matters.
const Most = 5
