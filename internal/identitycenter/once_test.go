package identitycenter

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"aws-accounts/cache"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/test/standin"
)

// lateAWS is s with answers to CreateToken that come late: AWS has spent the grant by the time that answered is called, and
// the answer goes out when that returns.
func lateAWS(t *testing.T, s *standin.Server, answered func()) string {
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" {
			s.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
		answered()
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(late.Close)
	return late.URL
}

// AWS has rotated the refresh token when the caller leaves, long after its clients' own limit for a call: the new token is
// waited for and kept, and the sign-in goes on.
func TestRenewalOutlastsItsCaller(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	must(t, newCenter(t, s, dir, &someone{visit: signsIn}))
	s.Advance(2 * time.Hour)

	const limit = 50 * time.Millisecond
	ctx, leave := context.WithCancel(t.Context())
	c := newCenter(t, s, dir, nil)
	c.Config.BaseEndpoint = aws.String(lateAWS(t, s, func() {
		<-time.After(3 * limit)
		leave()
	}))
	c.Config.HTTPClient = awshttp.NewBuildableClient().WithTimeout(limit)
	c.Config.Retryer = func() aws.Retryer { return retry.NewStandard() }
	if _, err := c.Credentials(ctx, account, "ReadOnly"); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	wantCalls(t, s, "CreateToken", 2)

	must(t, newCenter(t, s, dir, nil))
	wantCalls(t, s, "CreateToken", 2) // the token of the renewal was kept
	s.Advance(2 * time.Hour)
	must(t, newCenter(t, s, dir, nil))
	wantCalls(t, s, "CreateToken", 3)
	wantCalls(t, s, "Authorize", 1)
}

// Of a renewal whose answer got lost nobody knows whether AWS has spent the token. It isn't repeated at once, and the call
// that lost it doesn't take the sign-in to be over.
func TestLostAnswerIsNotRepeated(t *testing.T) {
	for _, kind := range []standin.Kind{standin.Reset, standin.ResetMidAnswer, standin.Truncate, standin.ServerError, standin.Throttle} {
		t.Run(string(kind), func(t *testing.T) {
			s, dir := startAWS(t), t.TempDir()
			must(t, newCenter(t, s, dir, &someone{visit: signsIn}))
			s.Advance(2 * time.Hour)
			s.Fault(standin.Fault{Operation: "CreateToken", Kind: kind, Count: 1})
			c := newCenter(t, s, dir, nil)
			c.Config.Retryer = func() aws.Retryer { return retry.NewStandard() }
			_, err := c.Credentials(t.Context(), account, "ReadOnly")
			if _, over := errors.AsType[*NeedsSignIn](err); err == nil || over {
				t.Errorf("got error %v", err)
			}
			wantCalls(t, s, "CreateToken", 2)
			if c.load(t.Context()) == nil {
				t.Error("the sign-in was dropped")
			}
		})
	}
}

// The token that a confirmed code brings comes once as well: if its answer gets lost, the person signs in again, and nothing
// is wrong with the accounts file.
func TestLostAnswerToADeviceCode(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	c := newCenter(t, s, dir, nil)
	c.Config.Retryer = func() aws.Retryer { return retry.NewStandard() }
	var first sync.Once
	c.Config.BaseEndpoint = aws.String(lateAWS(t, s, func() { first.Do(func() { panic(http.ErrAbortHandler) }) }))
	c.Person = shower(s.ApproveDevice)
	_, err := c.Credentials(t.Context(), account, "ReadOnly")
	wantNeedsSignIn(t, err, "AWS's answer to the sign-in to corp got lost")
	wantCalls(t, s, "CreateToken", 2)
}

// It is kept for who has left before it came.
func TestADeviceCodeOutlivesWhoLeaves(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	ctx, leave := context.WithCancel(t.Context())
	c := newCenter(t, s, dir, nil)
	c.Config.BaseEndpoint = aws.String(lateAWS(t, s, leave))
	c.Person = shower(s.ApproveDevice)
	if _, err := c.Credentials(ctx, account, "ReadOnly"); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	must(t, newCenter(t, s, dir, nil))
	wantCalls(t, s, "CreateToken", 1)
}

// The person confirms after AWS was asked the first time.
func TestDeviceCodePending(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	c := newCenter(t, s, dir, nil)
	var shown string
	c.Person = shower(func(code string) error { shown = code; return nil })
	var first sync.Once
	c.Config.BaseEndpoint = aws.String(lateAWS(t, s, func() {
		first.Do(func() {
			if err := s.ApproveDevice(shown); err != nil {
				t.Error(err)
			}
		})
	}))
	must(t, c)
	wantCalls(t, s, "CreateToken", 2)
}

// While the person hasn't confirmed yet, a few questions that get lost end nothing.
func TestDeviceCodeOverABadNetwork(t *testing.T) {
	for lost, want := range map[int]int{2: 3, 3: 3} {
		s := startAWS(t)
		c := newCenter(t, s, t.TempDir(), nil)
		c.Config.Retryer = func() aws.Retryer { return retry.NewStandard() }
		c.Person = shower(s.ApproveDevice)
		s.Fault(standin.Fault{Operation: "CreateToken", Kind: standin.Reset, Count: lost})
		_, err := c.Credentials(t.Context(), account, "ReadOnly")
		if (err == nil) != (lost < 3) || Misconfigured(err) {
			t.Errorf("%d lost: %v", lost, err)
		}
		wantCalls(t, s, "CreateToken", want)
	}
}

// Who is in a hurry leaves without the answer, and it's there for the next.
func TestARenewalOutlivesWhoIsInAHurry(t *testing.T) {
	s, dir := startAWS(t), t.TempDir()
	must(t, newCenter(t, s, dir, &someone{visit: signsIn}))
	s.Advance(2 * time.Hour)
	s.Fault(standin.Fault{Operation: "CreateToken", Kind: standin.Slow, Delay: 3 * time.Second, Count: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := newCenter(t, s, dir, nil).Credentials(ctx, account, "ReadOnly")
	if _, over := errors.AsType[*NeedsSignIn](err); err == nil || over {
		t.Errorf("got error %v", err)
	}
	wantCalls(t, s, "CreateToken", 2)
	must(t, newCenter(t, s, dir, nil))
	wantCalls(t, s, "CreateToken", 2)
}

// A passphrase that nobody types keeps neither the call nor those who wait behind it: the lock is free when the time is up.
func TestNobodyTypesThePassphrase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		asked := 0
		var reports []string
		c := &Center{
			Session: Session{Name: "corp"}, Locks: filepath.Join(dir, "locks"), Now: time.Now,
			Report: func(err error) { reports = append(reports, err.Error()) },
			Store: inFile(dir, func(ctx context.Context, _ cache.Safe) error {
				asked++
				<-ctx.Done()
				return ctx.Err()
			}),
		}
		began := time.Now()
		ctx, cancel := context.WithDeadline(t.Context(), began.Add(time.Second))
		defer cancel()
		release, err := c.lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		item := whole()
		c.keep(ctx, &item)
		release()
		if took := time.Since(began); asked != 1 || took < 3*time.Second || took > 4*time.Second {
			t.Errorf("asked %d times, took %s", asked, took)
		}
		if len(reports) != 1 || !strings.HasPrefix(reports[0], "keeping the sign-in to corp: ") || strings.Contains(reports[0], "hush") {
			t.Errorf("reported %q", reports)
		}
		release, err = lock.Acquire(t.Context(), c.Locks, c.lockName())
		if err != nil {
			t.Fatal(err)
		}
		release()
	})
}
