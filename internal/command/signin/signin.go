// Package signin is `aws-accounts sso`: it signs in to Identity Center, and out of it.
//
// Invariant: after a sign-out no session that came of the sign-in is left on this computer.
package signin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"aws-accounts/accounts"
	"aws-accounts/internal/browser"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/identitycenter"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Command is `aws-accounts sso …`.
type Command struct {
	Login  Login  `cmd:"" firstuse:"" help:"Sign in to Identity Center."`
	Logout Logout `cmd:"" help:"Sign out of Identity Center, and forget the sessions that came of it."`
}

// Login is `aws-accounts sso login [SESSION]`.
type Login struct {
	Session  string          `arg:"" optional:"" help:"The SSO session, by its name in the accounts file; without it, the only one."`
	StartURL string          `name:"start-url" help:"The address of the AWS access portal, of an SSO session that the accounts file doesn't have yet." placeholder:"URL"`
	Region   accounts.Region `help:"With --start-url: the region that Identity Center is in." placeholder:"REGION"`
	Device   bool            `help:"Show a link and a code to confirm on any device, instead of opening the browser."`
}

// Run signs in, whether or not there is a sign-in, and says how long the new one holds.
func (c *Login) Run(r *process.Resolver, stdout io.Writer) error {
	file, session, err := c.session(r)
	if err != nil {
		return err
	}
	if r.SSO.Asker.Never {
		return hint.New(fmt.Errorf("not signed in to %s: signing in needs a person, and --no-input forbids asking", session.Name),
			"run `%s`", process.SignInCommand(file, session))
	}
	ctx := context.Background()
	center, err := r.Center(session)
	if err != nil {
		return err
	}
	center.Person = c.person(session, stdout)
	expires, err := center.SignIn(ctx)
	if err != nil {
		return process.ExplainSSO(err, session, file.Entry(accounts.Account{}))
	}
	if !process.Describes(file, session) {
		if err := accounts.BeginAtSSO(ctx, file.Path, r.Sessions.Dir, *session); err != nil {
			return fmt.Errorf("signed in to %s, but %w", session.Name, err)
		}
		fmt.Fprintf(stdout, "added the SSO session %s to %s\n", session.Name, tui.Tilde(file.Path))
	}
	tui.Sayf(stdout, "signed in to %s until %s (%s); it is renewed without you while Identity Center allows it",
		session.Name, expires.Local().Format("15:04"), tui.Left(expires.Sub(r.Sessions.Now())))
	if c.StartURL != "" {
		tui.Say(stdout, "next: `aws-accounts sync sso --setup` adds the accounts that you have there, with their profiles")
	}
	return nil
}

// session is the SSO session to sign in to. One that --start-url gives is written down when the sign-in has succeeded: a
// wrong address would stay, and no command removes it.
func (c *Login) session(r *process.Resolver) (*accounts.File, *accounts.SSOSession, error) {
	if c.StartURL == "" && c.Region == "" {
		return r.SSOSession(c.Session, "sso login")
	}
	const example = "`aws-accounts sso login --start-url=https://corp.awsapps.com/start --region=eu-west-1`: the access portal shows both under \"Access keys\""
	if c.StartURL != "" && c.Region == "" {
		answer, err := r.SSO.Asker.Line(context.Background(), "Region that Identity Center is in, like eu-west-1")
		if err == nil {
			err = c.Region.UnmarshalText([]byte(answer))
		}
		if err != nil {
			return nil, nil, hint.Usage(fmt.Errorf("--region is missing: %w", err), example)
		}
	}
	switch {
	case c.StartURL == "":
		return nil, nil, hint.Usage(errors.New("--region goes with --start-url"), example)
	case !accounts.IsStartURL(c.StartURL):
		return nil, nil, hint.Usage(fmt.Errorf("--start-url %q is not an https URL", c.StartURL), example)
	}
	file, err := r.Accounts.File()
	if err != nil {
		return nil, nil, err
	}
	u, err := url.Parse(c.StartURL) // which writes the scheme in lower case
	if err != nil {
		return nil, nil, err
	}
	c.StartURL = u.String()
	for i := range file.SSOSessions {
		s := &file.SSOSessions[i]
		if strings.TrimRight(s.StartURL, "/#") == strings.TrimRight(c.StartURL, "/#") && (c.Session == "" || strings.EqualFold(c.Session, s.Name)) {
			if s.Region != string(c.Region) {
				return nil, nil, hint.Usage(fmt.Errorf("%s is in %s, as %s says, not in %s", s.Name, s.Region, tui.ShowPath(file.Path), c.Region),
					"leave --region and --start-url out, or correct \"region\" of %s there", s.Name)
			}
			return file, s, nil
		}
	}
	s := &accounts.SSOSession{Name: c.Session, StartURL: c.StartURL, Region: string(c.Region)}
	if s.Name == "" {
		s.Name, _, _ = strings.Cut(u.Host, ".")
		if _, directory, ok := strings.Cut(u.Path, "/directory/"); ok { // as in GovCloud, where all are at one host
			s.Name = strings.Trim(directory, "/")
		}
	}
	return file, s, accounts.CanBeginAtSSO(file.Path, *s)
}

// person reads what the command writes.
func (c *Login) person(session *accounts.SSOSession, stdout io.Writer) identitycenter.Person {
	p := identitycenter.Person{
		Show: func(_ context.Context, what identitycenter.Prompt) error {
			text := fmt.Sprintf("opening the browser to sign in to %s; if it doesn't open, use this link, or try --device\n\n  %s\n\n", session.Name, what.URL)
			if what.Code != "" {
				text = fmt.Sprintf("to sign in to %s, %s", session.Name, process.InWords(what))
			}
			_, err := io.WriteString(stdout, text)
			return err
		},
		Wait: func() {
			fmt.Fprintf(stdout, "another process is waiting for a sign-in to %s: finish that one, or wait a minute\n", session.Name)
		},
	}
	if !c.Device && browser.Available() == nil {
		p.Browser = browser.Open
	}
	return p
}

// Logout is `aws-accounts sso logout [SESSION]`.
type Logout struct {
	Session string `arg:"" optional:"" help:"The SSO session, by its name in the accounts file; without it, the only one."`
}

// Run ends the sign-in with AWS, and removes it here together with every session that began with it: who signs out
// expects to have no more access from here.
func (c *Logout) Run(r *process.Resolver, stdout io.Writer) error {
	file, session, err := r.SSOSession(c.Session, "sso logout")
	if err != nil {
		return err
	}
	ctx := context.Background()
	center, err := r.Center(session)
	if err != nil {
		return err
	}
	untold, err := center.SignOut(ctx)
	switch {
	case errors.Is(err, identitycenter.ErrNotSignedIn):
		fmt.Fprintf(stdout, "%s: not signed in\n", session.Name)
	case err != nil:
		return process.ExplainSSO(err, session, file.Entry(accounts.Account{}))
	case untold != nil:
		fmt.Fprintf(stdout, "%s: the sign-in is removed here, but AWS couldn't be told: %s\n", session.Name, process.Plain(untold))
	default:
		fmt.Fprintf(stdout, "%s: signed out\n", session.Name)
	}

	began := file.Where(func(a *accounts.Account) bool {
		first := a.Chain()[0].SSO
		return first != nil && strings.EqualFold(first.Session, session.Name)
	})
	forgotten, err := r.Sessions.Forget(ctx, accounts.NamesOf(began))
	for _, name := range forgotten {
		fmt.Fprintf(stdout, "%s: forgotten\n", name)
	}
	return err
}
