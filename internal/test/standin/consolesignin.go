package standin

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The console's sign-in for programs, as `aws login` uses it: an authorization code with PKCE, tokens bound to a key of the
// program's by DPoP (RFC 9449), and a refresh token that is replaced at each use.

const (
	sameDevice  = "arn:aws:signin:::devtools/same-device"
	crossDevice = "arn:aws:signin:::devtools/cross-device"

	consoleAuthorizePath    = "/v1/authorize"
	consoleTokenPath        = "/v1/token"
	consoleConfirmationPath = "/v1/sessions/confirmation"
)

// Console is who is signed in to the AWS console in the browser, and what a program gets of it.
type Console struct {
	// Principal is the ARN of a user of Config.Users, or of an assumed-role session. Without one the page asks to sign in.
	Principal string `json:"principal"`
	// TokenSeconds is how long credentials live, default 900.
	TokenSeconds int `json:"token_seconds,omitempty"`
	// SessionSeconds is how long refreshing works after signing in, default 12 hours.
	SessionSeconds int `json:"session_seconds,omitempty"`
	// CodeLength is that of an authorization code, default 1,567, as AWS was seen to make them.
	CodeLength int `json:"code_length,omitempty"`
	// Refuses has the person refuse in the browser.
	Refuses bool `json:"refuses,omitempty"`
}

// consoleCode is an authorization code that waits to be redeemed.
type consoleCode struct {
	client, redirectURI, challenge string
	principal                      *principal
	expires                        time.Time
}

// consoleSession is one sign-in of a program.
type consoleSession struct {
	client, key string // the key's thumbprint, as which alone it is renewed
	principal   *principal
	expires     time.Time
	newest      string // the refresh token
	ended       string // an OAuth error code once it is over
}

var (
	pkceVerifier  = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)
	pkceChallenge = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	uuid          = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// SetConsole exchanges who is signed in to the console, as a person does in the browser.
func (s *Server) SetConsole(c Console) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config.Console = c
}

// EndConsoleSessions ends all sign-ins of programs with an error code of AWS's: TOKEN_EXPIRED, USER_CREDENTIALS_CHANGED …
func (s *Server) EndConsoleSessions(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, session := range s.consoleRefresh {
		session.ended = code
	}
}

// consoleAuthorize is the page that the browser opens. Who is signed in goes back to the program with a code at once.
func consoleAuthorize(x *exchange) (reply, error) {
	q := x.r.URL.Query()
	bad := fail(400, "BadRequest", "Bad Request") // the page is terse
	for name, values := range q {
		if len(values) != 1 || values[0] == "" {
			return reply{}, bad
		}
		switch name {
		case "response_type", "client_id", "state", "code_challenge_method", "scope", "redirect_uri", "code_challenge":
		default:
			return reply{}, bad
		}
	}
	cross := q.Get("client_id") == crossDevice
	if q.Get("response_type") != "code" || !cross && q.Get("client_id") != sameDevice || !uuid.MatchString(q.Get("state")) ||
		q.Get("code_challenge_method") != "SHA-256" || q.Get("scope") != "openid" || !pkceChallenge.MatchString(q.Get("code_challenge")) {
		return reply{}, bad
	}
	target, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case err != nil:
		return reply{}, bad
	case cross && q.Get("redirect_uri") != "http://"+x.r.Host+consoleConfirmationPath:
		return reply{}, bad
	case !cross && (target.Scheme != "http" || target.Hostname() != "127.0.0.1" || target.Port() == "" || target.Path != "/oauth/callback" || target.RawQuery != ""):
		return reply{}, bad
	}
	back := url.Values{"state": {q.Get("state")}}
	console := x.s.config.Console
	switch who := x.s.consolePrincipal(console.Principal); {
	case who == nil:
		return newReply(200, "text/html; charset=utf-8", []byte("<!DOCTYPE html>\n<title>Sign in</title>Sign in to the console first.\n")), nil
	case console.Refuses:
		back.Set("error", "access_denied")
		back.Set("error_description", "The user refused")
	default:
		code := x.s.mint("", cmp.Or(console.CodeLength, 1567))
		x.s.consoleCodes[code] = &consoleCode{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), who, x.now.Add(10 * time.Minute)}
		back.Set("code", code)
	}
	target.RawQuery = back.Encode()
	return reply{302, http.Header{"Location": {target.String()}}, nil}, nil
}

// consoleConfirmation shows what the person carries over to the other device.
func consoleConfirmation(x *exchange) (reply, error) {
	code := base64.StdEncoding.EncodeToString([]byte(x.r.URL.RawQuery))
	return newReply(200, "text/html; charset=utf-8", []byte("<!DOCTYPE html>\n<title>Copy this</title><code id=code>"+html.EscapeString(code)+"</code>\n")), nil
}

