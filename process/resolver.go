// Package process turns an account into credentials, and credentials into what callers read.
//
// One call goes down and comes back once: find the account, make its route (package route: where the credentials begin, and the
// hops from there to the account), ask the keychain for a session of that route (package cache), else fetch one along the route
// (resolver.go; credentials.go has the beginning, sts.go the calls, mfa.go the codes, sso.go Identity Center), and write it
// (process.go). refusal.go and network.go say what AWS, or the way to it, had against it.
//
// Invariant: credentials of an account come from that account's own entry alone. They never come through a profile that
// calls us, and never belong to another AWS account than the entry says.
package process

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/accounts/version"
	"aws-accounts/cache"
	"aws-accounts/cache/item"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/note"
	"aws-accounts/internal/route"
)

// Resolver knows for each account the provider of its credentials.
type Resolver struct {
	Accounts *accounts.Reader
	Sessions *cache.Sessions
	Log      *AccessLog
	MFA      *MFA
	SSO      *SSO

	likeSDK bool // a profile's process gets all of our environment, as SDKs would give it
}

// Session returns the provider of the credentials that the account called name hands out. It doesn't look into the
// accounts file unless the keychain has no answer; that there is no such account then shows in Retrieve.
func (r *Resolver) Session(name string) *cache.Provider {
	return r.session(name, version.FirstAWS(time.Now()))
}

func (r *Resolver) session(name string, look *version.AWS) *cache.Provider {
	return &cache.Provider{
		Sessions: r.Sessions,
		Account:  name,
		Stamp:    look.With(r.Accounts.Stamp()),
		Plan: func() (cache.Plan, error) {
			file, err := r.Accounts.File()
			if err != nil {
				return cache.Plan{}, err
			}
			a, err := file.Find(name)
			if err != nil {
				return cache.Plan{}, err
			}
			return r.plan(a, look)
		},
	}
}

// FetchAs has the provider fetch what another account gives, and keep it as its own: what the user asked for once is what every
// caller is then handed.
func (r *Resolver) FetchAs(provider *cache.Provider, other *accounts.Account) error {
	plan, err := provider.Plan()
	if err != nil {
		return err
	}
	changed, err := r.plan(other, version.FirstAWS(time.Now()))
	if err != nil {
		return err
	}
	plan.Fetch = changed.Fetch
	provider.Plan = func() (cache.Plan, error) { return plan, nil }
	return nil
}

// plan says how a's session comes about.
func (r *Resolver) plan(a *accounts.Account, look *version.AWS) (cache.Plan, error) {
	f, err := r.fetching(a, look)
	if err != nil {
		return cache.Plan{}, err
	}
	return cache.Plan{
		Fingerprint: f.Identity(),
		Volatile:    f.Origin.Volatile || a.File().Outdated() || r.Accounts.Changed(a.File()),
		Fetch: func(ctx context.Context, failFast bool) (aws.Credentials, error) {
			f.failFast = failFast
			return r.fetch(ctx, f)
		},
	}, nil
}

// fetching is one attempt to go a route.
type fetching struct {
	*route.Route
	look     *version.AWS // that the route was made from
	failFast bool         // as there is a session to fall back on
}

// Client returns a client of STS that gets a's credentials as any call would, but for the keychain and the log, and the hop to a.
func (r *Resolver) Client(ctx context.Context, a *accounts.Account) (*Client, *route.Route, error) {
	c, err := r.fetching(a, version.FirstAWS(time.Now()))
	if err != nil {
		return nil, nil, err
	}
	client, err := r.client(ctx, c)
	return client, c.Route, Explain(err, a)
}

// Obtain gets a's credentials as any call would, but for the keychain and the log.
func (r *Resolver) Obtain(ctx context.Context, a *accounts.Account) (aws.Credentials, error) {
	c, err := r.fetching(a, version.FirstAWS(time.Now()))
	if err != nil {
		return aws.Credentials{}, err
	}
	return r.obtain(ctx, c)
}

func (r *Resolver) fetching(a *accounts.Account, look *version.AWS) (*fetching, error) {
	routes, err := route.At(look)
	if err != nil {
		return nil, err
	}
	way, err := routes.To(a)
	if err == nil {
		err = r.inCircle(routes, way)
	}
	return &fetching{way, look, false}, err
}

// HandedOut returns what tells whether a stored session is of the files as they are now, so that it is still handed out. It
// makes a route only where the session's stamp leaves that open.
func HandedOut(reader *accounts.Reader) func(*item.Session) bool {
	look := version.FirstAWS(time.Now())
	stamp := look.With(reader.Stamp())
	routesOnce := sync.OnceValues(func() (*route.Table, error) { return route.At(look) })
	return func(s *item.Session) bool {
		if stamp != "" && s.Stamp == stamp {
			return true
		}
		file, err := reader.File()
		if err != nil { // then it can't be told
			return true
		}
		routes, err := routesOnce()
		if err != nil {
			return true
		}
		a, err := file.Find(s.Account)
		if err != nil {
			return false
		}
		way, err := routes.To(a)
		return err == nil && s.Fingerprint == way.Identity()
	}
}

// fetch gets the route's credentials from AWS, or from where they begin, and logs the attempt.
func (r *Resolver) fetch(ctx context.Context, c *fetching) (aws.Credentials, error) {
	attempt := r.Log.Begin(c.Last().Account)
	credentials, err := r.obtain(ctx, c)
	attempt.End(credentials, err)
	return credentials, err
}

