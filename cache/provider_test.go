package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
)

// bench is a provider over a real file keychain, with a clock and an AWS of its own.
type scene struct {
	*Sessions
	now      time.Time
	fetches  atomic.Int32
	lifetime time.Duration
	err      error
	troubles []error
	mu       sync.Mutex
}

func newScene(t *testing.T) *scene {
	s := &scene{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), lifetime: time.Hour}
	dir := t.TempDir()
	s.Sessions = &Sessions{
		Keychain: OpenKeychain(KeychainConfig{Backend: "file", Dir: filepath.Join(dir, "keychain"), Passphrase: by(testPassphrase)}),
		Dir:      filepath.Join(dir, "locks"),
		Now:      func() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now },
		Report:   func(_ string, err error) { s.mu.Lock(); defer s.mu.Unlock(); s.troubles = append(s.troubles, err) },
	}
	return s
}

func (s *scene) pass(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.now = s.now.Add(d) }

func (s *scene) provider(fingerprint, stamp string) *Provider {
	return &Provider{Sessions: s.Sessions, Account: "Dev", Stamp: stamp, Plan: func() (Plan, error) {
		return Plan{Fingerprint: fingerprint, Fetch: func(context.Context, bool) (aws.Credentials, error) {
			s.fetches.Add(1)
			if s.err != nil {
				return aws.Credentials{}, s.err
			}
			return aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret", SessionToken: "token", AccountID: "987654321098",
				CanExpire: true, Expires: s.Now().Add(s.lifetime)}, nil
		}}, nil
	}}
}

// want retrieves and checks how often AWS was asked in all, and how much lifetime came of it.
func (s *scene) want(t *testing.T, p *Provider, fetches int32, left time.Duration) {
	t.Helper()
	c, err := p.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := s.fetches.Load(); got != fetches {
		t.Errorf("AWS was asked %d times, want %d", got, fetches)
	}
	if got := c.Expires.Sub(s.Now()); got != left {
		t.Errorf("%s left, want %s", got, left)
	}
}

func TestFreshIsHandedOutAndStaleIsRenewed(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "")
	s.want(t, p, 1, time.Hour)
	s.pass(44 * time.Minute)
	s.want(t, p, 1, 16*time.Minute)
	s.pass(time.Second) // botocore would ask again for every request from here on
	s.want(t, p, 2, time.Hour)

	// Of a short session half of the lifetime will do.
	s.lifetime = 15 * time.Minute
	s.pass(time.Hour)
	s.want(t, p, 3, 15*time.Minute)
	s.pass(7*time.Minute + 30*time.Second)
	s.want(t, p, 3, 7*time.Minute+30*time.Second)
	s.pass(time.Second)
	s.want(t, p, 4, 15*time.Minute)
}

func TestAnotherFingerprintNeverGetsTheSession(t *testing.T) {
	s := newScene(t)
	s.want(t, s.provider("one", "stamp"), 1, time.Hour)
	s.want(t, s.provider("one", "another stamp"), 1, time.Hour)
	s.want(t, s.provider("two", "third stamp"), 2, time.Hour)
	s.want(t, s.provider("one", ""), 3, time.Hour)
}

func TestTheSameStampNeedsNoPlan(t *testing.T) {
	s := newScene(t)
	s.want(t, s.provider("f", "stamp"), 1, time.Hour)
	p := s.provider("f", "stamp")
	p.Plan = func() (Plan, error) { t.Error("asked for a plan"); return Plan{}, errors.New("no plan") }
	s.want(t, p, 1, time.Hour)
	s.want(t, s.provider("f", "next stamp"), 1, time.Hour)
	p.Stamp = "next stamp"
	s.want(t, p, 1, time.Hour)
	p.Stamp = "" // not known for sure
	p.Plan = func() (Plan, error) { return Plan{}, errors.New("no plan") }
	if _, err := p.Retrieve(t.Context()); err == nil || err.Error() != "no plan" {
		t.Errorf("err = %v, want the plan's", err)
	}
}

