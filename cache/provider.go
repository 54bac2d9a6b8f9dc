package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/note"
)

// ErrRefused marks an error of Fetch as AWS's definite answer: a session that is still valid is then not handed out in
// its place. Every other error is a trouble that may pass.
var ErrRefused = errors.New("refused")

// ErrAlone marks an error of Fetch that concerns this process alone, as when it has nobody to ask: others who wait for the
// same session try for themselves.
var ErrAlone = errors.New("concerns one process")

// Sessions are the sessions in one keychain, and the locks that keep their refreshes to one at a time.
type Sessions struct {
	Keychain *Keychain
	Variant  string                          // of the environment: see item.SessionKey
	Dir      string                          // of the locks
	Now      func() time.Time                // the clock
	Report   func(account string, err error) // told of trouble that was no reason to withhold credentials
	Waiting  func(account string)            // told when another process has been getting its session for a while; nil for nobody
}

// Plan says how a session comes about. It is asked for only when the stored session doesn't answer by itself.
type Plan struct {
	// Fingerprint covers all that shapes the session: two plans of the same fingerprint get the same session.
	Fingerprint string
	// Volatile plans depend on more than a stamp covers: sessions of theirs need the plan each time.
	Volatile bool
	// Fetch gets new credentials. With failFast, as there is a session to fall back on, it gives up soon. Credentials that
	// can't expire are handed out but not kept.
	Fetch func(ctx context.Context, failFast bool) (aws.Credentials, error)
}

// Provider answers from the keychain, or fetches and keeps. It is an aws.CredentialsProvider.
type Provider struct {
	*Sessions
	Account  string               // its name
	Stamp    string               // of the accounts file's version; a session kept under it needs no plan. "" if not known
	Plan     func() (Plan, error) // see Plan
	FailFast bool                 // handed on to Fetch
	Renew    bool                 // fetch even if the stored session is fresh
	Insist   bool                 // try even if others have just failed: somebody has typed it
	Relay    time.Duration        // so long AWS's last refusal is handed on: a program that retries would only hear it again

	// Unanswered is, after Retrieve, why a session was handed out that is valid but not fresh.
	Unanswered error
	// Unkept is, after Retrieve, why a new session could not be stored.
	Unkept error
}

const (
	// How long a failed refresh is remembered, so that many processes with a session to fall back on don't each wait for it.
	failureMemory = 5 * time.Second
	// How long who has a session to fall back on waits for another's refresh, who may be asking a person.
	hurriedWait = 2 * time.Second
	// When who waits for another process says so.
	sayWaiting = time.Second
)

