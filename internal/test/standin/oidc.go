package standin

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// oauthCodes are the error members of RFC 6749 and 8628 for the OIDC API's exceptions.
var oauthCodes = map[string]string{
	"AccessDeniedException":          "access_denied",
	"AuthorizationPendingException":  "authorization_pending",
	"ExpiredTokenException":          "expired_token",
	"InternalServerException":        "server_error",
	"InvalidClientException":         "invalid_client",
	"InvalidClientMetadataException": "invalid_client_metadata",
	"InvalidGrantException":          "invalid_grant",
	"InvalidRedirectUriException":    "invalid_redirect_uri",
	"InvalidRequestException":        "invalid_request",
	"InvalidScopeException":          "invalid_scope",
	"SlowDownException":              "slow_down",
	"UnauthorizedClientException":    "unauthorized_client",
	"UnsupportedGrantTypeException":  "unsupported_grant_type",
}

// refreshScope is the one with which AWS gives refresh tokens.
const refreshScope = "sso:account:access"

const (
	grantCode    = "authorization_code"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
	grantRefresh = "refresh_token"
)

// center is an instance of Identity Center with all that it has handed out.
type center struct {
	IdentityCenter
	sets    map[string][]Assignment // by account
	order   []string                // of the accounts
	clients map[string]*oidcClient
	devices map[string]*deviceGrant // by device code
	codes   map[string]*codeGrant
	access  map[string]*ssoSession // by access token
	refresh map[string]*ssoSession // by refresh token; a used one is taken out
}

type oidcClient struct {
	secret       string
	scopes       []string
	grants       []string
	redirectURIs []string
	expires      time.Time
}

type deviceGrant struct {
	client, userCode string
	expires          time.Time
	approved, denied bool
	polled           time.Time // by the real clock
}

type codeGrant struct {
	client, redirectURI, challenge string
	expires                        time.Time
}

// ssoSession is one sign-in.
type ssoSession struct {
	client  string
	expires time.Time            // of the session: refreshing ends then
	tokens  map[string]time.Time // access tokens and their ends
	ended   bool
}

func newCenter(declared IdentityCenter) *center {
	c := &center{
		IdentityCenter: declared, sets: map[string][]Assignment{},
		clients: map[string]*oidcClient{}, devices: map[string]*deviceGrant{}, codes: map[string]*codeGrant{},
		access: map[string]*ssoSession{}, refresh: map[string]*ssoSession{},
	}
	for _, a := range declared.Assignments {
		if c.sets[a.Account] == nil {
			c.order = append(c.order, a.Account)
		}
		c.sets[a.Account] = append(c.sets[a.Account], a)
	}
	c.Region = orElse(c.Region, "us-east-1")
	c.User = orElse(c.User, "user@example.com")
	for value, otherwise := range map[*int]int{&c.AccessTokenSeconds: 3600, &c.SessionSeconds: 8 * 3600, &c.DeviceCodeSeconds: 600, &c.Interval: 1, &c.PageSize: 100} {
		if *value == 0 {
			*value = otherwise
		}
	}
	return c
}

// mint makes a bearer secret that Secrets knows of.
func (s *Server) mint(prefix string, n int) string {
	secret := prefix + s.secret(n)
	s.minted = append(s.minted, secret)
	return secret
}

// oidcRefusal is the usual shape of the API's errors.
func oidcRefusal(code, description string) *apiError { return fail(400, code, "%s", description) }

