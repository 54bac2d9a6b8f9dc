// Package identitycenter signs a person in to IAM Identity Center, and trades the sign-in for credentials. It speaks both
// of its APIs, OIDC and the access portal, and owns what a sign-in leaves: one keychain item for each SSO session.
//
// Invariant: the item is there as a whole or not at all, it is used for nothing but the start URL, region and scopes that
// it was made for, and one process at a time signs in or renews it. However many wait for a sign-in, the person sees one.
package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"aws-accounts/cache"
	"aws-accounts/internal/awscall"
	"aws-accounts/internal/lock"
)

// Session is what the person's configuration says of one Identity Center.
type Session struct {
	Name     string // in whichever case it is written
	StartURL string
	Region   string
	Scopes   []string // that a sign-in asks for; none for those that credentials need
}

// Center is the Identity Center of one session.
type Center struct {
	Session
	Config aws.Config // in the session's region; needs no credentials
	Store  *cache.Keychain
	// Variant is part of the names of items: sign-ins at other endpoints than AWS's own are kept apart.
	Variant string
	Locks   string // the folder of the locks
	Now     func() time.Time
	Report  func(error) // told of trouble that was no reason to withhold credentials
	Person  Person
}

// Person is how somebody can be reached who signs in. The zero Person is nobody.
type Person struct {
	// Browser opens a page where the person sees it; nil if there is no browser.
	Browser func(ctx context.Context, url string) error
	// Show says what to do; nil if nobody can read it.
	Show func(ctx context.Context, what Prompt) error
	// Wait is called when another process is at it, and the person should finish what that one has begun. May be nil.
	Wait func()
}

// Prompt is what a person needs to know for signing in. It comes from AWS in part.
type Prompt struct {
	URL  string
	Code string // that the page at URL must show; "" if the page has just been opened in the browser
}

// NeedsSignIn means that only a person's sign-in helps, and that there was none: `sso login` is the next step.
type NeedsSignIn struct{ why string }

func (e *NeedsSignIn) Error() string { return e.why }

func needsSignIn(format string, args ...any) error { return &NeedsSignIn{fmt.Sprintf(format, args...)} }

// Credentials are those of a permission set, called role, in an account. They come with AWS's own expiration.
func (c *Center) Credentials(ctx context.Context, accountID, role string) (*sso.GetRoleCredentialsOutput, error) {
	var out *sso.GetRoleCredentialsOutput
	err := (&bearer{center: c}).use(ctx, func(token string) (err error) {
		in := &sso.GetRoleCredentialsInput{AccessToken: &token, AccountId: &accountID, RoleName: &role}
		out, err = c.portal().GetRoleCredentials(ctx, in)
		return err
	})
	return out, err
}

// Roles are the permission sets that the person has in an account, sorted; none if AWS says so. It signs nobody in.
func (c *Center) Roles(ctx context.Context, accountID string) ([]string, error) {
	t := c.load(ctx)
	if t == nil || !t.valid(c.Now()) {
		return nil, c.nobody()
	}
	return roles(ctx, c.portal(), t.AccessToken, accountID)
}

// SignedIn is what the stored sign-in promises, without asking AWS: until when its token is good, which may be over if it is
// renewed. NeedsSignIn if there is none, or none that AWS would still take.
func (c *Center) SignedIn(ctx context.Context) (until time.Time, renewed bool, err error) {
	var trouble error
	look := *c
	look.Report = func(err error) { trouble = err }
	t := look.load(ctx)
	switch now := c.Now(); {
	case trouble != nil:
		return time.Time{}, false, trouble
	case t == nil, !t.valid(now) && !t.renewable(now):
		return time.Time{}, false, c.nobody()
	default:
		return t.Expires, t.renewable(now), nil
	}
}

