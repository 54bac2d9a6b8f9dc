package standin_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-accounts/internal/test/standin"
)

const me = "arn:aws:iam::" + mainAccount + ":user/me"

// program is one that signs in at the console.
type program struct {
	*testing.T
	s        *standin.Server
	key      *ecdsa.PrivateKey
	verifier string
}

func newProgram(t *testing.T, s *standin.Server) *program {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &program{t, s, key, strings.Repeat("v.~-", 16)}
}

func base64url(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// authorize opens the page as a browser does, and returns where it leads to.
func (p *program) authorize(change func(url.Values)) (status int, to url.Values) {
	challenge := sha256.Sum256([]byte(p.verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {"arn:aws:signin:::devtools/same-device"}, "state": {"11111111-2222-4333-8444-555555555555"},
		"code_challenge_method": {"SHA-256"}, "scope": {"openid"}, "redirect_uri": {"http://127.0.0.1:4711/oauth/callback"},
		"code_challenge": {base64url(challenge[:])},
	}
	if change != nil {
		change(q)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(p.s.URL() + "/v1/authorize?" + q.Encode())
	if err != nil {
		p.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusFound {
		return answer.StatusCode, nil
	}
	location, err := answer.Location()
	if err != nil {
		p.Fatal(err)
	}
	return answer.StatusCode, location.Query()
}

// proof is one of RFC 9449, whose parts may be changed before it is signed.
func (p *program) proof(change func(header, payload map[string]any)) string {
	point, err := p.key.PublicKey.Bytes()
	if err != nil {
		p.Fatal(err)
	}
	header := map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": map[string]any{
		"kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:]),
	}}
	payload := map[string]any{"htm": "POST", "htu": p.s.URL() + "/v1/token", "iat": p.s.Now().Unix(), "jti": rand.Text()}
	if change != nil {
		change(header, payload)
	}
	var parts []string
	for _, part := range []map[string]any{header, payload} {
		data, err := json.Marshal(part)
		if err != nil {
			p.Fatal(err)
		}
		parts = append(parts, base64url(data))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, ".")))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		p.Fatal(err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return strings.Join(append(parts, base64url(signature)), ".")
}

// token asks for tokens, and returns the answer's members.
func (p *program) token(proof string, body map[string]string) (status int, out map[string]any) {
	data, err := json.Marshal(body)
	if err != nil {
		p.Fatal(err)
	}
	request, err := http.NewRequestWithContext(bounded(p.T), "POST", p.s.URL()+"/v1/token", bytes.NewReader(data))
	if err != nil {
		p.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if proof != "" {
		request.Header.Set("DPoP", proof)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		p.Fatalf("%v: %s", err, text)
	}
	return answer.StatusCode, out
}

func (p *program) redeem(code string) map[string]string {
	return map[string]string{"clientId": "arn:aws:signin:::devtools/same-device", "grantType": "authorization_code", "code": code,
		"codeVerifier": p.verifier, "redirectUri": "http://127.0.0.1:4711/oauth/callback"}
}

func (p *program) signIn() map[string]any {
	p.Helper()
	_, to := p.authorize(nil)
	status, out := p.token(p.proof(nil), p.redeem(to.Get("code")))
	if status != 200 {
		p.Fatalf("%d, %v", status, out)
	}
	return out
}

func consoleWorld() standin.Config {
	cfg := world()
	cfg.Console = standin.Console{Principal: me}
	return cfg
}

// What the AWS SDK for Go does with a sign-in that `aws login` left, it can do with one of ours.
func TestConsoleSignInServesTheSDK(t *testing.T) {
	s := standin.Start(t, consoleWorld())
	p := newProgram(t, s)
	out := p.signIn()
	access := out["accessToken"].(map[string]any)
	if payload, err := base64.RawURLEncoding.DecodeString(strings.Split(out["idToken"].(string), ".")[1]); err != nil || !strings.Contains(string(payload), `"sub":"`+me+`"`) {
		t.Errorf("the identity is %s, %v", payload, err)
	}
	der, err := x509.MarshalECPrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "token.json")
	token, err := json.Marshal(map[string]any{
		"accessToken": map[string]any{
			"accessKeyId": access["accessKeyId"], "secretAccessKey": access["secretAccessKey"], "sessionToken": access["sessionToken"],
			"accountId": mainAccount, "expiresAt": time.Now().Add(-time.Minute), // so that it renews them
		},
		"clientId": "arn:aws:signin:::devtools/same-device", "refreshToken": out["refreshToken"], "tokenType": "t", "identityToken": "i",
		"dpopKey": string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	})
	if err == nil {
		err = os.WriteFile(path, token, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(s, "", "", "")
	got, err := logincreds.New(signin.NewFromConfig(cfg), path).Retrieve(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = credentials.StaticCredentialsProvider{Value: got}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(bounded(t), nil)
	if err != nil || *who.Arn != me {
		t.Errorf("%v, %v", who, err)
	}
}

func TestConsoleAuthorizeIsStrict(t *testing.T) {
	s := standin.Start(t, consoleWorld())
	p := newProgram(t, s)
	for name, change := range map[string]func(url.Values){
		"S256":           func(q url.Values) { q.Set("code_challenge_method", "S256") },
		"another client": func(q url.Values) { q.Set("client_id", "arn:aws:signin:::devtools/other") },
		"one more":       func(q url.Values) { q.Set("scopes", "openid") },
		"one less":       func(q url.Values) { q.Del("scope") },
		"twice":          func(q url.Values) { q.Add("state", q.Get("state")) },
		"no UUID":        func(q url.Values) { q.Set("state", "state") },
		"padding":        func(q url.Values) { q.Set("code_challenge", q.Get("code_challenge")+"=") },
		"localhost":      func(q url.Values) { q.Set("redirect_uri", "http://localhost:4711/oauth/callback") },
		"another path":   func(q url.Values) { q.Set("redirect_uri", "http://127.0.0.1:4711/callback") },
		"another host":   func(q url.Values) { q.Set("redirect_uri", "https://example.com/oauth/callback") },
	} {
		if status, _ := p.authorize(change); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	s.SetConsole(standin.Console{})
	if status, _ := p.authorize(nil); status != 200 {
		t.Errorf("nobody is signed in: %d", status)
	}
	s.SetConsole(standin.Console{Principal: me, Refuses: true})
	if _, to := p.authorize(nil); to.Get("error") != "access_denied" || to.Get("code") != "" {
		t.Errorf("refused: %v", to)
	}
}

func TestConsoleTokenIsStrict(t *testing.T) {
	s := standin.Start(t, consoleWorld())
	p := newProgram(t, s)
	for name, test := range map[string]struct {
		proof func(header, payload map[string]any)
		body  func(map[string]string)
		word  string
	}{
		"another verifier":  {body: func(b map[string]string) { b["codeVerifier"] = strings.Repeat("w", 64) }, word: "INVALID_REQUEST"},
		"another redirect":  {body: func(b map[string]string) { b["redirectUri"] = "http://127.0.0.1:1/oauth/callback" }, word: "INVALID_REQUEST"},
		"another client":    {body: func(b map[string]string) { b["clientId"] = "arn:aws:signin:::devtools/cross-device" }, word: "INVALID_REQUEST"},
		"an unknown code":   {body: func(b map[string]string) { b["code"] = "x" }, word: "AUTHCODE_EXPIRED"},
		"one member more":   {body: func(b map[string]string) { b["scope"] = "openid" }, word: "INVALID_REQUEST"},
		"one member less":   {body: func(b map[string]string) { delete(b, "redirectUri") }, word: "INVALID_REQUEST"},
		"no such grant":     {body: func(b map[string]string) { b["grantType"] = "password" }, word: "INVALID_REQUEST"},
		"of another method": {proof: func(_, p map[string]any) { p["htm"] = "GET" }, word: "INVALID_REQUEST"},
		"of another page":   {proof: func(_, p map[string]any) { p["htu"] = "https://example.com/v1/token" }, word: "INVALID_REQUEST"},
		"an old proof":      {proof: func(_, p map[string]any) { p["iat"] = s.Now().Add(-6 * time.Minute).Unix() }, word: "INVALID_REQUEST"},
		"a nonce":           {proof: func(_, p map[string]any) { p["nonce"] = "n" }, word: "INVALID_REQUEST"},
		"another algorithm": {proof: func(h, _ map[string]any) { h["alg"] = "RS256" }, word: "INVALID_REQUEST"},
		"a short coordinate": {proof: func(h, _ map[string]any) {
			jwk := h["jwk"].(map[string]any)
			jwk["x"] = jwk["x"].(string)[:40]
		}, word: "INVALID_REQUEST"},
		"no point": {proof: func(h, _ map[string]any) {
			jwk := h["jwk"].(map[string]any)
			jwk["x"] = jwk["y"]
		}, word: "INVALID_REQUEST"},
	} {
		_, to := p.authorize(nil)
		body := p.redeem(to.Get("code"))
		if test.body != nil {
			test.body(body)
		}
		if status, out := p.token(p.proof(test.proof), body); status < 400 || out["error"] != test.word {
			t.Errorf("%s: %d, %v", name, status, out["error"])
		}
	}
	_, to := p.authorize(nil)
	if _, out := p.token("", p.redeem(to.Get("code"))); out["error"] != "INVALID_REQUEST" {
		t.Errorf("without a proof: %v", out)
	}
	proof := p.proof(nil)
	if status, _ := p.token(proof, p.redeem(to.Get("code"))); status != 200 {
		t.Errorf("the code is lost to a request without a proof: %d", status)
	}
	if _, out := p.token(proof, p.redeem(to.Get("code"))); out["error"] != "INVALID_REQUEST" {
		t.Errorf("a proof twice: %v", out)
	}
	if _, out := p.token(p.proof(nil), p.redeem(to.Get("code"))); out["error"] != "AUTHCODE_EXPIRED" {
		t.Errorf("a code twice: %v", out)
	}
}

func TestConsoleRefreshIsStrict(t *testing.T) {
	s := standin.Start(t, consoleWorld())
	p := newProgram(t, s)
	renew := func(p *program, token any) (int, map[string]any) {
		return p.token(p.proof(nil), map[string]string{"clientId": "arn:aws:signin:::devtools/same-device", "grantType": "refresh_token", "refreshToken": token.(string)})
	}
	out := p.signIn()
	if _, other := renew(newProgram(t, s), out["refreshToken"]); other["error"] != "INVALID_REQUEST" {
		t.Errorf("by another's key: %v", other["error"])
	}
	status, next := renew(p, out["refreshToken"])
	if status != 200 || next["idToken"] != nil || next["refreshToken"] == out["refreshToken"] {
		t.Errorf("%d, %v", status, next)
	}
	if _, again := renew(p, out["refreshToken"]); again["error"] != "TOKEN_EXPIRED" {
		t.Errorf("a used one: %v", again["error"])
	}
	s.EndConsoleSessions("USER_CREDENTIALS_CHANGED")
	if _, changed := renew(p, next["refreshToken"]); changed["error"] != "USER_CREDENTIALS_CHANGED" {
		t.Errorf("the password changed: %v", changed["error"])
	}
	out = p.signIn()
	s.Advance(12*time.Hour + time.Second)
	if _, late := renew(p, out["refreshToken"]); late["error"] != "TOKEN_EXPIRED" {
		t.Errorf("after 12 hours: %v", late["error"])
	}
	s.SetDenials(standin.Denial{Principal: me, Action: "signin:*"})
	_, to := p.authorize(nil)
	if _, denied := p.token(p.proof(nil), p.redeem(to.Get("code"))); denied["error"] != "INSUFFICIENT_PERMISSIONS" {
		t.Errorf("without the permission: %v", denied["error"])
	}
}

// From another device the person carries over what the page shows.
func TestConsoleConfirmation(t *testing.T) {
	s := standin.Start(t, consoleWorld())
	p := newProgram(t, s)
	page := s.URL() + "/v1/sessions/confirmation"
	_, to := p.authorize(func(q url.Values) {
		q.Set("client_id", "arn:aws:signin:::devtools/cross-device")
		q.Set("redirect_uri", page)
	})
	answer, err := http.Get(page + "?" + to.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	shown, _, _ := strings.Cut(strings.SplitAfter(string(text), "<code id=code>")[1], "</code>")
	carried, err := base64.StdEncoding.DecodeString(shown)
	if err != nil {
		t.Fatal(err)
	}
	q, err := url.ParseQuery(string(carried))
	if err != nil {
		t.Fatal(err)
	}
	body := p.redeem(q.Get("code"))
	body["clientId"], body["redirectUri"] = "arn:aws:signin:::devtools/cross-device", page
	if status, out := p.token(p.proof(nil), body); status != 200 {
		t.Errorf("%d, %v", status, out)
	}
	if len(q.Get("code")) != 1567 {
		t.Errorf("a code of %d characters", len(q.Get("code")))
	}
}