// consolePrincipal is the user or the session that is called arn, nil for none.
func (s *Server) consolePrincipal(arn string) *principal {
	for _, u := range s.users {
		if u.arn() == arn {
			return &principal{kind: userSession, account: u.account, arn: arn, userID: uniqueID("AIDA", arn), user: u, mfa: true}
		}
	}
	if p := parseARN(arn); p.service == "sts" {
		kind, rest, _ := strings.Cut(p.resource, "/")
		role, session, ok := strings.Cut(rest, "/")
		if kind == "assumed-role" && ok {
			return s.roleSessionPrincipal("arn:"+p.partition+":iam::"+p.account+":role/"+role, session)
		}
	}
	return nil
}

// denies reports whether a permission was taken from p.
func (s *Server) denies(p *principal, action string) bool {
	return slices.ContainsFunc(s.denials, func(d Denial) bool { return p.is(d.Principal) && matches(d.Action, action) })
}

// consoleRefusal is an error of the token operation: clients decide by the member "error".
func consoleRefusal(status int, code, word string) *apiError {
	return &apiError{status: status, code: code, message: "refused: " + word, extra: map[string]string{"error": word}}
}

func consoleToken(x *exchange) (reply, error) {
	invalid := func(format string, args ...any) (reply, error) {
		e := consoleRefusal(400, "ValidationException", "INVALID_REQUEST")
		e.message = fmt.Sprintf(format, args...)
		return reply{}, e
	}
	if !strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/json") {
		return invalid("Content-Type")
	}
	var in struct{ ClientID, GrantType, Code, CodeVerifier, RedirectURI, RefreshToken string }
	members := map[string]json.RawMessage{}
	if json.Unmarshal(x.body, &in) != nil || json.Unmarshal(x.body, &members) != nil {
		return invalid("not JSON")
	}
	wanted := map[string][]string{
		grantCode:    {"clientId", "grantType", "code", "codeVerifier", "redirectUri"},
		grantRefresh: {"clientId", "grantType", "refreshToken"},
	}[in.GrantType]
	for _, name := range wanted {
		if _, ok := members[name]; !ok {
			return invalid("%s is missing", name)
		}
	}
	if len(members) != len(wanted) {
		return invalid("exactly %s", strings.Join(wanted, ", "))
	}
	key, err := x.dpopKey()
	if err != nil {
		return invalid("DPoP: %v", err)
	}
	if in.GrantType == grantCode {
		return x.consoleRedeem(key, in.ClientID, in.Code, in.CodeVerifier, in.RedirectURI)
	}
	return x.consoleRenew(key, in.ClientID, in.RefreshToken)
}

func (x *exchange) consoleRedeem(key, client, code, verifier, redirect string) (reply, error) {
	grant := x.s.consoleCodes[code]
	delete(x.s.consoleCodes, code) // once, whatever comes of it
	sum := sha256.Sum256([]byte(verifier))
	switch {
	case grant == nil:
		return reply{}, consoleRefusal(401, "AccessDeniedException", "AUTHCODE_EXPIRED")
	case grant.client != client, grant.redirectURI != redirect, !pkceVerifier.MatchString(verifier),
		base64.RawURLEncoding.EncodeToString(sum[:]) != grant.challenge:
		return reply{}, consoleRefusal(400, "ValidationException", "INVALID_REQUEST")
	case !x.now.Before(grant.expires):
		return reply{}, consoleRefusal(401, "AccessDeniedException", "AUTHCODE_EXPIRED")
	case x.s.denies(grant.principal, "signin:AuthorizeOAuth2Access"), x.s.denies(grant.principal, "signin:CreateOAuth2Token"):
		return reply{}, consoleRefusal(403, "AccessDeniedException", "INSUFFICIENT_PERMISSIONS")
	}
	lifetime := time.Duration(cmp.Or(x.s.config.Console.SessionSeconds, 12*3600)) * time.Second
	session := &consoleSession{client: client, key: key, principal: grant.principal, expires: x.now.Add(lifetime)}
	idToken := map[string]any{"iss": "https://signin.aws.amazon.com", "sub": grant.principal.arn, "aud": client, "exp": x.now.Add(15 * time.Minute).Unix()}
	return x.consoleTokens(session, idToken)
}

