package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/cache"
	"aws-accounts/internal/test/standin"
)

const (
	account  = "111122223333"
	startURL = "https://corp.awsapps.com/start"
)

func startAWS(t *testing.T) *standin.Server {
	return standin.Start(t, standin.Config{IdentityCenter: []standin.IdentityCenter{{
		StartURL: startURL, Region: "eu-west-1",
		Assignments: []standin.Assignment{{Account: account, Role: "ReadOnly"}, {Account: account, Role: "Admin"}},
	}}})
}

// someone is a person at a browser, who does what visit does with the page.
type someone struct {
	visit func(page string) error
	seen  atomic.Int32
}

func (s *someone) person() Person {
	return Person{Browser: func(_ context.Context, page string) error {
		s.seen.Add(1)
		return s.visit(page)
	}}
}

// signsIn follows the page to its end, as somebody does who is signed in there already.
func signsIn(page string) error {
	_, err := get(page)
	return err
}

func get(page string) (body string, err error) {
	answer, err := http.Get(page)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(text), err
}

// comesBack is the redirect of a page with another answer.
func comesBack(t *testing.T, page string, answer url.Values) string {
	u, err := url.Parse(page)
	if err != nil {
		t.Error(err)
	}
	if !answer.Has("state") {
		answer.Set("state", u.Query().Get("state"))
	}
	return u.Query().Get("redirect_uri") + "?" + answer.Encode()
}

func inFile(dir string, passphrase func(context.Context, cache.Safe) error) *cache.Keychain {
	return cache.OpenKeychain(cache.KeychainConfig{Backend: "file", Dir: filepath.Join(dir, "keychain"), Passphrase: passphrase})
}

func by(passphrase string) func(context.Context, cache.Safe) error {
	return func(_ context.Context, s cache.Safe) error { _, err := s.Open(passphrase, false); return err }
}

func newCenter(t *testing.T, s *standin.Server, dir string, who *someone) *Center {
	c := &Center{
		Session: Session{Name: "corp", StartURL: startURL, Region: "eu-west-1"},
		Config:  aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(s.URL()), Retryer: func() aws.Retryer { return aws.NopRetryer{} }},
		Store:   inFile(dir, by("CORRECTHORSEBATTERYSTAPLEZ")),
		Locks:   filepath.Join(dir, "locks"),
		Now:     s.Now,
		Report: func(err error) {
			t.Errorf("reported: %v", err)
		},
	}
	if who != nil {
		c.Person = who.person()
	}
	return c
}

func wantNeedsSignIn(t *testing.T, err error, why string) {
	t.Helper()
	if _, ok := errors.AsType[*NeedsSignIn](err); !ok || err.Error() != why {
		t.Errorf("got error %v, want %q", err, why)
	}
}

func must(t *testing.T, c *Center) {
	t.Helper()
	out, err := c.Credentials(t.Context(), account, "ReadOnly")
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(out.RoleCredentials.AccessKeyId) == "" {
		t.Fatal("no credentials")
	}
}