func registerClient(x *exchange) (reply, error) {
	var in struct {
		ClientName, ClientType, IssuerURL string
		Scopes, RedirectURIs, GrantTypes  []string
	}
	if json.Unmarshal(x.body, &in) != nil || in.ClientName == "" {
		return reply{}, oidcRefusal("InvalidRequestException", "Invalid request")
	}
	if in.ClientType != "public" {
		return reply{}, oidcRefusal("InvalidClientMetadataException", "Invalid client type")
	}
	for _, grant := range in.GrantTypes {
		if !slices.Contains([]string{grantCode, grantDevice, grantRefresh}, grant) {
			return reply{}, oidcRefusal("UnsupportedGrantTypeException", "Unsupported grant type")
		}
	}
	if slices.Contains(in.GrantTypes, grantCode) && (len(in.RedirectURIs) == 0 || in.IssuerURL == "") {
		return reply{}, oidcRefusal("InvalidRequestException", "redirectUris and issuerUrl are needed for authorization_code")
	}
	for _, uri := range in.RedirectURIs {
		if u, err := url.Parse(uri); err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" {
			return reply{}, oidcRefusal("InvalidRedirectUriException", "Invalid redirect URI")
		}
	}
	id := base64.RawURLEncoding.EncodeToString(randomBytes(24))
	client := &oidcClient{
		secret: x.s.mint("eyJraWQiOiJrZXkt", 300), scopes: in.Scopes, grants: in.GrantTypes, redirectURIs: in.RedirectURIs,
		expires: x.now.Add(90 * 24 * time.Hour),
	}
	for _, c := range x.s.centers { // which one it is for is only said later, by the start URL
		c.clients[id] = client
	}
	return jsonReply(200, "application/json", map[string]any{
		"clientId": id, "clientSecret": client.secret, "clientIdIssuedAt": x.now.Unix(), "clientSecretExpiresAt": client.expires.Unix(),
		"authorizationEndpoint": nil, "tokenEndpoint": nil,
	}), nil
}

func (x *exchange) oidcClient(id, secret string) (*oidcClient, error) {
	for _, c := range x.s.centers {
		if client := c.clients[id]; client != nil && client.secret == secret {
			if !x.now.Before(client.expires) {
				break
			}
			return client, nil
		}
	}
	return nil, fail(401, "InvalidClientException", "Invalid client")
}

// centerOf finds an instance by its start URL or, as newer clients send it, by the issuer URL, with or without a slash or "#/".
func (s *Server) centerOf(startURL string) *center {
	plain := func(u string) string { return strings.TrimRight(strings.TrimSuffix(u, "#/"), "/#") }
	for _, c := range s.centers {
		if plain(c.StartURL) == plain(startURL) {
			return c
		}
	}
	return nil
}

const devicePath = "/device"

func startDeviceAuthorization(x *exchange) (reply, error) {
	var in struct{ ClientID, ClientSecret, StartURL string }
	if json.Unmarshal(x.body, &in) != nil {
		return reply{}, oidcRefusal("InvalidRequestException", "Invalid request")
	}
	client, err := x.oidcClient(in.ClientID, in.ClientSecret)
	if err != nil {
		return reply{}, err
	}
	if len(client.grants) > 0 && !slices.Contains(client.grants, grantDevice) {
		return reply{}, oidcRefusal("UnauthorizedClientException", "Client is not authorized for this grant type")
	}
	c := x.s.centerOf(in.StartURL)
	if c == nil {
		return reply{}, oidcRefusal("InvalidRequestException", "Invalid start url")
	}
	grant := &deviceGrant{client: in.ClientID, userCode: userCode(), expires: x.now.Add(time.Duration(c.DeviceCodeSeconds) * time.Second)}
	code := x.s.mint("", 86)
	c.devices[code] = grant
	page := "http://" + x.r.Host + devicePath
	return jsonReply(200, "application/json", map[string]any{
		"deviceCode": code, "userCode": grant.userCode, "verificationUri": page, "verificationUriComplete": page + "?user_code=" + grant.userCode,
		"expiresIn": c.DeviceCodeSeconds, "interval": c.Interval,
	}), nil
}

func userCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	code := randomBytes(8)
	for i, b := range code {
		code[i] = letters[int(b)%len(letters)]
	}
	return fmt.Sprintf("%s-%s", code[:4], code[4:])
}

type tokenRequest struct {
	ClientID, ClientSecret, GrantType, DeviceCode, Code, RefreshToken, RedirectURI, CodeVerifier string
}

