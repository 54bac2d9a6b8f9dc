// Package process turns an account into credentials, and credentials into what callers read: the core of it is resolver.go,
// base.go, fingerprint.go, sts.go and mfa.go. The commands that need credentials are here too, each in a file of its name.
//
// Invariant: credentials of an account come from that account's own entry alone. They never come through a profile that
// calls us, and never belong to another AWS account than the entry says.
package process

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/accounts/version"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
)

// Resolver knows for each account the provider of its credentials.
type Resolver struct {
	Accounts *accounts.Reader
	Sessions *cache.Sessions
	Log      *AccessLog
	MFA      *MFA
	SSO      *SSO
}

// Session returns the provider of the credentials that the account called name hands out. It doesn't look into the
// accounts file unless the keychain has no answer; that there is no such account then shows in Retrieve.
func (r *Resolver) Session(name string) *cache.Provider {
	return &cache.Provider{
		Sessions: r.Sessions,
		Account:  name,
		Stamp:    version.WithAWSFiles(r.Accounts.Stamp(), time.Now()),
		Plan: func() (cache.Plan, error) {
			file, err := r.Accounts.File()
			if err != nil {
				return cache.Plan{}, err
			}
			a, err := file.Find(name)
			if err != nil {
				return cache.Plan{}, err
			}
			return r.plan(file, a)
		},
	}
}

// plan says how a's session comes about.
func (r *Resolver) plan(file *accounts.File, a *accounts.Account) (cache.Plan, error) {
	if err := inCircle(file, a); err != nil {
		return cache.Plan{}, err
	}
	files := sync.OnceValues(readAWSFiles)
	return cache.Plan{
		Fingerprint: fingerprintWith(file, a, files),
		Volatile:    changesUnseen(a.Chain()[0], files) || file.Outdated() || r.Accounts.Changed(file),
		Fetch: func(ctx context.Context, hurry bool) (aws.Credentials, error) {
			return r.fetch(ctx, file, a, hurry)
		},
	}, nil
}

// fetch gets a's credentials from AWS, or from where they begin, and logs the attempt.
func (r *Resolver) fetch(ctx context.Context, file *accounts.File, a *accounts.Account, hurry bool) (aws.Credentials, error) {
	attempt := r.Log.Begin(file, a)
	var credentials aws.Credentials
	var err error
	switch {
	case a.SSO != nil:
		credentials, err = r.fetchSSO(ctx, file, a, hurry)
	case a.IsBase():
		credentials, err = r.fetchBase(ctx, file, a, hurry)
	default:
		credentials, err = r.fetchRole(ctx, file, a, hurry)
	}
	if err == nil && a.AccountID != "" && credentials.AccountID != a.AccountID {
		err = hint.New(&refusal{message: fmt.Sprintf("%s: the credentials belong to account %s, not to %s", a.Name, credentials.AccountID, a.AccountID), definite: true},
			"correct account_id of %s in %s, or the credentials it begins with", a.Name, file.Path)
	}
	if err == nil && credentials.CanExpire && !credentials.Expires.After(r.Sessions.Now()) {
		err = hint.New(fmt.Errorf("%s: the session is over by this computer's clock, which must be wrong", a.Name),
			"set the clock (`timedatectl set-ntp true`), then try again")
	}
	attempt.End(credentials, err)
	if err != nil {
		return aws.Credentials{}, err
	}
	return credentials, nil
}

func (r *Resolver) fetchRole(ctx context.Context, file *accounts.File, a *accounts.Account, hurry bool) (aws.Credentials, error) {
	client, err := r.client(ctx, file, a.SourceAccount(), a, hurry)
	if err != nil {
		return aws.Credentials{}, err
	}
	var credentials aws.Credentials
	if owner := codeWithRole(file, a); owner != nil {
		credentials, err = r.MFA.with(ctx, owner, a.Name, func(code string) (aws.Credentials, error) {
			return client.assumeRole(ctx, file, a, owner.MFASerial, code)
		})
	} else {
		credentials, err = client.assumeRole(ctx, file, a, "", "")
	}
	return credentials, explain(err, a)
}

// fetchBase gets what a base account hands out: temporary credentials as they are; long-term keys as a session, or as they
// are where the account says so.
func (r *Resolver) fetchBase(ctx context.Context, file *accounts.File, a *accounts.Account, hurry bool) (aws.Credentials, error) {
	client, err := r.client(ctx, file, a, a, hurry)
	if err != nil {
		return aws.Credentials{}, err
	}
	credentials, err := client.credentials(ctx)
	if err != nil {
		return aws.Credentials{}, explain(err, a)
	}
	if credentials.AccountID, err = r.accountOf(ctx, client, credentials); err != nil {
		return aws.Credentials{}, explain(err, a)
	}
	if a.Session == accounts.SessionNone || credentials.SessionToken != "" {
		return credentials, nil
	}
	get := func(code string) (aws.Credentials, error) {
		return client.sessionToken(ctx, a.EffectiveDuration(), a.MFASerial, code)
	}
	var session aws.Credentials
	if a.MFASerial != "" {
		session, err = r.MFA.with(ctx, a, a.Name, get)
	} else {
		session, err = get("")
	}
	if err != nil {
		return aws.Credentials{}, explain(err, a)
	}
	session.AccountID = credentials.AccountID
	return session, nil
}

// codeWithRole returns the account whose device's code goes along with AssumeRole itself, nil if none does: the role's
// own, or that of its source where the source's MFA session can't serve. A session from GetSessionToken counts as
// chaining, which AWS limits to an hour (99designs/aws-vault#263), and an account that hands out its keys has none.
func codeWithRole(file *accounts.File, a *accounts.Account) *accounts.Account {
	source := a.SourceAccount()
	switch {
	case a.MFASerial != "":
		return a
	case source.MFASerial == "":
		return nil
	case source.Session == accounts.SessionNone || a.EffectiveDuration() > accounts.ChainedDuration:
		return source
	}
	return nil
}

// actsWithSession reports whether roles are assumed with the session that source hands out, and not with the credentials
// that it begins with: a role or Identity Center has nothing else, MFA is part of the session, and a web identity costs a
// call to AWS each time.
func actsWithSession(file *accounts.File, source, a *accounts.Account) bool {
	if source == a {
		return false
	}
	if !source.IsBase() || source.Way().WebIdentityTokenFile != "" {
		return true
	}
	return source.MFASerial != "" && codeWithRole(file, a) == nil
}

var errNoCredentials = errors.New("no credentials")

// report is what is told of trouble on the way to the account's credentials that was no reason to withhold them.
func (r *Resolver) report(account string) func(error) {
	return func(err error) { r.Sessions.Report(account, err) }
}