func TestStaleIfError(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "")
	s.want(t, p, 1, time.Hour)
	s.pass(50 * time.Minute)
	s.err = errors.New("no network")
	s.want(t, p, 2, 10*time.Minute)
	s.want(t, p, 2, 10*time.Minute) // remembered for a moment, so that others don't wait for it too
	s.pass(failureMemory)
	s.want(t, p, 3, 10*time.Minute-failureMemory)

	// Who wants a new one is told.
	p.Renew = true
	if _, err := p.Retrieve(t.Context()); !errors.Is(err, s.err) {
		t.Errorf("err = %v, want %v", err, s.err)
	}
	p.Renew = false

	// So is everybody when AWS has refused, or when the session is over.
	s.pass(failureMemory)
	s.err = hint.New(storedRefusal{"not allowed"}, "ask")
	for range 2 { // from AWS, then from memory
		if _, err := p.Retrieve(t.Context()); !errors.Is(err, ErrRefused) || err.Error() != "not allowed" || hint.Of(err) != "ask" {
			t.Errorf("err = %v", err)
		}
	}
	s.pass(time.Hour)
	s.err = errors.New("no network")
	if _, err := p.Retrieve(t.Context()); err == nil {
		t.Error("an expired session was handed out")
	}
	s.err = nil
	s.want(t, p, s.fetches.Load()+1, time.Hour)
}

// dyingStore gives what it has once, and then nothing any more.
type dyingStore struct {
	mapStore
	gets int
}

func (s *dyingStore) get(ctx context.Context, key string) ([]byte, error) {
	if s.gets++; s.gets > 1 {
		return nil, fmt.Errorf("%w: it died", ErrUnavailable)
	}
	return s.mapStore.get(ctx, key)
}

func TestASessionInHandOutlivesTheKeychain(t *testing.T) {
	s := newScene(t)
	lives := 0
	dying := &dyingStore{mapStore: mapStore{items: map[string][]byte{}, dies: &lives}}
	s.Keychain = OpenKeychain(KeychainConfig{})
	s.Keychain.open = func(KeychainConfig) (store, error) { return dying, nil }
	data, err := json.Marshal(newSession("Dev", "f", "", aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret",
		SessionToken: "token", CanExpire: true, Expires: s.now.Add(time.Hour)}, s.now))
	if err != nil {
		t.Fatal(err)
	}
	dying.items[item.Prefix+item.SessionKey("Dev", "")] = data
	s.pass(50 * time.Minute)
	s.err = errors.New("no network")
	s.want(t, s.provider("f", ""), 1, 10*time.Minute)
}

func TestWhoRenewsGetsANewSession(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "stamp")
	s.want(t, p, 1, time.Hour)
	p.Renew = true
	s.want(t, p, 2, time.Hour)
}

func TestManyAtOnceFetchOnce(t *testing.T) {
	s := newScene(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if c, err := s.provider("f", "").Retrieve(t.Context()); err != nil || c.AccessKeyID == "" {
				t.Errorf("%v, %v", c.AccessKeyID, err)
			}
		})
	}
	all.Wait()
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("AWS was asked %d times", n)
	}
}

func TestWaitersShareAFailure(t *testing.T) {
	s := newScene(t)
	held := make(chan struct{})
	p := s.provider("f", "")
	plan, _ := p.Plan()
	p.Plan = func() (Plan, error) {
		return Plan{Fingerprint: "f", Fetch: func(ctx context.Context, failFast bool) (aws.Credentials, error) {
			<-held
			s.pass(time.Second)
			s.err = errors.New("no network")
			return plan.Fetch(ctx, failFast)
		}}, nil
	}
	var all sync.WaitGroup
	var planned sync.WaitGroup
	planned.Add(10)
	for range 10 {
		all.Go(func() {
			q := *p
			q.Plan = func() (Plan, error) { planned.Done(); return p.Plan() }
			if _, err := q.Retrieve(t.Context()); err == nil || err.Error() != "no network" {
				t.Errorf("err = %v", err)
			}
		})
	}
	planned.Wait()
	close(held)
	all.Wait()
	if n := s.fetches.Load(); n != 1 {
		t.Errorf("AWS was asked %d times", n)
	}
}