func createToken(x *exchange) (reply, error) {
	var in tokenRequest
	if json.Unmarshal(x.body, &in) != nil {
		return reply{}, oidcRefusal("InvalidRequestException", "Invalid request")
	}
	client, err := x.oidcClient(in.ClientID, in.ClientSecret)
	if err != nil {
		return reply{}, err
	}
	if len(client.grants) > 0 && !slices.Contains(client.grants, in.GrantType) {
		return reply{}, oidcRefusal("UnauthorizedClientException", "Client is not authorized for this grant type")
	}
	var c *center
	var session *ssoSession
	switch in.GrantType {
	case grantCode:
		c, err = x.redeemCode(in)
	case grantDevice:
		c, err = x.redeemDevice(in)
	case grantRefresh:
		c, session, err = x.redeemRefresh(in)
	default:
		return reply{}, oidcRefusal("UnsupportedGrantTypeException", "Unsupported grant type")
	}
	if err != nil {
		return reply{}, err
	}
	if session == nil {
		session = &ssoSession{client: in.ClientID, expires: x.now.Add(time.Duration(c.SessionSeconds) * time.Second), tokens: map[string]time.Time{}}
	}
	token := x.s.mint("aoa", 900)
	c.access[token] = session
	session.tokens[token] = x.now.Add(time.Duration(c.AccessTokenSeconds) * time.Second)
	out := map[string]any{"accessToken": token, "tokenType": "Bearer", "expiresIn": c.AccessTokenSeconds, "refreshToken": nil, "idToken": nil}
	if slices.Contains(client.scopes, refreshScope) && (len(client.grants) == 0 || slices.Contains(client.grants, grantRefresh)) {
		refresh := x.s.mint("aor", 900)
		c.refresh[refresh] = session
		out["refreshToken"] = refresh
	}
	return jsonReply(200, "application/json", out), nil
}

func (x *exchange) redeemCode(in tokenRequest) (*center, error) {
	for _, c := range x.s.centers {
		grant := c.codes[in.Code]
		if grant == nil {
			continue
		}
		delete(c.codes, in.Code) // once, whatever comes of it
		verifier := sha256.Sum256([]byte(in.CodeVerifier))
		switch {
		case grant.client != in.ClientID, grant.redirectURI != in.RedirectURI, !x.now.Before(grant.expires):
			return nil, oidcRefusal("InvalidGrantException", "Invalid grant provided")
		case base64.RawURLEncoding.EncodeToString(verifier[:]) != grant.challenge:
			return nil, oidcRefusal("InvalidGrantException", "Invalid code verifier provided")
		}
		return c, nil
	}
	return nil, oidcRefusal("InvalidGrantException", "Invalid grant provided")
}

func (x *exchange) redeemDevice(in tokenRequest) (*center, error) {
	for _, c := range x.s.centers {
		grant := c.devices[in.DeviceCode]
		if grant == nil || grant.client != in.ClientID {
			continue
		}
		last := grant.polled
		grant.polled = time.Now()
		switch {
		case !x.now.Before(grant.expires):
			return nil, oidcRefusal("ExpiredTokenException", "Device code has expired")
		case grant.denied:
			return nil, oidcRefusal("AccessDeniedException", "Access denied")
		case grant.approved:
			delete(c.devices, in.DeviceCode)
			return c, nil
		// A tenth is for timers that fire early by a little.
		case !last.IsZero() && grant.polled.Sub(last) < time.Duration(c.Interval)*time.Second*9/10:
			return nil, oidcRefusal("SlowDownException", "Polling too quickly")
		}
		return nil, oidcRefusal("AuthorizationPendingException", "Authorization pending")
	}
	return nil, oidcRefusal("InvalidGrantException", "Invalid device code provided")
}

func (x *exchange) redeemRefresh(in tokenRequest) (*center, *ssoSession, error) {
	for _, c := range x.s.centers {
		session := c.refresh[in.RefreshToken]
		if session == nil || session.client != in.ClientID {
			continue
		}
		delete(c.refresh, in.RefreshToken) // rotation
		if session.ended || !x.now.Before(session.expires) {
			break
		}
		return c, session, nil
	}
	return nil, nil, oidcRefusal("InvalidGrantException", "Invalid refresh token provided")
}