// together runs ten that know nothing of each other but what they find in dir.
func together(t *testing.T, s *standin.Server, dir string, who *someone) {
	t.Helper()
	var all sync.WaitGroup
	for range 10 {
		c := newCenter(t, s, dir, who)
		all.Go(func() {
			if _, err := c.Credentials(t.Context(), account, "Admin"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func wantCalls(t *testing.T, s *standin.Server, operation string, want int) {
	t.Helper()
	if got := s.Calls(operation); got != want {
		t.Errorf("%s: %d calls, want %d", operation, got, want)
	}
}

func TestOneSignInForAll(t *testing.T) {
	s, dir, who := startAWS(t), t.TempDir(), &someone{visit: signsIn}
	together(t, s, dir, who)
	if n := who.seen.Load(); n != 1 {
		t.Errorf("%d pages opened", n)
	}
	wantCalls(t, s, "CreateToken", 1)
}

func TestOneRenewalForAll(t *testing.T) {
	for name, pass := range map[string]func(*standin.Server) time.Duration{
		"expired":         func(*standin.Server) time.Duration { return 2 * time.Hour },
		"about to expire": func(*standin.Server) time.Duration { return 59*time.Minute + 30*time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir, who := startAWS(t), t.TempDir(), &someone{visit: signsIn}
			must(t, newCenter(t, s, dir, who))
			s.Advance(pass(s))
			together(t, s, dir, nil)
			wantCalls(t, s, "CreateToken", 2)
			// And on, as the new refresh token was kept.
			s.Advance(2 * time.Hour)
			together(t, s, dir, nil)
			wantCalls(t, s, "CreateToken", 3)
			wantCalls(t, s, "Authorize", 1)
		})
	}
}

// Our clock says that the token is good, and AWS that it isn't.
func TestRefusedToken(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	must(t, newCenter(t, s, dir, &someone{visit: signsIn}))
	now := s.Now()
	s.Advance(2 * time.Hour)
	c := newCenter(t, s, dir, nil)
	c.Now = func() time.Time { return now }
	must(t, c)
	wantCalls(t, s, "CreateToken", 2)
}

func TestRefreshTokenUsedElsewhere(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	c := newCenter(t, s, dir, &someone{visit: signsIn})
	must(t, c)
	old := c.load(t.Context())
	s.Advance(2 * time.Hour)
	other, err := newCenter(t, s, dir, nil).renew(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.renew(t.Context(), old)
	if err != nil || got.AccessToken != other.AccessToken {
		t.Errorf("not the token that the other got: %v", err)
	}
}

func TestEnded(t *testing.T) {
	for name, end := range map[string]func(*standin.Server){
		"revoked":     (*standin.Server).EndSSOSessions,
		"over":        func(s *standin.Server) { s.Advance(9 * time.Hour) },
		"client gone": func(s *standin.Server) { s.Advance(91 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := startAWS(t), t.TempDir()
			must(t, newCenter(t, s, dir, &someone{visit: signsIn}))
			end(s)
			c := newCenter(t, s, dir, nil)
			_, err := c.Credentials(t.Context(), account, "ReadOnly")
			wantNeedsSignIn(t, err, "not signed in to corp")
			if _, err := c.read(t.Context()); !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("the token was not dropped: %v", err)
			}
			must(t, newCenter(t, s, dir, &someone{visit: signsIn}))
		})
	}
}

// refusing is s, which refuses the access token of the calls to path, and what happens before the second answer arrives.
func refusing(t *testing.T, s *standin.Server, path string, meanwhile func()) string {
	var calls atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			s.ServeHTTP(w, r)
			return
		}
		if calls.Add(1) == 2 {
			meanwhile()
		}
		w.Header().Set("X-Amzn-Errortype", "UnauthorizedException")
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "{}")
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// What is dropped when AWS refuses even the renewed token is that token's sign-in, not one that came meanwhile; and while
// somebody is signing in, nothing is.
func TestRefusedForGood(t *testing.T) {
	list := func(c *Center) error {
		_, err := c.Assigned(t.Context(), func(int, int) {})
		return err
	}
	credentials := func(c *Center) error {
		_, err := c.Credentials(t.Context(), account, "ReadOnly")
		return err
	}
	for _, ask := range []struct {
		path string
		do   func(*Center) error
	}{{"/federation/credentials", credentials}, {"/assignment/accounts", list}} {
		for name, meanwhile := range map[string]struct {
			do    func(*testing.T, *Center)
			stays bool
		}{
			"nothing": {func(*testing.T, *Center) {}, false},
			"another sign-in": {func(t *testing.T, c *Center) {
				if _, err := c.SignIn(t.Context()); err != nil {
					t.Error(err)
				}
			}, true},
			"somebody is at it": {func(t *testing.T, c *Center) {
				release, err := c.lock(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				t.Cleanup(release)
			}, true},
		} {
			t.Run(ask.path+" "+name, func(t *testing.T) {
				s, dir := startAWS(t), t.TempDir()
				other := newCenter(t, s, dir, &someone{visit: signsIn})
				must(t, other)
				c := newCenter(t, s, dir, nil)
				c.Config.BaseEndpoint = aws.String(refusing(t, s, ask.path, func() { meanwhile.do(t, other) }))
				wantNeedsSignIn(t, ask.do(c), "not signed in to corp")
				if got := c.load(t.Context()); (got != nil) != meanwhile.stays {
					t.Errorf("there is a sign-in: %v", got != nil)
				}
			})
		}
	}
}

func TestNobody(t *testing.T) {
	s := startAWS(t)
	_, err := newCenter(t, s, t.TempDir(), nil).Credentials(t.Context(), account, "ReadOnly")
	wantNeedsSignIn(t, err, "not signed in to corp")
	wantCalls(t, s, "*", 0)
}

// What is stored tells it, and AWS isn't asked.
func TestSignedIn(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	c := newCenter(t, s, dir, &someone{visit: signsIn})
	_, _, err := c.SignedIn(t.Context())
	wantNeedsSignIn(t, err, "not signed in to corp")
	must(t, c)
	asked := s.Calls("*")
	first, renewed, err := c.SignedIn(t.Context())
	if left := first.Sub(s.Now()); err != nil || !renewed || left < 59*time.Minute || left > time.Hour {
		t.Errorf("%s left, renewed %v, %v", left, renewed, err)
	}
	s.Advance(2 * time.Hour)
	if until, renewed, err := c.SignedIn(t.Context()); err != nil || !renewed || !until.Equal(first) {
		t.Errorf("until %s, renewed %v, %v", until, renewed, err)
	}
	s.Advance(91 * 24 * time.Hour)
	_, _, err = c.SignedIn(t.Context())
	wantNeedsSignIn(t, err, "not signed in to corp")
	wantCalls(t, s, "*", asked)
	c.Store = inFile(dir, by("wrong"))
	if _, _, err := c.SignedIn(t.Context()); err == nil || errors.As(err, new(*NeedsSignIn)) {
		t.Errorf("a keychain that doesn't open: %v", err)
	}
}

func TestOtherIdentityCenter(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	must(t, newCenter(t, s, dir, &someone{visit: signsIn}))
	for name, change := range map[string]func(*Center){
		"start URL": func(c *Center) { c.StartURL = "https://other.awsapps.com/start" },
		"region":    func(c *Center) { c.Region = "eu-west-2" },
		"scopes":    func(c *Center) { c.Scopes = []string{"codewhisperer:analysis"} },
	} {
		c := newCenter(t, s, dir, nil)
		change(c)
		_, err := c.Credentials(t.Context(), account, "ReadOnly")
		wantNeedsSignIn(t, err, "not signed in to corp")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	must(t, newCenter(t, s, dir, nil))
}

// Whom a person refused, or let wait, doesn't come again at once; nor do those who waited with him.
func TestDeclined(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	who := &someone{visit: func(page string) error { return signsIn(comesBack(t, page, url.Values{"error": {"access_denied"}})) }}
	c := newCenter(t, s, dir, who)
	for range 3 {
		_, err := c.Credentials(t.Context(), account, "ReadOnly")
		wantNeedsSignIn(t, err, "the sign-in to corp was refused in the browser")
	}
	if n := who.seen.Load(); n != 1 {
		t.Errorf("%d pages opened", n)
	}
	if _, err := c.read(t.Context()); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("something was stored: %v", err)
	}
	s.Advance(respite)
	who.visit = signsIn
	must(t, c)

	// `sso login` doesn't care.
	who.visit = func(page string) error { return signsIn(comesBack(t, page, url.Values{"error": {"access_denied"}})) }
	_, err := c.SignIn(t.Context())
	wantNeedsSignIn(t, err, "the sign-in to corp was refused in the browser")
	who.visit = signsIn
	if _, err := c.SignIn(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLate(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	c := newCenter(t, s, dir, &someone{visit: func(string) error { return nil }})
	ctx, cancel := context.WithTimeout(t.Context(), margin+200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := c.Credentials(ctx, account, "ReadOnly")
	wantNeedsSignIn(t, err, "nobody finished the sign-in to corp in time")
	if took := time.Since(began); took > margin {
		t.Errorf("took %s of %s", took, margin+200*time.Millisecond)
	}
	if _, err := c.read(t.Context()); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("something was stored: %v", err)
	}
}

// Others can reach the port as well as the browser can.
func TestStrangersAtTheRedirect(t *testing.T) {
	s := startAWS(t)
	who := &someone{visit: func(page string) error {
		for _, stranger := range []string{
			comesBack(t, page, url.Values{"code": {"forged"}, "state": {"guessed"}}),
			comesBack(t, page, url.Values{"error": {"access_denied"}, "state": {""}}),
			comesBack(t, page, url.Values{}),
			strings.Replace(comesBack(t, page, url.Values{"code": {"forged"}}), redirectPath, "/favicon.ico", 1),
		} {
			if _, err := get(stranger); err == nil || !strings.Contains(err.Error(), "404") {
				t.Errorf("%s: %v", stranger, err)
			}
		}
		text, err := get(page)
		if !strings.Contains(text, "You are signed in to corp.") {
			t.Errorf("the page says %q", text)
		}
		return err
	}}
	must(t, newCenter(t, s, t.TempDir(), who))
	wantCalls(t, s, "CreateToken", 1)
}

// A wrong code ends in AWS's refusal, which the page tells too.
func TestForgedCode(t *testing.T) {
	s := startAWS(t)
	who := &someone{visit: func(page string) error {
		text, err := get(comesBack(t, page, url.Values{"code": {"forged"}}))
		if !strings.Contains(text, "did not work") {
			t.Errorf("the page says %q", text)
		}
		return err
	}}
	_, err := newCenter(t, s, t.TempDir(), who).Credentials(t.Context(), account, "ReadOnly")
	if !Misconfigured(err) {
		t.Error(err)
	}
}

// shower is a person who has no browser here, and confirms the code elsewhere.
func shower(confirm func(code string) error) Person {
	return Person{Show: func(_ context.Context, what Prompt) error {
		if !strings.Contains(what.URL, what.Code) || what.Code == "" {
			return fmt.Errorf("shown %+v", what)
		}
		return confirm(what.Code)
	}}
}

func TestDeviceCode(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	c := newCenter(t, s, dir, nil)
	c.Person = shower(s.ApproveDevice)
	must(t, c)
	s.Advance(2 * time.Hour)
	must(t, newCenter(t, s, dir, nil)) // renewed by the same client
	wantCalls(t, s, "Authorize", 0)
}

func TestDeviceCodeRefused(t *testing.T) {
	s := startAWS(t)
	for why, confirm := range map[string]func(string) error{
		"the sign-in to corp was refused in the browser": s.DenyDevice,
		"nobody finished the sign-in to corp in time":    func(string) error { s.Advance(601 * time.Second); return nil },
		"not signed in to corp: nobody reads this":       func(string) error { return errors.New("nobody reads this") },
	} {
		c := newCenter(t, s, t.TempDir(), nil)
		c.Person = shower(confirm)
		_, err := c.Credentials(t.Context(), account, "ReadOnly")
		wantNeedsSignIn(t, err, why)
	}
}

func TestBrowserDoesNotStart(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	broken := &someone{visit: func(string) error { return errors.New("no display") }}
	c := newCenter(t, s, dir, broken)
	_, err := c.Credentials(t.Context(), account, "ReadOnly")
	wantNeedsSignIn(t, err, "not signed in to corp: the browser doesn't start: no display")

	c.Person.Show = func(_ context.Context, what Prompt) error {
		if what.Code == "" {
			return nil
		}
		return s.ApproveDevice(what.Code)
	}
	must(t, c)
}

// A keychain that can't be used is no reason to withhold credentials; but nobody signs in for nothing with `sso login`.
func TestKeychainTrouble(t *testing.T) {
	s, who := startAWS(t), &someone{visit: signsIn}
	c := newCenter(t, s, t.TempDir(), who)
	c.Store = cache.OpenKeychain(cache.KeychainConfig{Backend: "shoebox"})
	var reports []string
	c.Report = func(err error) { reports = append(reports, err.Error()) }
	must(t, c)
	if all := strings.Join(reports, "\n"); !strings.Contains(all, "keeping the sign-in to corp: ") {
		t.Errorf("reported %q", all)
	}
	if _, err := c.SignIn(t.Context()); err == nil || who.seen.Load() != 1 {
		t.Errorf("%v, and %d pages opened", err, who.seen.Load())
	}
}

func TestCorruptItem(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	for _, item := range []string{"", "{}", "null", `{"layout":1,"session":"corp","start_url":"` + startURL + `","region":"eu-west-1","access_token":"x"}`} {
		c := newCenter(t, s, dir, &someone{visit: signsIn})
		reported := false
		c.Report = func(err error) { reported = reported || errors.Is(err, cache.ErrCorrupt) }
		if err := c.Store.Keep(t.Context(), c.key(), []byte(item)); err != nil {
			t.Fatal(err)
		}
		must(t, c)
		if !reported {
			t.Errorf("%q was not reported", item)
		}
		must(t, newCenter(t, s, dir, nil))
	}
}

func TestSignOut(t *testing.T) {
	for name, wait := range map[string]time.Duration{"fresh token": 0, "expired token": 2 * time.Hour, "sign-in over": 9 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s, dir := startAWS(t), t.TempDir()
			c := newCenter(t, s, dir, &someone{visit: signsIn})
			must(t, c)
			before := c.load(t.Context())
			s.Advance(wait)
			if untold, err := c.SignOut(t.Context()); untold != nil || err != nil {
				t.Errorf("untold %v, error %v", untold, err)
			}
			if wait < 8*time.Hour {
				wantCalls(t, s, "Logout", 1)
			}
			if _, err := c.renew(t.Context(), before); !errors.Is(err, errSpent) {
				t.Errorf("AWS still takes the refresh token: %v", err)
			}
			if _, err := c.SignOut(t.Context()); !errors.Is(err, ErrNotSignedIn) {
				t.Errorf("a second time: %v", err)
			}
		})
	}

	s, dir := startAWS(t), t.TempDir()
	c := newCenter(t, s, dir, &someone{visit: signsIn})
	must(t, c)
	s.Refuse()
	if untold, err := c.SignOut(t.Context()); untold == nil || err != nil {
		t.Errorf("AWS can't be reached: untold %v, error %v", untold, err)
	}
	if c.load(t.Context()) != nil {
		t.Error("the token is still there")
	}
}

func TestAuthorizeURL(t *testing.T) {
	c := &Center{Session: Session{Name: "corp", Region: "eu-west-1"}, Config: aws.Config{Region: "eu-west-1"}}
	got, err := c.authorizeURL(t.Context(), &token{ClientID: "id", Scopes: []string{"a:b", "c"}}, "http://127.0.0.1:4711/oauth/callback", "s", "verifier")
	want := "https://oidc.eu-west-1.amazonaws.com/authorize?client_id=id&code_challenge=iMnq5o6zALKXGivsnlom_0F5_WYda32GHkxlV7mq7hQ&code_challenge_method=S256" +
		"&redirect_uri=http%3A%2F%2F127.0.0.1%3A4711%2Foauth%2Fcallback&response_type=code&scopes=a%3Ab%20c&state=s"
	if err != nil || got != want {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
}

// An Identity Center that doesn't take the way by the browser gets a code typed in.
func TestBrowserRefusedIsSignedInByCode(t *testing.T) {
	s := startAWS(t)
	c := newCenter(t, s, t.TempDir(), &someone{visit: func(string) error { return errors.New("the browser opened") }})
	c.Person.Show = func(_ context.Context, what Prompt) error {
		if what.Code == "" {
			return errors.New("no code is shown")
		}
		return s.ApproveDevice(what.Code)
	}
	s.Fault(standin.Fault{Operation: "RegisterClient", Kind: standin.Refusal, Status: 400, Code: "UnsupportedGrantTypeException", Count: 1})
	must(t, c)
}
