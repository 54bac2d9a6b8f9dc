package awslogin

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
)

const session = "arn:aws:iam::123456789012:user/me"

// signIn is a sign-in as `aws login` leaves it, and the AWS that it was made with.
type signIn struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	path string
	now  time.Time

	mu      sync.Mutex
	hosts   []string        // that were asked
	refresh string          // the only refresh token that is good
	proofs  map[string]bool // by their ids: each is good once
	answer  map[string]any  // in place of the usual one
	refusal string          // … or this error
	before  func()          // what happens before the answer
	told    []error         // what was reported
}

func newSignIn(t *testing.T) *signIn {
	t.Helper()
	s := &signIn{
		t:       t,
		now:     time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		refresh: "refresh-0",
		proofs:  map[string]bool{},
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("AWS_LOGIN_CACHE_DIRECTORY", "")
	path, err := logincreds.StandardCachedTokenFilepath(session, "")
	if err != nil {
		t.Fatal(err)
	}
	s.path = path
	s.key = keyOf(t, elliptic.P256())
	s.keep(sec1(t, s.key), time.Minute, "")
	return s
}

func keyOf(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sec1(t *testing.T, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func pkcs8(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// keep writes the file of a sign-in that ends so soon.
func (s *signIn) keep(key string, left time.Duration, region string) {
	s.t.Helper()
	content := map[string]any{
		"accessToken": map[string]any{
			"accessKeyId":     "ASIAOLD",
			"secretAccessKey": "old",
			"sessionToken":    "old",
			"accountId":       "123456789012",
			"expiresAt":       s.now.Add(left).Format(time.RFC3339),
		},
		"refreshToken": "refresh-0", "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": key,
		"tokenType": "aws_sigv4",
		"idToken":   "eyJ.x.y", "another": map[string]any{"deep": []int{1, 2}},
	}
	if region != "" {
		content["signInRegion"] = region
	}
	s.write(content)
}

func (s *signIn) write(content map[string]any) {
	s.t.Helper()
	data, err := json.Marshal(content)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(s.path), 0o700), os.WriteFile(s.path, data, 0o600))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *signIn) content() map[string]any {
	s.t.Helper()
	data, err := os.ReadFile(s.path)
	var content map[string]any
	if err == nil {
		err = json.Unmarshal(data, &content)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return content
}

func (s *signIn) provider() *Provider {
	return &Provider{
		Session: session,
		Config:  aws.Config{Region: "eu-west-1", HTTPClient: s, Retryer: func() aws.Retryer { return aws.NopRetryer{} }},
		Locks:   filepath.Join(filepath.Dir(s.path), "locks"),
		Now:     func() time.Time { return s.now },
		Report:  func(err error) { s.told = append(s.told, err) },
	}
}

// asked are the hosts that were asked so far.
func (s *signIn) asked() []string { s.mu.Lock(); defer s.mu.Unlock(); return s.hosts }

// Do answers as AWS does: it checks the proof, and each refresh token is good once.
func (s *signIn) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, r.URL.Host)
	if s.before != nil {
		s.before()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	reply := func(status int, kind string, content any) (*http.Response, error) {
		data, _ := json.Marshal(content)
		return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(data)), Request: r,
			Header: http.Header{"Content-Type": {"application/json"}, "X-Amzn-Errortype": {kind}}}, nil
	}
	var in struct{ ClientID, GrantType, RefreshToken string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	switch err := s.checkProof(r); {
	case err != nil:
		s.t.Errorf("the proof: %v", err)
		return reply(400, "ValidationException", map[string]any{"error": "INVALID_REQUEST"})
	case s.refusal != "":
		return reply(403, "AccessDeniedException", map[string]any{"error": s.refusal, "message": "no"})
	case in.GrantType != "refresh_token" || in.ClientID != "arn:aws:signin:::devtools/same-device" ||
		in.RefreshToken != s.refresh:
		return reply(403, "AccessDeniedException", map[string]any{"error": "TOKEN_EXPIRED", "message": "no"})
	}
	n := len(s.hosts)
	s.refresh = fmt.Sprintf("refresh-%d", n)
	answer := map[string]any{
		"accessToken": map[string]any{
			"accessKeyId":     fmt.Sprintf("ASIANEW%d", n),
			"secretAccessKey": "new",
			"sessionToken":    "new",
		},
		"tokenType":    "aws_sigv4",
		"expiresIn":    900,
		"refreshToken": s.refresh,
	}
	if s.answer != nil {
		answer = s.answer
	}
	return reply(200, "", answer)
}

// checkProof is RFC 9449, section 4.3, as far as it concerns this request.
func (s *signIn) checkProof(r *http.Request) error {
	if values := r.Header.Values("Dpop"); len(values) != 1 {
		return fmt.Errorf("%d of them", len(values))
	}
	parts := strings.Split(r.Header.Get("Dpop"), ".")
	if len(parts) != 3 {
		return fmt.Errorf("%d segments", len(parts))
	}
	var raw [3][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return fmt.Errorf("segment %d: %w", i, err)
		}
	}
	var header struct {
		Typ, Alg string
		JWK      map[string]string
	}
	var claims struct {
		HTM, HTU, JTI string
		IAT           int64
	}
	if err := errors.Join(json.Unmarshal(raw[0], &header), json.Unmarshal(raw[1], &claims)); err != nil {
		return err
	}
	x, errX := base64.RawURLEncoding.Strict().DecodeString(header.JWK["x"])
	y, errY := base64.RawURLEncoding.Strict().DecodeString(header.JWK["y"])
	public, err := s.key.PublicKey.Bytes()
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	switch at := *r.URL; {
	case header.Typ != "dpop+jwt" || header.Alg != "ES256":
		return fmt.Errorf("of the type %q, by %q", header.Typ, header.Alg)
	case header.JWK["kty"] != "EC" || header.JWK["crv"] != "P-256" || len(header.JWK) != 4:
		return fmt.Errorf("with the key %v", header.JWK)
	case errX != nil || errY != nil || len(x) != 32 || len(y) != 32:
		return fmt.Errorf("coordinates of %d and %d bytes", len(x), len(y))
	case !bytes.Equal(public[1:33], x) || !bytes.Equal(public[33:], y):
		return errors.New("of another key")
	case claims.HTM != r.Method || claims.HTU != at.Scheme+"://"+at.Host+at.Path:
		return fmt.Errorf("for %s %s", claims.HTM, claims.HTU)
	case claims.IAT != s.now.Unix():
		return fmt.Errorf("made at %d", claims.IAT)
	case len(claims.JTI) < 16 || s.proofs[claims.JTI]:
		return fmt.Errorf("with the id %q", claims.JTI)
	case len(raw[2]) != 64:
		return fmt.Errorf("a signature of %d bytes", len(raw[2]))
	case !ecdsa.Verify(&s.key.PublicKey, sum[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])):
		return errors.New("the signature is wrong")
	}
	s.proofs[claims.JTI] = true
	return nil
}