// Retrieve returns a fresh session: the stored one, the one that another process has just fetched, or a new one. When it
// can't be had and the failure isn't ErrRefused, a stored session that is still valid is as good.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	began := p.Now()
	stored, trouble := p.load(ctx, nil)
	now := p.Now() // a keychain may take its time
	if !p.Renew && stored != nil && stored.Answers(p.Stamp, now) {
		return p.handOut(stored), nil
	}

	plan, err := p.Plan()
	if err != nil {
		return aws.Credentials{}, err
	}
	answers := func(s *item.Session) bool { return s != nil && s.Fingerprint == plan.Fingerprint }
	if !p.Renew && answers(stored) && stored.Fresh(now) {
		p.restamp(ctx, stored, plan)
		return p.handOut(stored), nil
	}
	// A session to fall back on. Who wants a new one is told that there is none.
	canFallBack := func(s *item.Session) bool { return answers(s) && s.Valid(p.Now()) && !p.Renew }

	slog.Debug("no fresh session is stored", "account", p.Account, "stored", stored != nil, "ofThisFile", answers(stored))
	release, err := p.lock(ctx, p.FailFast || canFallBack(stored))
	switch {
	case err == nil:
		defer release()
		// What is in hand is worth more than a keychain that has come into trouble since.
		if now, err := p.load(ctx, trouble); err == nil || errors.Is(err, ErrNotFound) {
			stored = now
		}
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return p.fallBack(stored, canFallBack, hint.New(
			fmt.Errorf("%s: another process has been getting these credentials for %s", p.Account, p.Now().Sub(began).Round(time.Second)),
			"answer what it asks, or end it and try again"))
	default: // without a lock two may fetch at once, which costs a call and does no harm
		p.Report(p.Account, fmt.Errorf("locking %s: %w", p.Account, err))
	}

	if answers(stored) && stored.Fresh(p.Now()) && !(p.Renew && !stored.Issued.After(began)) {
		return p.handOut(stored), nil
	}
	failFast := p.FailFast || canFallBack(stored)
	if past := p.lastFailure(plan.Fingerprint, failFast); past != nil && !p.Insist {
		since := p.Now().Sub(past.At)
		switch {
		case since < 0: // the clock was ahead, which may be just what AWS refused
		case past.At.After(began) || canFallBack(stored) && since < failureMemory:
			return p.fallBack(stored, canFallBack, past.error())
		case past.Refused && since < p.Relay:
			past.Message += fmt.Sprintf("; AWS said so a moment ago, and is asked again after %s", p.Relay)
			return aws.Credentials{}, past.error()
		}
	}

	slog.Debug("getting a new session", "account", p.Account, "failFast", failFast)
	credentials, err := plan.Fetch(ctx, failFast)
	if err != nil {
		p.remember(plan.Fingerprint, failFast, err)
		return p.fallBack(stored, canFallBack, err)
	}
	p.forget()
	if credentials.CanExpire {
		p.Unkept = p.keep(ctx, newSession(p.Account, plan.Fingerprint, p.stampFor(plan), credentials, p.Now()))
	}
	return credentials, nil
}

// lock waits for this process's turn: not for long where there is a session to fall back on.
func (p *Provider) lock(ctx context.Context, failFast bool) (release func(), err error) {
	if failFast {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, hurriedWait)
		defer cancel()
	}
	if p.Waiting != nil {
		defer time.AfterFunc(sayWaiting, func() { p.Waiting(p.Account) }).Stop()
	}
	return lock.Acquire(ctx, p.Dir, p.lockName())
}

// restamp spares the next call the plan, after a change of the accounts file that isn't one of this account. Nobody waits
// for it, and it doesn't bring back a session that somebody has removed or replaced meanwhile.
func (p *Provider) restamp(ctx context.Context, seen *item.Session, plan Plan) {
	if p.stampFor(plan) == "" {
		return
	}
	release, ok := lock.Try(p.Dir, p.lockName())
	if !ok {
		return
	}
	defer release()
	stored, err := p.Load(ctx, p.Account)
	if err != nil || stored.AccessKeyID != seen.AccessKeyID {
		return
	}
	stored.Stamp = p.Stamp
	p.keep(ctx, stored)
}

func (p *Provider) stampFor(plan Plan) string {
	if plan.Volatile {
		return ""
	}
	return p.Stamp
}

func (p *Provider) fallBack(stored *item.Session, canFallBack func(*item.Session) bool, err error) (aws.Credentials, error) {
	if canFallBack(stored) && !errors.Is(err, ErrRefused) {
		p.Unanswered = err
		return p.handOut(stored), nil
	}
	return aws.Credentials{}, err
}

func (p *Provider) handOut(s *item.Session) aws.Credentials {
	slog.Debug("the stored session is handed out", "account", p.Account, "left", s.Expiration.Sub(p.Now()))
	return aws.Credentials{
		AccessKeyID:     s.AccessKeyID,
		SecretAccessKey: s.SecretAccessKey,
		SessionToken:    s.SessionToken,
		CanExpire:       true,
		Expires:         s.Expiration,
		AccountID:       s.AccountID,
		Source:          s.Source,
	}
}

