package sync

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync/atomic"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// SSO is `aws-accounts sync sso [SESSION]`.
type SSO struct {
	Session  string   `arg:"" optional:"" help:"The SSO session, by its name in the accounts file; without it, the only one."`
	RoleName []string `help:"Only these permission sets, as ReadOnly or 'Read*'; may be repeated." placeholder:"NAME" sep:"none"`
	Options
}

// Run lists all that the person has.
func (c *SSO) Run(r *process.Resolver, asker *ask.Asker, program *stanza.Program, stdout io.Writer, stderr tui.Stderr) error {
	for _, p := range c.RoleName {
		if _, err := path.Match(p, ""); err != nil {
			return hint.Usage(fmt.Errorf("--role-name=%s is no pattern", p), "write one like 'Read*'")
		}
	}
	return c.run(r, asker, program, stdout, stderr, []any{"sso", c.Session, c.RoleName}, c.listing)
}

func (c *SSO) listing(ctx context.Context, s *syncing) (l accounts.Listing, err error) {
	file, session, err := s.SSOSession(c.Session, "sync sso")
	if err != nil {
		return l, err
	}
	center, err := s.Center(session)
	if err != nil {
		return l, err
	}
	center.Config = s.patient(center.Config)
	var done, all atomic.Int64
	end := s.progress(func() string {
		return fmt.Sprintf("listing %s: %d of %s", session.Name, done.Load(), tui.Count(int(all.Load()), "account"))
	})
	assigned, err := center.Assigned(ctx, func(n, of int) { done.Store(int64(n)); all.Store(int64(of)) })
	end()
	if err != nil {
		return l, unchanged(process.ExplainSSO(err, session, file.Entry(accounts.Account{})), int(done.Load()))
	}
	l = accounts.Listing{From: session.Name, Covers: c.chosen}
	for _, a := range assigned {
		if c.chosen(a.Role) {
			l.Listed = append(l.Listed, accounts.Listed{Called: a.AccountName, Account: accounts.Account{
				AccountID: a.AccountID, SSO: &accounts.SSO{Session: session.Name, RoleName: a.Role},
				Synced: &accounts.Synced{From: session.Name, Role: a.Role},
			}})
		}
	}
	if len(l.Listed) == 0 {
		return l, hint.New(fmt.Errorf("%s: you have no such permission set in any account; nothing was changed", session.Name),
			"check --role-name, or ask an administrator to assign you to accounts")
	}
	return l, nil
}

func (c *SSO) chosen(role string) bool {
	for _, p := range c.RoleName {
		if ok, _ := path.Match(strings.ToLower(p), strings.ToLower(role)); ok {
			return true
		}
	}
	return len(c.RoleName) == 0
}