// What is good is handed out without a call; what ends soon is renewed once, and kept for the next.
func TestRenewsWhatEndsSoon(t *testing.T) {
	for name, left := range map[string]time.Duration{"over": -time.Hour, "soon": soon - time.Second, "at once": 0} {
		t.Run(name, func(t *testing.T) {
			s := newSignIn(t)
			s.keep(sec1(t, s.key), left, "")
			for range 3 {
				c, err := s.provider().Retrieve(t.Context())
				if err != nil || c.AccessKeyID != "ASIANEW1" || c.SecretAccessKey != "new" || c.SessionToken != "new" ||
					c.AccountID != "123456789012" {
					t.Fatalf("%s of account %s, %v", c.AccessKeyID, c.AccountID, err)
				}
				if !c.CanExpire || !c.Expires.Equal(s.now.Add(15*time.Minute)) {
					t.Errorf("it ends at %v", c.Expires)
				}
			}
			if n := len(s.asked()); n != 1 {
				t.Errorf("AWS was asked %d times", n)
			}
			s.now = s.now.Add(14 * time.Minute) // the refresh token that came with the last answer is good for the next
			if c, err := s.provider().Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIANEW2" {
				t.Errorf("the next time: %s, %v", c.AccessKeyID, err)
			}
		})
	}
	s := newSignIn(t)
	s.keep("no key", soon, "")
	if c, err := s.provider().Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIAOLD" || len(s.asked()) > 0 {
		t.Errorf("what is good: %s, %v", c.AccessKeyID, err)
	}
}

