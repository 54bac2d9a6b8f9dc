package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/browser"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/identitycenter"
	"aws-accounts/internal/route"
	"aws-accounts/internal/tui"
)

// SSO says how the person is reached who has to sign in before an account of Identity Center has credentials.
type SSO struct {
	Asker      *ask.Asker
	Unattended bool // nobody sees a browser open, as in CI, or --no-input forbids it
}

// fetchSSO gets the credentials of a permission set, with a sign-in if need be and if there is somebody.
func (r *Resolver) fetchSSO(ctx context.Context, c *fetching) (aws.Credentials, error) {
	a := c.Last().Account
	session := a.SSOSession()
	center := r.center(session, &c.Last().Settings, c.failFast)
	if c.failFast {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, route.FailFastFor)
		defer cancel()
	} else {
		center.Person = r.SSO.person(session, a.Name)
	}
	out, err := center.Credentials(ctx, a.AccountID, a.SSO.RoleName)
	if forbidden(err) && !c.failFast {
		return aws.Credentials{}, explainForbidden(ctx, center, a, err)
	}
	if err != nil {
		return aws.Credentials{}, ExplainSSO(err, session, a)
	}

	var answer *types.Credentials
	if c := out.RoleCredentials; c != nil {
		answer = &types.Credentials{
			AccessKeyId: c.AccessKeyId, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Expiration: aws.Time(time.UnixMilli(c.Expiration)),
		}
	}
	credentials, err := credentialsOf(answer, out.ResultMetadata, r.Report(a.Name))
	credentials.AccountID = a.AccountID // AWS gave what was asked for; it doesn't repeat the number
	return credentials, Explain(err, a)
}

// Center is the Identity Center of a session, for who asks it about no account alone. Nobody is there to sign in.
func (r *Resolver) Center(session *accounts.SSOSession) (*identitycenter.Center, error) {
	hop, err := route.HopOf(nil, "")
	if err != nil {
		return nil, err
	}
	return r.center(session, &hop.Settings, false), nil
}

func (r *Resolver) center(session *accounts.SSOSession, settings *route.Settings, failFast bool) *identitycenter.Center {
	cfg := settings.Config("", aws.AnonymousCredentials{}, failFast)
	cfg.Region = session.Region
	return &identitycenter.Center{
		Session: identitycenter.Session{Name: session.Name, StartURL: session.StartURL, Region: session.Region, Scopes: session.RegistrationScopes},
		Config:  cfg,
		Store:   r.Sessions.Keychain,
		Variant: r.Sessions.Variant,
		Locks:   r.Sessions.Dir,
		Now:     r.Sessions.Now,
		Report:  r.Report(""), // a sign-in is many accounts' own
	}
}

// person is whoever is at the desktop, else at the terminal, of a command that is about something else. Standard output and
// error aren't for him.
func (s *SSO) person(session *accounts.SSOSession, account string) identitycenter.Person {
	var p identitycenter.Person
	if s.Unattended {
		return p
	}
	if browser.Available() == nil {
		p.Browser = browser.Open
	}
	if s.Asker.Present() {
		p.Show = func(ctx context.Context, what identitycenter.Prompt) error {
			if what.Code == "" {
				return s.Asker.Tell(ctx, fmt.Sprintf("%s needs you to sign in to %s, in the browser\n", account, session.Name))
			}
			return s.Asker.Tell(ctx, fmt.Sprintf("%s needs you to sign in to %s: %s", account, session.Name, InWords(what)))
		}
	}
	return p
}

// InWords is what to do with a device code.
func InWords(what identitycenter.Prompt) string {
	return fmt.Sprintf("open this link on any device, and check that the page shows %s\n\n  %s\n\n", tui.Harmless(what.Code), tui.Harmless(what.URL))
}