// SignIn signs the person in, even if the stored sign-in is good, and returns when the token that came of it expires. If
// another process does it while this one waits for its turn, that is as good.
func (c *Center) SignIn(ctx context.Context) (expires time.Time, err error) {
	began := c.Now()
	// Nobody should sign in for a token that can't be kept.
	if _, err := c.read(ctx); err != nil && !errors.Is(err, cache.ErrNotFound) && !errors.Is(err, cache.ErrCorrupt) {
		return time.Time{}, err
	}
	release, err := c.lock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer release()
	if t := c.load(ctx); t != nil && t.Issued.After(began) {
		return t.Expires, nil
	}
	t, err := c.signIn(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return t.Expires, c.store(ctx, t)
}

// ErrNotSignedIn means that there was nothing to sign out of.
var ErrNotSignedIn = errors.New("not signed in")

// SignOut ends the sign-in with AWS, and forgets it here in any case. untold is why AWS couldn't be told.
func (c *Center) SignOut(ctx context.Context) (untold, err error) {
	release, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	t := c.load(ctx)
	if t != nil && !t.valid(c.Now()) && t.renewable(c.Now()) {
		// With an expired token AWS ends nothing, and the refresh token would stay good.
		if t, untold = c.renew(ctx, t); errors.Is(untold, errSpent) {
			untold = nil // it has ended there already
		}
	}
	if t != nil && t.valid(c.Now()) {
		_, untold = c.portal().Logout(ctx, &sso.LogoutInput{AccessToken: &t.AccessToken})
		if refusesToken(untold) {
			untold = nil
		}
	}
	c.forgetFailure()
	if err := c.Store.Remove(context.WithoutCancel(ctx), c.key()); errors.Is(err, cache.ErrNotFound) {
		return untold, ErrNotSignedIn
	} else if err != nil {
		return untold, err
	}
	return untold, nil
}

// token returns an access token that is good for a call: the stored one, unless it's the one that AWS has refused; a
// renewed one; one that another process has got meanwhile; or that of a new sign-in, if there is somebody to sign in.
func (c *Center) token(ctx context.Context, refused string) (*token, error) {
	good := func(t *token) bool { return t != nil && t.AccessToken != refused && t.valid(c.Now()) }
	if t := c.load(ctx); good(t) {
		return t, nil
	}
	release, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()

	t := c.load(ctx)
	if good(t) {
		return t, nil
	}
	if t != nil {
		if t.renewable(c.Now()) {
			renewed, err := c.renew(ctx, t)
			if !errors.Is(err, errSpent) {
				return renewed, err
			}
		}
		c.forget(ctx)
	}
	if c.Person.Browser == nil && c.Person.Show == nil {
		return nil, c.nobody()
	}
	if err := c.lastFailure(); err != nil {
		return nil, err
	}
	if t, err = c.signIn(ctx); err != nil {
		return nil, err
	}
	c.keep(ctx, t)
	return t, nil
}

// nobody is the same whether there was a sign-in that has ended or none: who asks next finds none.
func (c *Center) nobody() error { return needsSignIn("not signed in to %s", c.Name) }

// errSpent means that a refresh token is of no more use.
var errSpent = errors.New("the refresh token is spent")

// renew trades old's refresh token for new ones, and stores these before anybody uses them: AWS takes each once.
func (c *Center) renew(ctx context.Context, old *token) (*token, error) {
	asked := c.Now()
	out, err := c.createOnce(ctx, &ssooidc.CreateTokenInput{
		ClientId: &old.ClientID, ClientSecret: &old.ClientSecret, GrantType: aws.String(grantRefresh), RefreshToken: &old.RefreshToken,
	})
	if refusesGrant(err) {
		// A process that shares our keychain, but not our locks, may have been first.
		if t := c.load(ctx); t != nil && t.RefreshToken != old.RefreshToken && t.valid(c.Now()) {
			return t, nil
		}
		return nil, fmt.Errorf("%w: %w", errSpent, err)
	}
	if err != nil {
		return nil, err
	}
	t := *old
	if err := t.take(out, asked); err != nil {
		return nil, err
	}
	c.keep(ctx, &t)
	return &t, nil
}

// onceTime is how long AWS may take for what it takes once, whenever the caller's context ends.
const onceTime = 15 * time.Second

// createOnce trades a grant that AWS takes once. Until the request has gone out the caller may call it off; then its answer
// is waited for whoever leaves: AWS may have spent the grant long before it arrives, and it doesn't come again. For the same
// reason nothing is repeated: to a spent grant AWS answers that the sign-in is over.
func (c *Center) createOnce(caller context.Context, in *ssooidc.CreateTokenInput) (*ssooidc.CreateTokenOutput, error) {
	if err := caller.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(caller), onceTime)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	defer context.AfterFunc(caller, func() {
		if !sent.Load() {
			cancel()
		}
	})()
	return c.oidc().CreateToken(ctx, in, func(o *ssooidc.Options) {
		o.Retryer = aws.NopRetryer{}
		if client, ok := o.HTTPClient.(*awshttp.BuildableClient); ok {
			o.HTTPClient = client.WithTimeout(0) // ctx's end is the limit
		}
	})
}

// lock is held while one process signs in or renews. Where no lock can be had two may do so at once: then the person sees
// two pages, and the later token stays.
func (c *Center) lock(ctx context.Context) (release func(), err error) {
	if c.Person.Wait != nil {
		defer time.AfterFunc(time.Second, c.Person.Wait).Stop()
	}
	release, err = lock.Acquire(ctx, c.Locks, c.lockName())
	switch {
	case err == nil:
		return release, nil
	case ctx.Err() != nil:
		return nil, needsSignIn("another process is still waiting for the sign-in to %s", c.Name)
	}
	c.Report(fmt.Errorf("locking the sign-in to %s: %w", c.Name, err))
	return func() {}, nil
}

// lockName begins as no account's name does, whose lock is held while its credentials are fetched.
func (c *Center) lockName() string { return "_sso-" + strings.ToLower(c.Name) }

func (c *Center) oidc() *ssooidc.Client { return ssooidc.NewFromConfig(c.Config) }
func (c *Center) portal() *sso.Client   { return sso.NewFromConfig(c.Config) }

func refusesToken(err error) bool { return awscall.Code(err) == "UnauthorizedException" }