func TestCredentialsWithoutEndAreNotKept(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "")
	p.Plan = func() (Plan, error) {
		return Plan{Fingerprint: "f", Fetch: func(context.Context, bool) (aws.Credentials, error) {
			s.fetches.Add(1)
			return aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "secret"}, nil
		}}, nil
	}
	for range 2 {
		if c, err := p.Retrieve(t.Context()); err != nil || c.CanExpire {
			t.Fatal(c.CanExpire, err)
		}
	}
	if n := s.fetches.Load(); n != 2 {
		t.Errorf("%d fetches", n)
	}
}

func TestTroubleWithTheKeychainIsReportedAndCredentialsCome(t *testing.T) {
	s := newScene(t)
	for name, content := range map[string]string{
		"not JSON":         "nonsense secret",
		"another account":  `{"layout":1,"account":"prod"}`,
		"another layout":   `{"layout":99,"account":"dev"}`,
		"half a session":   `{"layout":1,"account":"dev","fingerprint":"f","issued":"2026-11-22T12:00:00Z","expiration":"2026-11-22T13:00:00Z","access_key_id":"a"}`,
		"over before born": `{"layout":1,"account":"dev","fingerprint":"f","issued":"2026-11-22T12:00:00Z","expiration":"2026-11-22T11:00:00Z","access_key_id":"a","secret_access_key":"b","session_token":"c"}`,
		"empty":            "",
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Keychain.Set(t.Context(), item.SessionKey("dev", ""), []byte(content)); err != nil {
				t.Fatal(err)
			}
			s.troubles = nil
			s.want(t, s.provider("f", ""), s.fetches.Load()+1, time.Hour)
			if len(s.troubles) == 0 || !errors.Is(s.troubles[0], ErrCorrupt) {
				t.Errorf("troubles: %v", s.troubles)
			}
			for _, trouble := range s.troubles {
				if strings.Contains(trouble.Error(), "secret") {
					t.Errorf("%q quotes the item", trouble)
				}
			}
			s.want(t, s.provider("f", ""), s.fetches.Load(), time.Hour) // mended
		})
	}

	s.Keychain = OpenKeychain(KeychainConfig{Backend: "file", Dir: filepath.Join(t.TempDir(), "k"), Passphrase: func(context.Context, Safe) error { return errors.New("nobody knows") }})
	s.troubles = nil
	s.want(t, s.provider("g", ""), s.fetches.Load()+1, time.Hour)
	if len(s.troubles) == 0 {
		t.Error("nothing was reported")
	}
}

func TestWithoutAPlaceForLocksCredentialsCome(t *testing.T) {
	s := newScene(t)
	s.Dir = "/proc/nowhere"
	s.want(t, s.provider("f", ""), 1, time.Hour)
	s.want(t, s.provider("f", ""), 1, time.Hour)
	if len(s.troubles) != 1 {
		t.Errorf("troubles: %v", s.troubles)
	}
}

// Another process may be waiting for a person; who has a session to fall back on doesn't wait with it.
func TestASpareIsHandedOutWhileAnotherProcessIsAtIt(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "")
	s.want(t, p, 1, time.Hour)
	s.pass(50 * time.Minute)
	release, err := lock.Acquire(t.Context(), s.Dir, "dev")
	if err != nil {
		t.Fatal(err)
	}
	s.want(t, p, 1, 10*time.Minute)
	if p.Unanswered == nil {
		t.Error("nothing says why")
	}
	release()
	s.want(t, p, 2, time.Hour)
}