// ExplainSSO says in one sentence what Identity Center had against it, and one next step. a is an account of the session, or for
// commands that are about the session itself an entry without a name.
func ExplainSSO(err error, session *accounts.SSOSession, a *accounts.Account) error {
	file := a.File()
	if err == nil {
		return nil
	} else if needs, ok := errors.AsType[*identitycenter.NeedsSignIn](err); ok {
		return hint.New(&Refusal{message: of(a) + needs.Error(), RequestID: requestID(err), cause: needs}, "run `%s`", SignInCommand(file, session))
	}
	if identitycenter.Misconfigured(err) {
		r := &Refusal{message: fmt.Sprintf("%sIdentity Center in %s doesn't accept the sign-in to %s", of(a), session.Region, session.StartURL),
			RequestID: requestID(err), Definite: true}
		if r.Code = awscall.Code(err); r.Code == "" { // the message of an answer is empty: this API has another member for it
			r.message += ": " + err.Error()
		}
		if !Describes(file, session) {
			return hint.New(r, "check --start-url and --region: the access portal shows both under \"Access keys\"")
		}
		return hint.New(r, "check \"start_url\" and \"region\" of %s in %s", session.Name, file.Path)
	}
	if a.Name == "" {
		a = file.Entry(accounts.Account{Name: session.Name}) // for Explain, which names it
	}
	return Explain(err, a)
}

// forbidden reports whether the person has no such permission set in the account. AWS documents neither of its words for it.
func forbidden(err error) bool {
	return awscall.IsCode(err, "Forbidden") || awscall.IsCode(err, "ResourceNotFound")
}

// explainForbidden also says what the person may do in the account instead.
func explainForbidden(ctx context.Context, center *identitycenter.Center, a *accounts.Account, err error) error {
	file, refused := a.File(), &Refusal{Code: awscall.Code(err), RequestID: requestID(err), Definite: true,
		message: fmt.Sprintf("%s: %s gives you no role %s in account %s", a.Name, center.Name, a.SSO.RoleName, a.AccountID)}
	roles, err := center.Roles(ctx, a.AccountID)
	switch {
	case forbidden(err) || err == nil && len(roles) == 0:
		return hint.New(refused, "ask an administrator to assign you to the account, or correct \"account_id\" of %s in %s", a.Name, file.Path)
	case err != nil:
		return hint.New(refused, "ask an administrator for it, or correct \"role_name\" of %s in %s", a.Name, file.Path)
	}
	return hint.New(refused, "you have %s there: correct \"role_name\" of %s in %s", tui.Harmless(tui.Some(roles, 5)), a.Name, file.Path)
}

// SignInCommand is the command that signs in to the session.
func SignInCommand(file *accounts.File, session *accounts.SSOSession) string {
	command := "aws-accounts sso login " + session.Name
	if !Describes(file, session) {
		command += " --start-url=" + hint.Word(session.StartURL) + " --region=" + hint.Word(session.Region)
	}
	return command
}

// Describes reports whether the accounts file has the session, and not only the command line.
func Describes(file *accounts.File, session *accounts.SSOSession) bool {
	have := file.SSOSession(session.Name)
	return have != nil && have.StartURL == session.StartURL
}

// SSOSession finds the SSO session called name, or the only one if it's "", for command.
func (r *Resolver) SSOSession(name, command string) (*accounts.File, *accounts.SSOSession, error) {
	file, err := r.Accounts.File()
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, s := range file.SSOSessions {
		names = append(names, s.Name)
	}
	all := strings.Join(names, ", ")
	switch session := file.SSOSession(name); {
	case len(names) == 0:
		return nil, nil, hint.New(fmt.Errorf("no SSO session in %s", file.Path), "`aws-accounts sso login --start-url=https://corp.awsapps.com/start --region=eu-west-1`, with what yours has, adds it")
	case name == "" && len(names) == 1:
		return file, &file.SSOSessions[0], nil
	case name == "":
		return nil, nil, hint.Usage(fmt.Errorf("which SSO session? there are %s", all), "for example `aws-accounts %s %s`", command, names[0])
	case session == nil:
		return nil, nil, hint.New(fmt.Errorf("no SSO session %q in %s", name, file.Path), "the SSO sessions there are %s", all)
	default:
		return file, session, nil
	}
}