// obtain gets the credentials, and refuses those that aren't what the entry says.
func (r *Resolver) obtain(ctx context.Context, c *fetching) (aws.Credentials, error) {
	a := c.Last().Account
	get := r.fetchRole
	switch {
	case a.SSO != nil:
		get = r.fetchSSO
	case a.IsBase():
		get = r.fetchBase
	}
	credentials, err := get(ctx, c)
	if err == nil && a.AccountID != "" && credentials.AccountID != a.AccountID {
		err = hint.New(&Refusal{message: fmt.Sprintf("%s: the credentials belong to account %s, not to %s", a.Name, credentials.AccountID, a.AccountID), Definite: true},
			"correct account_id of %s in %s, or the credentials it begins with", a.Name, a.File().Path)
	}
	if err == nil && credentials.CanExpire && !credentials.Expires.After(r.Sessions.Now()) {
		err = hint.New(fmt.Errorf("%s: the session is over by this computer's clock, which must be wrong", a.Name),
			"set the clock (`timedatectl set-ntp true`), then try again")
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	return credentials, nil
}

func (r *Resolver) fetchRole(ctx context.Context, c *fetching) (aws.Credentials, error) {
	hop := c.Last()
	client, err := r.client(ctx, c)
	if err != nil {
		return aws.Credentials{}, Explain(err, hop.Account)
	}
	credentials, err := r.withCode(ctx, hop, client, func(client *Client, code string) (aws.Credentials, error) {
		return client.AssumeRole(ctx, hop, c.Origin.Kind, code)
	})
	return credentials, Explain(err, hop.Account)
}

// fetchBase gets what a base account hands out: temporary credentials as they are; long-term keys as a session, or as they
// are where the account says so.
func (r *Resolver) fetchBase(ctx context.Context, c *fetching) (aws.Credentials, error) {
	hop := c.Last()
	client, err := r.client(ctx, c)
	if err != nil {
		return aws.Credentials{}, Explain(err, hop.Account)
	}
	credentials, err := client.Credentials(ctx)
	if err != nil {
		return aws.Credentials{}, Explain(err, hop.Account)
	}
	if credentials.AccountID, err = r.accountOf(ctx, client, credentials); err != nil {
		return aws.Credentials{}, Explain(err, hop.Account)
	}
	if hop.KeepsKey || credentials.SessionToken != "" {
		return credentials, nil
	}
	session, err := r.withCode(ctx, hop, client, func(client *Client, code string) (aws.Credentials, error) {
		return client.sessionToken(ctx, hop, code)
	})
	session.AccountID = credentials.AccountID
	return session, Explain(err, hop.Account)
}

// accountOf returns the AWS account that credentials belong to. Of a long-term key AWS is asked once: a key never changes its
// account, and an account with `"session": "none"` would have to ask for every call.
func (r *Resolver) accountOf(ctx context.Context, client *Client, credentials aws.Credentials) (string, error) {
	if credentials.AccountID != "" {
		return credentials.AccountID, nil
	}
	lasts, known, name := credentials.SessionToken == "", "", noteAbout("key", credentials.AccessKeyID)
	if lasts && note.Read(r.Sessions.Dir, name, &known) && known != "" {
		return known, nil
	}
	identity, err := client.Whoami(ctx)
	if err == nil && lasts {
		note.Write(r.Sessions.Dir, name, identity.AccountID)
	}
	return identity.AccountID, err
}

// withCode makes the call of a hop, with an MFA code if it takes one.
func (r *Resolver) withCode(ctx context.Context, hop *route.Hop, client *Client,
	call func(client *Client, code string) (aws.Credentials, error),
) (aws.Credentials, error) {
	if hop.Device == "" {
		return call(client, "")
	}
	return r.MFA.with(ctx, hop.CodeOwner, hop.Account.Name, client, call)
}

// client returns a client of STS for the last hop: with the session of the hop before, or with what the route begins with.
func (r *Resolver) client(ctx context.Context, c *fetching) (*Client, error) {
	hop := c.Last()
	if !hop.BySession {
		provider, err := r.origin(ctx, c.Route, c.failFast)
		if err != nil {
			return nil, err
		}
		return NewClient(hop, provider, c.failFast, r.Report(hop.Account.Name)), nil
	}
	// Not through the SDK: it would get the session in the background and put its own errors in place of ours.
	source := r.session(hop.Account.SourceAccount().Name, c.look)
	source.FailFast = c.failFast
	session, err := source.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	if c.failFast && source.Unanswered != nil { // AWS is out of reach: one link has waited for it, the others need not
		return nil, source.Unanswered
	}
	return NewClient(hop, Static(session), c.failFast, r.Report(hop.Account.Name)), nil
}

// Static provides credentials that are there already.
func Static(c aws.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
}

// Report is what is told of trouble on the way to the account's credentials that was no reason to withhold them.
func (r *Resolver) Report(account string) func(error) {
	return func(err error) { r.Sessions.Report(account, err) }
}

// States tells, for those of the accounts that have a session which is still handed out, when it expires. The keychain may be
// out of reach: then the error says why.
func (r *Resolver) States(ctx context.Context, names []string) (map[string]time.Time, error) {
	return r.Sessions.States(ctx, names, HandedOut(r.Accounts))
}

// Unattended is the same for looking only: it asks nobody, opens no browser, and what it stumbles over isn't news for the log.
func (r *Resolver) Unattended() *Resolver {
	other, sessions, log := *r, *r.Sessions, *r.Log
	sessions.Report = func(string, error) {}
	log.quiet = true
	other.Sessions, other.Log = &sessions, &log
	other.MFA = &MFA{Dir: r.MFA.Dir, Now: r.MFA.Now}
	other.SSO = &SSO{Asker: &ask.Asker{Never: true}, Unattended: true}
	return &other
}

// In is the same with the sessions and keys of another keychain.
func (r *Resolver) In(keychain *cache.Keychain) *Resolver {
	other, sessions := *r, *r.Sessions
	sessions.Keychain = keychain
	other.Sessions = &sessions
	return &other
}