// Load returns the stored session of the account called name, fresh or not, or ErrNotFound.
func (s *Sessions) Load(ctx context.Context, name string) (*item.Session, error) {
	data, err := s.Keychain.Get(ctx, item.SessionKey(name, s.Variant))
	if err != nil {
		return nil, err
	}
	return item.ParseSession(name, data)
}

// load is Load for those who can do without: no session is nil, and trouble is reported, unless it was before.
func (p *Provider) load(ctx context.Context, reported error) (*item.Session, error) {
	s, err := p.Load(ctx, p.Account)
	if _, none := errors.AsType[*noChoice](err); none { // whoever makes the plan says so
		return nil, err
	}
	if err != nil && !errors.Is(err, ErrNotFound) && (reported == nil || reported.Error() != err.Error()) {
		p.Report(p.Account, fmt.Errorf("reading the session of %s: %w", p.Account, err))
	}
	return s, err
}

// keep stores s. That it can't is trouble, but no reason to withhold it.
func (p *Provider) keep(ctx context.Context, s *item.Session) error {
	data, err := json.Marshal(s)
	if err == nil {
		err = p.Keychain.Keep(ctx, item.SessionKey(p.Account, p.Variant), data)
	}
	if err != nil {
		p.Report(p.Account, fmt.Errorf("keeping the session of %s: %w", p.Account, err))
	}
	return err
}

func newSession(account, fingerprint, stamp string, c aws.Credentials, now time.Time) *item.Session {
	return &item.Session{
		Layout:      item.SessionLayout,
		Account:     account,
		Fingerprint: fingerprint,
		Stamp:       stamp,
		Issued:      now.UTC(),

		AccessKeyID:     c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey,
		SessionToken:    c.SessionToken,
		Expiration:      c.Expires.UTC(),
		AccountID:       c.AccountID,
		Source:          c.Source,
	}
}

func (p *Provider) lockName() string { return p.Sessions.lockName(p.Account) }

func (s *Sessions) lockName(account string) string {
	if s.Variant == "" {
		return strings.ToLower(account)
	}
	return strings.ToLower(account) + "=" + s.Variant // no account's name has the sign
}

// failure is what a failed refresh leaves for the others that wait for it. It holds nothing secret.
type failure struct {
	At          time.Time `json:"at"`
	Fingerprint string    `json:"fingerprint"`
	FailFast    bool      `json:"fail_fast,omitempty"`
	Message     string    `json:"message"`
	Hint        string    `json:"hint,omitempty"`
	Refused     bool      `json:"refused,omitempty"`
}

func (f *failure) error() error {
	err := errors.New(f.Message)
	if f.Refused {
		err = storedRefusal{f.Message}
	}
	if f.Hint != "" {
		return hint.New(err, "%s", f.Hint)
	}
	return err
}

type storedRefusal struct{ message string }

func (r storedRefusal) Error() string        { return r.message }
func (r storedRefusal) Is(target error) bool { return target == ErrRefused }

func (p *Provider) failureNote() string { return p.lockName() + ".failed" }

// lastFailure returns what failed last for the same session. That somebody had no time doesn't concern who has.
func (p *Provider) lastFailure(fingerprint string, failFast bool) *failure {
	var f failure
	if !note.Read(p.Dir, p.failureNote(), &f) || f.Fingerprint != fingerprint || f.FailFast && !failFast {
		return nil
	}
	return &f
}

func (p *Provider) remember(fingerprint string, failFast bool, err error) {
	if errors.Is(err, ErrAlone) {
		return
	}
	note.Write(p.Dir, p.failureNote(), failure{
		At:          p.Now(),
		Fingerprint: fingerprint,
		FailFast:    failFast,
		Message:     err.Error(),
		Hint:        hint.Of(err),
		Refused:     errors.Is(err, ErrRefused),
	})
}

func (p *Provider) forget() { note.Remove(p.Dir, p.failureNote()) }
