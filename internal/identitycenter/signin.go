package identitycenter

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	smithy "github.com/aws/smithy-go"

	"aws-accounts/internal/awscall"
	"aws-accounts/internal/note"
)

const (
	grantCode    = "authorization_code"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
	grantRefresh = "refresh_token"
)

// How long a person may take: as the AWS CLI allows, or what the context leaves less the time for the calls after it.
const (
	patience = 10 * time.Minute
	margin   = 6 * time.Second
)

// signIn has the person sign in: in the browser, or with a code if there is none or it doesn't start. A failure that a
// person has seen is remembered.
//
// Each sign-in registers a client of its own. That is one call more, and a stored registration that has expired, or that
// was made for the other way of signing in, can't get in the way: AWS takes no client for both (sorah/mairu#18).
func (c *Center) signIn(ctx context.Context) (*token, error) {
	end := time.Now().Add(patience)
	if deadline, ok := ctx.Deadline(); ok && deadline.Add(-margin).Before(end) {
		end = deadline.Add(-margin)
	}
	person, cancel := context.WithDeadline(ctx, end)
	defer cancel()

	var t *token
	err := error(unseen{errors.New("there is nobody to ask")})
	if c.Person.Browser != nil {
		t, err = c.byBrowser(ctx, person)
	}
	if is[unseen](err) && c.Person.Show != nil {
		t, err = c.byCode(ctx, person)
	}
	if is[unseen](err) {
		return nil, needsSignIn("not signed in to %s: %s", c.Name, err)
	}
	if failed, ok := errors.AsType[*NeedsSignIn](err); ok {
		c.rememberFailure(failed)
	}
	if err != nil {
		return nil, err
	}
	c.forgetFailure()
	return t, nil
}

// unseen is why the person has seen nothing of a sign-in.
type unseen struct{ error }

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func (c *Center) late() error {
	return needsSignIn("nobody finished the sign-in to %s in time", c.Name)
}

func (c *Center) declined() error {
	return needsSignIn("the sign-in to %s was refused in the browser", c.Name)
}

// register makes a client for one sign-in. Without grants it's for a device code, which is how AWS has it.
func (c *Center) register(ctx context.Context, in ssooidc.RegisterClientInput) (*token, error) {
	in.ClientName, in.ClientType, in.Scopes = aws.String("aws-accounts-"+c.Name), aws.String("public"), c.scopes()
	out, err := c.oidc().RegisterClient(ctx, &in)
	if err != nil {
		return nil, err
	}
	return &token{
		Layout: layout, Session: c.Name, StartURL: c.StartURL, Region: c.Region, Scopes: in.Scopes,
		ClientID: aws.ToString(out.ClientId), ClientSecret: aws.ToString(out.ClientSecret), ClientExpires: time.Unix(out.ClientSecretExpiresAt, 0).UTC(),
	}, nil
}

// byBrowser signs in by an authorization code with PKCE (RFC 7636, RFC 8252). AWS documents it nowhere but in the source
// of its CLI (awscli/botocore/utils.py, SSOTokenFetcherAuth): the only path that it takes is /oauth/callback, and the
// parameter is called scopes.
func (c *Center) byBrowser(ctx, person context.Context) (*token, error) {
	state, verifier := rand.Text(), rand.Text()+rand.Text()
	// It listens before the page opens: who is signed in already comes back at once.
	redirect, err := listen(c.Name, state)
	if err != nil {
		return nil, fmt.Errorf("waiting for the browser: %w", err)
	}
	defer redirect.Close()
	t, err := c.register(ctx, ssooidc.RegisterClientInput{
		GrantTypes: []string{grantCode, grantRefresh}, RedirectUris: []string{redirectURI("127.0.0.1")}, IssuerUrl: &c.StartURL,
	})
	if Misconfigured(err) && c.Person.Show != nil { // not every Identity Center takes this way; if it's another fault, the other has it too
		return nil, unseen{err}
	}
	if err != nil {
		return nil, err
	}
	page, err := c.authorizeURL(ctx, t, redirect.uri(), state, verifier)
	if err != nil {
		return nil, err
	}

	opened := make(chan error, 1)
	go func() { opened <- c.Person.Browser(person, page) }()
	if c.Person.Show != nil {
		// The page says the same: who signs in there doesn't wait for a terminal where another question is open.
		showing, done := context.WithCancel(person)
		var shown sync.WaitGroup
		shown.Go(func() { c.Person.Show(showing, Prompt{URL: page}) })
		defer shown.Wait()
		defer done()
	}
	for {
		select {
		case err := <-opened:
			if err != nil {
				return nil, unseen{fmt.Errorf("the browser doesn't start: %w", err)}
			}
		case back := <-redirect.arrived:
			err := c.redeem(ctx, t, back, redirect.uri(), verifier)
			back.outcome <- err
			return t, err
		case <-person.Done():
			return nil, c.late()
		}
	}
}