// What can't be kept is handed out all the same, and told: the refresh token that it was had with is spent.
func TestRenewedIsHandedOutUnkept(t *testing.T) {
	s := newSignIn(t)
	s.before = func() { // nothing can be written there any more
		if err := errors.Join(os.Remove(s.path), os.Mkdir(s.path, 0o700)); err != nil {
			t.Error(err)
		}
	}
	if c, err := s.provider().Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIANEW1" || c.SecretAccessKey != "new" {
		t.Errorf("%s, %v", c.AccessKeyID, err)
	}
	if len(s.told) != 1 || !strings.Contains(s.told[0].Error(), "can't be kept") || strings.Contains(s.told[0].Error(), "refresh-") {
		t.Errorf("told: %v", s.told)
	}
}

// However many ask at once, one renews: each answer brings the only refresh token for the next one.
func TestEightAtOnceRenewOnce(t *testing.T) {
	s := newSignIn(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if c, err := s.provider().Retrieve(t.Context()); err != nil || c.AccessKeyID != "ASIANEW1" {
				t.Errorf("%s, %v", c.AccessKeyID, err)
			}
		})
	}
	all.Wait()
	if n := len(s.asked()); n != 1 {
		t.Errorf("AWS was asked %d times", n)
	}
}

// Both forms in which AWS's tools write the key are read. One that can't be has the person sign in again; nothing
// of it is told.
func TestKeys(t *testing.T) {
	for _, form := range []func(*testing.T, *ecdsa.PrivateKey) string{sec1,
		func(t *testing.T, k *ecdsa.PrivateKey) string { return pkcs8(t, k) }} {
		for range 4 { // coordinates of fewer than 32 bytes are rare
			s := newSignIn(t)
			s.keep(form(t, s.key), 0, "")
			if _, err := s.provider().Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	another, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := sec1(t, keyOf(t, elliptic.P256()))
	for name, key := range map[string]string{"none": "", "no PEM": "SESAME", "half": good[:len(good)/2],
		"no key in it": strings.Replace(good, "M", "N", 1),
		"of RSA":       pkcs8(t, another), "of another curve": sec1(t, keyOf(t, elliptic.P384()))} {
		s := newSignIn(t)
		s.keep(key, 0, "")
		_, err := s.provider().Retrieve(t.Context())
		if !errors.Is(err, ErrSignedOut) || strings.Contains(err.Error(), "\n") ||
			key != "" && strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(s.asked()); n > 0 {
			t.Errorf("%s: AWS is asked all the same", name)
		}
	}
}

// A key whose coordinates begin with zeros has them in full: a proof with fewer bytes is no proof.
func TestShortCoordinates(t *testing.T) {
	s := newSignIn(t)
	for {
		public, err := s.key.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if public[1] == 0 || public[33] == 0 {
			break
		}
		s.key = keyOf(t, elliptic.P256())
	}
	s.keep(sec1(t, s.key), 0, "")
	if _, err := s.provider().Retrieve(t.Context()); err != nil {
		t.Error(err)
	}
}

// The sign-in is renewed where it was made: as its file says, else as its profile says, else where the account is
// called.
func TestRegions(t *testing.T) {
	for _, c := range []struct{ file, profile, want string }{
		{"eu-north-1", "eu-central-1", "eu-north-1"}, {"", "eu-central-1", "eu-central-1"}, {"", "", "eu-west-1"},
	} {
		s := newSignIn(t)
		s.keep(sec1(t, s.key), 0, c.file)
		p := s.provider()
		p.Region = c.profile
		if _, err := p.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
		if hosts := s.asked(); len(hosts) != 1 || !strings.HasPrefix(hosts[0], c.want+".") {
			t.Errorf("%+v: asked %q", c, hosts)
		}
	}
}

// Whatever else the file says stays as the AWS CLI wrote it, and nobody else can read it.
func TestTheFileKeepsWhatElseItSays(t *testing.T) {
	s := newSignIn(t)
	before := s.content()
	if _, err := s.provider().Retrieve(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := s.content()
	for name, value := range before {
		same := fmt.Sprint(after[name]) == fmt.Sprint(value)
		if renewed := name == "accessToken" || name == "refreshToken"; same == renewed {
			t.Errorf("%s: %v, was %v", name, after[name], value)
		}
	}
	if len(after) != len(before) || after["refreshToken"] != "refresh-1" {
		t.Errorf("it says %v", after)
	}
	if info, err := os.Stat(s.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A sign-in that is over is the person's to renew; another refusal isn't.
func TestRefusals(t *testing.T) {
	for code, signedOut := range map[string]bool{"TOKEN_EXPIRED": true, "USER_CREDENTIALS_CHANGED": true,
		"AUTHCODE_EXPIRED":         true,
		"INSUFFICIENT_PERMISSIONS": false, "server_error": false} {
		s := newSignIn(t)
		s.refusal = code
		before := s.content()
		_, err := s.provider().Retrieve(t.Context())
		if err == nil || errors.Is(err, ErrSignedOut) != signedOut {
			t.Errorf("%s: %v", code, err)
		}
		if fmt.Sprint(s.content()) != fmt.Sprint(before) {
			t.Errorf("%s: the file has changed", code)
		}
	}
}

// Half an answer is no answer, and leaves the file as it was.
func TestHalfAnAnswer(t *testing.T) {
	whole := map[string]any{"accessKeyId": "ASIANEW", "secretAccessKey": "new", "sessionToken": "new"}
	without := func(name string) map[string]any {
		part := map[string]any{}
		for key, value := range whole {
			if key != name {
				part[key] = value
			}
		}
		return part
	}
	for name, answer := range map[string]map[string]any{
		"no credentials": {"expiresIn": 900, "refreshToken": "x"},
		"no id":          {"accessToken": without("accessKeyId"), "expiresIn": 900, "refreshToken": "x"},
		"no secret":      {"accessToken": without("secretAccessKey"), "expiresIn": 900, "refreshToken": "x"},
		"no token":       {"accessToken": without("sessionToken"), "expiresIn": 900, "refreshToken": "x"},
		"no lifetime":    {"accessToken": whole, "refreshToken": "x"},
		"an end before":  {"accessToken": whole, "expiresIn": -1, "refreshToken": "x"},
	} {
		s := newSignIn(t)
		s.answer = answer
		before := s.content()
		if c, err := s.provider().Retrieve(t.Context()); err == nil || c.SecretAccessKey != "" {
			t.Errorf("%s: %v", name, c.AccessKeyID)
		}
		if fmt.Sprint(s.content()) != fmt.Sprint(before) {
			t.Errorf("%s: the file has changed", name)
		}
	}
	s := newSignIn(t)
	s.answer = map[string]any{"accessToken": whole, "expiresIn": 900}
	if _, err := s.provider().Retrieve(t.Context()); err != nil || s.content()["refreshToken"] != "refresh-0" {
		t.Errorf("without another refresh token the old one stays: %v, %v", s.content()["refreshToken"], err)
	}
}

// A file that is missing, or holds no whole sign-in, has the person sign in; one that can't be read is its own
// trouble.
func TestFiles(t *testing.T) {
	s := newSignIn(t)
	for name, content := range map[string]string{"no JSON": "x", "half": `{"accessToken": {"accessKeyId"`,
		"a list": "[]", "empty": "", "no credentials": "{}",
		"no secret": `{"accessToken": {"accessKeyId": "ASIA", "sessionToken": "SESAME"}}`,
		"no id":     `{"accessToken": {"secretAccessKey": "SESAME", "sessionToken": "x"}}`,
		"no token":  `{"accessToken": {"accessKeyId": "ASIA", "secretAccessKey": "SESAME"}}`} {
		if err := os.WriteFile(s.path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := s.provider().Retrieve(t.Context())
		if !errors.Is(err, ErrSignedOut) || strings.Contains(err.Error(), "SESAME") || c.SecretAccessKey != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	os.Remove(s.path)
	if _, err := s.provider().Retrieve(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("none: %v", err)
	}
	if err := os.Mkdir(s.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.provider().Retrieve(t.Context()); err == nil || errors.Is(err, ErrSignedOut) {
		t.Errorf("a folder: %v", err)
	}
	if n := len(s.asked()); n > 0 {
		t.Errorf("AWS was asked %d times", n)
	}
}

// The folder of the sign-ins is where AWS_LOGIN_CACHE_DIRECTORY says.
func TestTheFolderOfTheSignIns(t *testing.T) {
	s := newSignIn(t)
	dir := t.TempDir()
	t.Setenv("AWS_LOGIN_CACHE_DIRECTORY", dir)
	if _, err := s.provider().Retrieve(t.Context()); !errors.Is(err, ErrSignedOut) {
		t.Errorf("%v", err)
	}
	if err := os.Rename(s.path, filepath.Join(dir, filepath.Base(s.path))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.provider().Retrieve(t.Context()); err != nil {
		t.Error(err)
	}
}
