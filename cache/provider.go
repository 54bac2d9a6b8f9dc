package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/lock"
)

// ErrRefused marks an error of Fetch as AWS's definite answer: a session that is still valid is then not handed out in
// its place. Every other error is a trouble that may pass.
var ErrRefused = errors.New("refused")

// Sessions are the sessions in one keychain, and the locks that keep their refreshes to one at a time.
type Sessions struct {
	Keychain *Keychain
	Dir      string           // of the locks
	Now      func() time.Time // the clock
	Report   func(error)      // told of trouble that was no reason to withhold credentials
}

// Plan says how a session comes about. It is asked for only when the stored session doesn't answer by itself.
type Plan struct {
	// Fingerprint covers all that shapes the session: two plans of the same fingerprint get the same session.
	Fingerprint string
	// Fetch gets new credentials. In a hurry, as there is a session to fall back on, it gives up soon. Credentials that
	// can't expire are handed out but not kept.
	Fetch func(ctx context.Context, hurry bool) (aws.Credentials, error)
}

// Provider answers from the keychain, or fetches and keeps. It is an aws.CredentialsProvider.
type Provider struct {
	*Sessions
	Account string               // its name
	Stamp   string               // of the accounts file's version; a session kept under it needs no plan. "" if not known
	Plan    func() (Plan, error) // see Plan
	Hurry   bool                 // handed on to Fetch
	Renew   bool                 // fetch even if the stored session is fresh

	// Unanswered is, after Retrieve, why a session was handed out that is valid but not fresh.
	Unanswered error
}

// How long a failed refresh is remembered, so that many processes with a session to fall back on don't each wait for it.
const failureMemory = 5 * time.Second

// Retrieve returns a fresh session: the stored one, the one that another process has just fetched, or a new one. When it
// can't be had and the failure isn't ErrRefused, a stored session that is still valid is as good.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	began := p.Now()
	stored := p.load(ctx)
	now := p.Now() // a keychain may take its time
	if !p.Renew && stored != nil && p.Stamp != "" && stored.Stamp == p.Stamp && stored.Fresh(now) {
		return stored.Credentials(), nil
	}

	plan, err := p.Plan()
	if err != nil {
		return aws.Credentials{}, err
	}
	answers := func(s *Session) bool { return s != nil && s.Fingerprint == plan.Fingerprint }
	if !p.Renew && answers(stored) && stored.Fresh(now) {
		// The file has changed, this account in it has not: the next call needs no plan again.
		if p.Stamp != "" {
			stored.Stamp = p.Stamp
			p.keep(ctx, stored)
		}
		return stored.Credentials(), nil
	}

	release, err := lock.Acquire(ctx, p.Dir, p.lockName())
	switch {
	case err == nil:
		defer release()
		stored = p.load(ctx)
	case ctx.Err() != nil:
		return aws.Credentials{}, hint.New(
			fmt.Errorf("%s: another process has been getting these credentials for %s", p.Account, p.Now().Sub(began).Round(time.Second)),
			"answer what it asks, or end it and try again")
	default: // without a lock two may fetch at once, which costs a call and does no harm
		p.Report(fmt.Errorf("locking %s: %w", p.Account, err))
	}

	now = p.Now()
	if answers(stored) && stored.Fresh(now) && !(p.Renew && !stored.Issued.After(began)) {
		return stored.Credentials(), nil
	}
	spare := answers(stored) && stored.Valid(now) && !p.Renew // who wants a new session is told that there is none
	if past := p.lastFailure(plan.Fingerprint); past != nil {
		since := now.Sub(past.At)
		if past.At.After(began) || spare && since >= 0 && since < failureMemory {
			return p.fallBack(stored, spare, past.error())
		}
	}

	credentials, err := plan.Fetch(ctx, p.Hurry || spare)
	if err != nil {
		p.remember(plan.Fingerprint, err)
		return p.fallBack(stored, spare, err)
	}
	p.forget()
	if credentials.CanExpire {
		p.keep(ctx, newSession(p.Account, plan.Fingerprint, p.Stamp, credentials, p.Now()))
	}
	return credentials, nil
}

func (p *Provider) fallBack(stored *Session, spare bool, err error) (aws.Credentials, error) {
	if spare && !errors.Is(err, ErrRefused) {
		p.Unanswered = err
		return stored.Credentials(), nil
	}
	return aws.Credentials{}, err
}

// Load returns the stored session of the account called name, fresh or not, or ErrNotFound.
func (s *Sessions) Load(ctx context.Context, name string) (*Session, error) {
	data, err := s.Keychain.Get(ctx, SessionKey(name))
	if err != nil {
		return nil, err
	}
	return parseSession(name, data)
}

// load is Load for those who can do without: no session is nil, and trouble is reported.
func (p *Provider) load(ctx context.Context) *Session {
	s, err := p.Load(ctx, p.Account)
	if err != nil && !errors.Is(err, ErrNotFound) {
		p.Report(fmt.Errorf("reading the session of %s: %w", p.Account, err))
	}
	return s
}

// keep stores s even if whoever asked for it has left meanwhile: the next caller is glad of it.
func (p *Provider) keep(ctx context.Context, s *Session) {
	end, bounded := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if bounded { // a passphrase may have to be asked for
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, latest(end, time.Now().Add(keepTime)))
		defer cancel()
	}
	data, err := json.Marshal(s)
	if err == nil {
		err = p.Keychain.Set(ctx, SessionKey(p.Account), data)
	}
	if err != nil {
		p.Report(fmt.Errorf("keeping the session of %s: %w", p.Account, err))
	}
}

// keepTime is what storing a session gets at the least, however late it came.
const keepTime = 3 * time.Second

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (p *Provider) lockName() string { return strings.ToLower(p.Account) }

// failure is what a failed refresh leaves for the others that wait for it. It holds nothing secret.
type failure struct {
	At          time.Time `json:"at"`
	Fingerprint string    `json:"fingerprint"`
	Message     string    `json:"message"`
	Hint        string    `json:"hint,omitempty"`
	Refused     bool      `json:"refused,omitempty"`
}

func (f *failure) error() error {
	err := errors.New(f.Message)
	if f.Refused {
		err = refusal{f.Message}
	}
	if f.Hint != "" {
		return hint.New(err, "%s", f.Hint)
	}
	return err
}

type refusal struct{ message string }

func (r refusal) Error() string        { return r.message }
func (r refusal) Is(target error) bool { return target == ErrRefused }

func (p *Provider) failurePath() string { return filepath.Join(p.Dir, p.lockName()+".failed") }

func (p *Provider) lastFailure(fingerprint string) *failure {
	data, err := os.ReadFile(p.failurePath())
	if err != nil {
		return nil
	}
	var f failure
	if json.Unmarshal(data, &f) != nil || f.Fingerprint != fingerprint {
		return nil // torn by a crash, or of other days
	}
	return &f
}

// remember is best effort: without the note, the others find out for themselves.
func (p *Provider) remember(fingerprint string, err error) {
	data, _ := json.Marshal(failure{
		At:          p.Now(),
		Fingerprint: fingerprint,
		Message:     err.Error(),
		Hint:        hint.Of(err),
		Refused:     errors.Is(err, ErrRefused),
	})
	os.WriteFile(p.failurePath(), data, 0o600)
}

func (p *Provider) forget() { os.Remove(p.failurePath()) }