func (x *exchange) consoleRenew(key, client, token string) (reply, error) {
	session := x.s.consoleRefresh[token]
	switch {
	case session == nil, session.newest != token:
		return reply{}, consoleRefusal(401, "AccessDeniedException", "TOKEN_EXPIRED")
	case session.client != client, session.key != key:
		return reply{}, consoleRefusal(400, "ValidationException", "INVALID_REQUEST")
	case session.ended != "":
		return reply{}, consoleRefusal(401, "AccessDeniedException", session.ended)
	case !x.now.Before(session.expires):
		return reply{}, consoleRefusal(401, "AccessDeniedException", "TOKEN_EXPIRED")
	case x.s.denies(session.principal, "signin:CreateOAuth2Token"):
		return reply{}, consoleRefusal(403, "AccessDeniedException", "INSUFFICIENT_PERMISSIONS")
	}
	return x.consoleTokens(session, nil)
}

// consoleTokens hands out credentials, and the only refresh token that is good from now on.
func (x *exchange) consoleTokens(session *consoleSession, idToken map[string]any) (reply, error) {
	seconds := cmp.Or(x.s.config.Console.TokenSeconds, 900)
	c := x.s.issue(session.principal, time.Duration(seconds)*time.Second)
	x.call.Principal = session.principal.arn
	session.newest = x.s.mint("", 900)
	x.s.consoleRefresh[session.newest] = session
	out := map[string]any{
		"accessToken": map[string]string{"accessKeyId": c.ID, "secretAccessKey": c.Secret, "sessionToken": c.Token},
		"tokenType":   "urn:aws:params:oauth:token-type:access_token_sigv4", "expiresIn": seconds, "refreshToken": session.newest,
	}
	if idToken != nil {
		payload, err := json.Marshal(idToken)
		if err != nil {
			return reply{}, err
		}
		text := base64.RawURLEncoding.EncodeToString
		out["idToken"] = text([]byte(`{"alg":"ES384","typ":"JWT"}`)) + "." + text(payload) + "." + text(randomBytes(96))
	}
	return jsonReply(200, "application/json", out), nil
}

// dpopKey verifies the proof that comes with a request, and returns the thumbprint of its key.
func (x *exchange) dpopKey() (string, error) {
	if len(x.r.Header.Values("DPoP")) != 1 {
		return "", fmt.Errorf("exactly one proof is needed")
	}
	parts := strings.Split(x.r.Header.Get("DPoP"), ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("a compact JWS has three parts")
	}
	var header struct {
		Type      string `json:"typ"`
		Algorithm string `json:"alg"`
		Key       struct {
			Type  string `json:"kty"`
			Curve string `json:"crv"`
			X     string `json:"x"`
			Y     string `json:"y"`
		} `json:"jwk"`
	}
	var payload struct {
		Method  string `json:"htm"`
		Address string `json:"htu"`
		Issued  int64  `json:"iat"`
		ID      string `json:"jti"`
	}
	for i, into := range []any{&header, &payload} {
		data, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil {
			return "", fmt.Errorf("part %d isn't base64url without padding", i+1)
		}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(into); err != nil {
			return "", fmt.Errorf("part %d: %w", i+1, err)
		}
		if _, err := d.Token(); err != io.EOF {
			return "", fmt.Errorf("part %d has something behind it", i+1)
		}
	}
	if header.Type != "dpop+jwt" || header.Algorithm != "ES256" || header.Key.Type != "EC" || header.Key.Curve != "P-256" {
		return "", fmt.Errorf("another kind of key or proof")
	}
	point := []byte{4}
	for _, coordinate := range []string{header.Key.X, header.Key.Y} {
		data, err := base64.RawURLEncoding.Strict().DecodeString(coordinate)
		if err != nil || len(data) != 32 {
			return "", fmt.Errorf("a coordinate isn't 32 bytes")
		}
		point = append(point, data...)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return "", fmt.Errorf("not a point of the curve")
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return "", fmt.Errorf("a signature has 64 bytes")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return "", fmt.Errorf("the signature doesn't match")
	}
	switch age := x.now.Sub(time.Unix(payload.Issued, 0)); {
	case payload.Method != "POST" || payload.Address != "http://"+x.r.Host+consoleTokenPath:
		return "", fmt.Errorf("it is for %s %s", payload.Method, payload.Address)
	case age > 5*time.Minute || age < -5*time.Minute:
		return "", fmt.Errorf("it was issued at another time")
	case payload.ID == "" || x.s.consoleProofs[payload.ID]:
		return "", fmt.Errorf("it was used before")
	}
	x.s.consoleProofs[payload.ID] = true
	thumbprint := sha256.Sum256(point)
	return base64.RawURLEncoding.EncodeToString(thumbprint[:]), nil
}