func (c *Center) authorizeURL(ctx context.Context, t *token, redirect, state, verifier string) (string, error) {
	options := c.oidc().Options()
	endpoint, err := options.EndpointResolverV2.ResolveEndpoint(ctx, ssooidc.EndpointParameters{
		Region: &options.Region, Endpoint: options.BaseEndpoint,
		UseFIPS:      aws.Bool(options.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(options.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	})
	if err != nil {
		return "", fmt.Errorf("finding Identity Center in %s: %w", c.Region, err)
	}
	challenge := sha256.Sum256([]byte(verifier))
	page := endpoint.URI.JoinPath("authorize")
	page.RawQuery = strings.ReplaceAll(url.Values{
		"response_type": {"code"}, "client_id": {t.ClientID}, "redirect_uri": {redirect}, "state": {state}, "scopes": {strings.Join(t.Scopes, " ")},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}.Encode(), "+", "%20")
	return page.String(), nil
}

func (c *Center) redeem(ctx context.Context, t *token, back *arrival, redirect, verifier string) error {
	switch {
	case back.refusal == "access_denied":
		return c.declined()
	case back.refusal != "":
		return &rejected{fmt.Sprintf("the sign-in page of %s answered %q", c.Name, back.refusal)}
	}
	asked := c.Now()
	out, err := c.createOnce(ctx, &ssooidc.CreateTokenInput{
		ClientId: &t.ClientID, ClientSecret: &t.ClientSecret, GrantType: aws.String(grantCode),
		Code: &back.code, CodeVerifier: &verifier, RedirectUri: &redirect,
	})
	if err != nil {
		return err
	}
	return t.take(out, asked)
}

// rejected is an answer of the sign-in page that the accounts file is to blame for, most likely.
type rejected struct{ message string }

func (r *rejected) Error() string { return r.message }

// The pace of asking whether the person has confirmed the code (RFC 8628, sections 3.2 and 3.5).
const (
	defaultInterval = 5 * time.Second
	slowDown        = 5 * time.Second
)

// byCode signs in by a code that the person confirms on any device (RFC 8628).
func (c *Center) byCode(ctx, person context.Context) (*token, error) {
	t, err := c.register(ctx, ssooidc.RegisterClientInput{})
	if err != nil {
		return nil, err
	}
	device, err := c.oidc().StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: &t.ClientID, ClientSecret: &t.ClientSecret, StartUrl: &c.StartURL,
	})
	if err != nil {
		return nil, err
	}
	if err := c.Person.Show(person, Prompt{URL: aws.ToString(device.VerificationUriComplete), Code: aws.ToString(device.UserCode)}); err != nil {
		return nil, unseen{err}
	}
	interval := time.Duration(device.Interval) * time.Second
	if interval <= 0 {
		interval = defaultInterval
	}
	retryer := c.oidc().Options().Retryer
	lost := 0 // how many answers in a row
	for {
		select {
		case <-time.After(interval):
		case <-person.Done():
			return nil, c.late()
		}
		asked := c.Now()
		out, err := c.createOnce(ctx, &ssooidc.CreateTokenInput{
			ClientId: &t.ClientID, ClientSecret: &t.ClientSecret, GrantType: aws.String(grantDevice), DeviceCode: device.DeviceCode,
		})
		if err == nil {
			return t, t.take(out, asked)
		}
		switch awscall.Code(err) {
		case "AuthorizationPendingException":
			lost = 0
		case "SlowDownException":
			lost = 0
			interval += slowDown
		case "ExpiredTokenException":
			return nil, c.late()
		case "AccessDeniedException":
			return nil, c.declined()
		case "InvalidGrantException":
			if lost > 0 { // the one before had the token
				return nil, needsSignIn("AWS's answer to the sign-in to %s got lost", c.Name)
			}
			return nil, err
		default:
			if lost++; lost >= retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
				return nil, err
			}
		}
	}
}

// refusesGrant reports whether AWS said for good that it doesn't renew a token.
func refusesGrant(err error) bool {
	switch awscall.Code(err) {
	case "InvalidGrantException", "ExpiredTokenException", "AccessDeniedException", "InvalidClientException", "UnauthorizedClientException",
		"InvalidRequestException":
		return true
	}
	return false
}

// Misconfigured reports whether AWS, or its sign-in page, doesn't accept what the accounts file says of the session.
func Misconfigured(err error) bool {
	if is[*rejected](err) {
		return true
	}
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok || operation.ServiceID != ssooidc.ServiceID {
		return false
	}
	switch awscall.Code(err) {
	case "InvalidRequestException", "InvalidScopeException", "InvalidClientMetadataException", "InvalidRedirectUriException",
		"InvalidClientException", "InvalidGrantException", "UnauthorizedClientException", "UnsupportedGrantTypeException":
		return true
	}
	return false
}

// How long nobody is bothered again after a sign-in that the person refused or let pass: neither by the processes that
// waited for it, nor by an editor that asks every minute all night. `sso login` is another matter.
const respite = 5 * time.Minute

// failure is the note about it, which all processes see. It holds nothing secret.
type failure struct {
	At       time.Time `json:"at"`
	StartURL string    `json:"start_url"`
	Region   string    `json:"region"`
	Why      string    `json:"why"`
}

func (c *Center) failureNote() string { return c.lockName() + ".failed" }

func (c *Center) rememberFailure(err *NeedsSignIn) {
	note.Write(c.Locks, c.failureNote(), failure{c.Now(), c.StartURL, c.Region, err.why})
}

func (c *Center) forgetFailure() { note.Remove(c.Locks, c.failureNote()) }

func (c *Center) lastFailure() error {
	var f failure
	if !note.Read(c.Locks, c.failureNote(), &f) || f.StartURL != c.StartURL || f.Region != c.Region {
		return nil // none, or of another Identity Center
	}
	if since := c.Now().Sub(f.At); since < 0 || since >= respite {
		return nil
	}
	return needsSignIn("%s", f.Why)
}