func TestAFailureThatConcernsOneProcessIsNotShared(t *testing.T) {
	s := newScene(t)
	s.err = fmt.Errorf("nobody to ask: %w", ErrAlone)
	for n := range int32(2) {
		if _, err := s.provider("f", "").Retrieve(t.Context()); !errors.Is(err, ErrAlone) || s.fetches.Load() != n+1 {
			t.Errorf("%v after %d fetches", err, s.fetches.Load())
		}
	}
	if past := s.provider("f", "").lastFailure("f", false); past != nil {
		t.Errorf("remembered %v", past.Message)
	}
}

func TestOnlyWhoIsInAHurrySharesTheFailureOfAHurry(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "")
	s.want(t, p, 1, time.Hour)
	s.pass(50 * time.Minute)
	s.err = errors.New("no answer in two seconds")
	s.want(t, p, 2, 10*time.Minute)
	if p.lastFailure("f", true) == nil || p.lastFailure("f", false) != nil {
		t.Error("the note isn't for those alone who fail fast")
	}
}

// A session that was cleared between our look and our writing stays cleared.
func TestRestampingBringsNothingBack(t *testing.T) {
	s := newScene(t)
	s.want(t, s.provider("f", "one"), 1, time.Hour)
	p := s.provider("f", "two")
	seen, err := s.Load(t.Context(), "dev")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Forget(t.Context(), []string{"dev", "prod"}); err != nil {
		t.Fatal(err)
	}
	plan, _ := p.Plan()
	p.restamp(t.Context(), seen, plan)
	if _, err := s.Load(t.Context(), "dev"); !errors.Is(err, ErrNotFound) {
		t.Errorf("err = %v, want it to be gone", err)
	}
}

func TestVolatilePlansAreAskedForEachTime(t *testing.T) {
	s := newScene(t)
	p := s.provider("f", "stamp")
	plan, _ := p.Plan()
	asked := 0
	p.Plan = func() (Plan, error) { asked++; plan.Volatile = true; return plan, nil }
	s.want(t, p, 1, time.Hour)
	s.want(t, p, 1, time.Hour)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// A clock that is ahead is what AWS may have refused. Once it is set right the refusal lies in the future, and is no answer.
func TestARefusalUntilTheClockIsRight(t *testing.T) {
	s := newScene(t)
	s.err = storedRefusal{"the clock is an hour ahead"}
	if _, err := s.provider("f", "").Retrieve(t.Context()); !errors.Is(err, ErrRefused) {
		t.Fatal(err)
	}
	s.err = nil
	s.pass(-time.Hour)
	s.want(t, s.provider("f", ""), 2, time.Hour)
}

// A program that retries what AWS refuses hears it again, for as long as it is told, and that it does. Trouble that may pass is
// tried each time, and so is a refusal by who hasn't asked for that.
func TestARefusalIsHandedOn(t *testing.T) {
	s := newScene(t)
	s.err = hint.New(storedRefusal{"not allowed"}, "ask")
	ask := func(relay time.Duration, fetches int32, again bool) {
		t.Helper()
		p := s.provider("f", "")
		p.Relay = relay
		_, err := p.Retrieve(t.Context())
		if got := s.fetches.Load(); got != fetches || !errors.Is(err, ErrRefused) || hint.Of(err) != "ask" ||
			strings.Contains(err.Error(), "; AWS said so a moment ago, and is asked again after 2s") != again {
			t.Errorf("AWS was asked %d times, want %d: %v", got, fetches, err)
		}
	}
	ask(2*time.Second, 1, false)
	s.pass(time.Second)
	ask(2*time.Second, 1, true)
	ask(0, 2, false)
	s.pass(2 * time.Second)
	ask(2*time.Second, 3, false)
	s.pass(time.Second)
	s.err = errors.New("no answer")
	s.pass(2 * time.Second)
	p := s.provider("f", "")
	for n := range int32(2) {
		p.Relay = 2 * time.Second
		if p.Retrieve(t.Context()); s.fetches.Load() != 4+n {
			t.Error("trouble that may pass isn't tried")
		}
	}
}
