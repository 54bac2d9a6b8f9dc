// Package process turns an account into credentials, and credentials into what callers read.
//
// Invariant: credentials of an account come from that account's own entry alone. They never come through a profile that
// calls us, and never belong to another AWS account than the entry says.
package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
)

// Resolver knows for each account the provider of its credentials.
type Resolver struct {
	Accounts *accounts.Reader
	Sessions *cache.Sessions
	Log      *AccessLog
}

// Session returns the provider of the credentials that the account called name hands out. It doesn't look into the
// accounts file unless the keychain has no answer; that there is no such account then shows in Retrieve.
func (r *Resolver) Session(name string) *cache.Provider {
	return &cache.Provider{
		Sessions: r.Sessions,
		Account:  name,
		Stamp:    r.Accounts.Stamp(),
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
	if err := supported(file, a); err != nil {
		return cache.Plan{}, err
	}
	return cache.Plan{
		Fingerprint: fingerprint(file, a),
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
	if a.IsBase() {
		credentials, err = r.fetchBase(ctx, file, a, hurry)
	} else {
		credentials, err = r.fetchRole(ctx, file, a, hurry)
	}
	if err == nil && a.AccountID != "" && credentials.AccountID != a.AccountID {
		err = hint.New(fmt.Errorf("%s: the credentials belong to account %s, not to %s", a.Name, credentials.AccountID, a.AccountID),
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
	source := file.SourceOf(a)
	client, err := r.client(ctx, file, source, a, hurry)
	if err != nil {
		return aws.Credentials{}, err
	}
	credentials, err := client.assumeRole(ctx, file, a)
	return credentials, explain(err, file, a)
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
		return aws.Credentials{}, explain(err, file, a)
	}
	if credentials.AccountID == "" {
		identity, err := client.whoami(ctx)
		if err != nil {
			return aws.Credentials{}, explain(err, file, a)
		}
		credentials.AccountID = identity.AccountID
	}
	if a.Session == accounts.SessionNone || credentials.SessionToken != "" {
		return credentials, nil
	}
	session, err := client.sessionToken(ctx, file.EffectiveDuration(a))
	if err != nil {
		return aws.Credentials{}, explain(err, file, a)
	}
	session.AccountID = credentials.AccountID
	return session, nil
}

// supported refuses an account that uses what isn't built yet, rather than ignore it.
func supported(file *accounts.File, a *accounts.Account) error {
	for _, link := range file.Chain(a) {
		field := ""
		switch c := link.Credentials; {
		case link.SSO != nil:
			field = "sso"
		case link.MFASerial != "":
			field = "mfa_serial"
		case c != nil && c.Keychain:
			field = "credentials.keychain"
		case c != nil && c.WebIdentityTokenFile != "":
			field = "credentials.web_identity_token_file"
		case c != nil && c.Instance:
			field = "credentials.instance"
		default:
			continue
		}
		return hint.New(fmt.Errorf("%s: %s of %s is not supported yet", a.Name, field, link.Name), "take it out of %s", file.Path)
	}
	return nil
}

// Timeout is how long an attempt may take in all: it ends before the 60 seconds after which the Go SDK throws our
// result away.
const Timeout = 55 * time.Second

var errNoCredentials = errors.New("no credentials")
