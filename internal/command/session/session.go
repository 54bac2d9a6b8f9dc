// Package session is the commands that get, use, show and forget the session of an account: assume, exec, env, console, serve,
// status, whoami and clear.
//
// Invariant: what they start gets the credentials of this account, and nothing that selects other ones.
package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// session is an account whose credentials have been had once.
type session struct {
	*process.Resolver
	account *accounts.Account
	region  string // "" if neither the account nor the defaults name one
	first   aws.Credentials
}

func (s *session) retrieve(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, protocol.AttemptLimit)
	defer cancel()
	return s.Session(s.account.Name).Retrieve(ctx)
}

// identity is who the credentials belong to, as AWS sees it.
func (s *session) identity(ctx context.Context) (process.Identity, error) {
	hop, err := route.HopOf(s.account, "")
	if err != nil {
		return process.Identity{}, err
	}
	who, err := process.NewClient(hop, process.Static(s.first), false, s.Report(s.account.Name)).Whoami(ctx)
	return who, process.Explain(err, s.account)
}

// variables are those that go with the credentials, in whichever way these are handed over.
func (s *session) variables() []variable {
	return append([]variable{{"AWS_ACCOUNTS_NAME", s.account.Name}}, regionVariables(s.region)...)
}

// open gets the credentials of the account called name, so that what keeps them away shows before anything is started.
func open(r *process.Resolver, name string, by byProfile) (*session, error) {
	a, err := account(r, name, by)
	if err != nil {
		return nil, err
	}
	return begin(r, a)
}

func begin(r *process.Resolver, a *accounts.Account) (s *session, err error) {
	s = &session{Resolver: r, account: a, region: route.ProfileRegion(a)}
	s.first, err = s.retrieve(context.Background())
	return s, err
}

// regionVariables names both, as SDKs differ in which they read.
func regionVariables(region string) []variable {
	if region == "" {
		return nil
	}
	return []variable{{"AWS_REGION", region}, {"AWS_DEFAULT_REGION", region}}
}

// credentialVariables are what SDKs read credentials from. botocore takes AWS_CREDENTIAL_EXPIRATION and then says that
// the session is over, instead of AWS's "invalid token".
func credentialVariables(c aws.Credentials) []variable {
	all := []variable{{"AWS_ACCESS_KEY_ID", c.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey}}
	if c.SessionToken != "" {
		all = append(all, variable{"AWS_SESSION_TOKEN", c.SessionToken})
	}
	if c.CanExpire {
		all = append(all, variable{"AWS_CREDENTIAL_EXPIRATION", c.Expires.UTC().Format(time.RFC3339)})
	}
	if c.AccountID != "" {
		all = append(all, variable{"AWS_ACCOUNT_ID", c.AccountID})
	}
	return all
}

// byProfile names an account as AWS tools do.
type byProfile struct {
	Profile string `short:"p" placeholder:"NAME" help:"The account, by the name of its profile."`
}

// account finds the account of that name, or of that profile. Without a name the person chooses one at the terminal; with a part
// of one, among those that it fits.
func account(r *process.Resolver, name string, by byProfile) (*accounts.Account, error) {
	file, err := r.Accounts.File()
	if err != nil {
		return nil, err
	}
	if name != "" && by.Profile != "" {
		return nil, hint.Usage(errors.New("NAME and --profile both name an account"), "leave one of them out")
	}
	if by.Profile != "" {
		if called := file.Where(func(a *accounts.Account) bool { return a.ProfileName() == by.Profile }); len(called) > 0 {
			return called[0], nil
		}
		name = by.Profile
	}
	if name == "" {
		return pick(r.MFA.Asker, file, "")
	}
	a, err := file.Find(name)
	part := strings.ToLower(name)
	fits := func(a *accounts.Account) bool { return strings.Contains(strings.ToLower(a.Name), part) }
	if err != nil && len(file.Where(fits)) > 0 {
		if chosen, unasked := pick(r.MFA.Asker, file, name); !hint.IsUsage(unasked) {
			return chosen, unasked
		}
	}
	return a, err
}

// exitInterrupted is that of a program which Ctrl-C has ended.
const exitInterrupted = 130

func pick(asker *ask.Asker, file *accounts.File, typed string) (*accounts.Account, error) {
	if len(file.Accounts) == 0 {
		return nil, hint.New(fmt.Errorf("there is no account in %s to choose", file.Path), "`aws-accounts add` adds one")
	}
	choices := make([]ask.Choice, len(file.Accounts))
	for i := range file.Accounts {
		a := &file.Accounts[i]
		choices[i] = ask.Choice{Name: a.Name, ID: a.AccountID, Description: a.Description}
	}
	i, err := asker.Pick(context.Background(), "Account", typed, choices)
	switch {
	case errors.Is(err, ask.ErrNobody):
		return nil, hint.Usage(fmt.Errorf("which account? NAME is missing, and there is %w", err), "`aws-accounts list` shows the names")
	case errors.Is(err, ask.ErrCancelled): // which the person knows
		return nil, &hint.ExitStatus{Status: exitInterrupted}
	case err != nil:
		return nil, err
	}
	return &file.Accounts[i], nil
}
