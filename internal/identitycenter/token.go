package identitycenter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"aws-accounts/cache"
	"aws-accounts/internal/lock"
)

// layout is the version of token as it is stored. An item of another version is as good as none.
const layout = 1

// token is what one keychain item holds: a sign-in, and all that is needed to renew it.
type token struct {
	Layout   int      `json:"layout"`
	Session  string   `json:"session"` // its name, so that an item never answers for another
	StartURL string   `json:"start_url"`
	Region   string   `json:"region"`
	Scopes   []string `json:"scopes"`

	// The client that signed in, as which alone AWS renews the token.
	ClientID      string    `json:"client_id"`
	ClientSecret  string    `json:"client_secret"`
	ClientExpires time.Time `json:"client_expires"`

	AccessToken  string    `json:"access_token"`
	Issued       time.Time `json:"issued"`
	Expires      time.Time `json:"expires"`
	RefreshToken string    `json:"refresh_token,omitempty"`
}

// soon is less lifetime than a call may need to get to AWS.
const soon = time.Minute

func (t *token) valid(now time.Time) bool { return t.Expires.Sub(now) > soon }

func (t *token) renewable(now time.Time) bool {
	return t.RefreshToken != "" && t.ClientExpires.After(now)
}

// take puts AWS's answer into t. The lifetime counts from when it was asked for, so that it ends too early if at all.
func (t *token) take(out *ssooidc.CreateTokenOutput, asked time.Time) error {
	if aws.ToString(out.AccessToken) == "" || out.ExpiresIn <= 0 {
		return errors.New("AWS answered without a whole token")
	}
	t.AccessToken, t.Issued, t.Expires = *out.AccessToken, asked.UTC(), asked.Add(time.Duration(out.ExpiresIn)*time.Second).UTC()
	if refresh := aws.ToString(out.RefreshToken); refresh != "" {
		t.RefreshToken = refresh // else the old one stays good
	}
	return nil
}

// parseToken reads a stored item for the session called name. Anything that isn't a whole token of that session is
// cache.ErrCorrupt; what is wrong is told without quoting the item.
func parseToken(name string, data []byte) (*token, error) {
	var t token
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, fmt.Errorf("%w: not a stored sign-in", cache.ErrCorrupt)
	}
	switch {
	case t.Layout != layout:
		return nil, fmt.Errorf("%w: stored by another version (layout %d, not %d)", cache.ErrCorrupt, t.Layout, layout)
	case !strings.EqualFold(t.Session, name):
		return nil, fmt.Errorf("%w: it is of another SSO session", cache.ErrCorrupt)
	case t.StartURL == "" || t.Region == "" || t.ClientID == "" || t.ClientSecret == "" || t.AccessToken == "":
		return nil, fmt.Errorf("%w: half a sign-in", cache.ErrCorrupt)
	case t.Expires.IsZero() || !t.Issued.Before(t.Expires):
		return nil, fmt.Errorf("%w: no lifetime", cache.ErrCorrupt)
	}
	return &t, nil
}

func (c *Center) key() string {
	key := "sso/" + strings.ToLower(c.Name)
	if c.Variant != "" {
		key += "/" + c.Variant
	}
	return key
}

func (c *Center) read(ctx context.Context) (*token, error) {
	data, err := c.Store.Get(ctx, c.key())
	if err != nil {
		return nil, err
	}
	return parseToken(c.Name, data)
}

// load is read for those who can do without: no token of this Identity Center is nil, and trouble is reported.
func (c *Center) load(ctx context.Context) *token {
	t, err := c.read(ctx)
	switch {
	case errors.Is(err, cache.ErrNotFound):
		return nil
	case err != nil:
		c.Report(fmt.Errorf("reading the sign-in to %s: %w", c.Name, err))
		return nil
	case t.StartURL != c.StartURL || t.Region != c.Region || !slices.Equal(t.Scopes, c.scopes()):
		return nil // the accounts file has changed
	}
	return t
}

// store keeps t even if whoever asked for it has left meanwhile: a used refresh token or a person's sign-in doesn't come back.
func (c *Center) store(ctx context.Context, t *token) error {
	data, err := json.Marshal(t)
	if err == nil {
		err = c.Store.Keep(ctx, c.key(), data)
	}
	if err != nil {
		return fmt.Errorf("keeping the sign-in to %s: %w", c.Name, err)
	}
	return nil
}

func (c *Center) keep(ctx context.Context, t *token) {
	if err := c.store(ctx, t); err != nil {
		c.Report(err)
	}
}

// forget drops a sign-in that AWS has ended, while the lock is held.
func (c *Center) forget(ctx context.Context) {
	if err := c.Store.Remove(context.WithoutCancel(ctx), c.key()); err != nil && !errors.Is(err, cache.ErrNotFound) {
		c.Report(fmt.Errorf("forgetting the sign-in to %s: %w", c.Name, err))
	}
}

// forgetRefused drops the sign-in whose access token AWS has refused, unless there is another by now, or somebody at it.
func (c *Center) forgetRefused(ctx context.Context, refused string) {
	release, ok := lock.Try(c.Locks, c.lockName())
	if !ok {
		return
	}
	defer release()
	if t := c.load(ctx); t != nil && t.AccessToken == refused {
		c.forget(ctx)
	}
}

// scopes are what a sign-in asks for. The default is the one with which AWS gives a refresh token.
func (s Session) scopes() []string {
	if len(s.Scopes) > 0 {
		return s.Scopes
	}
	return []string{"sso:account:access"}
}
