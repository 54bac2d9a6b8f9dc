package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/lock"
	"aws-accounts/internal/tui"
)

// Entry is one line of the access log: an attempt to obtain credentials, or trouble with keeping them. It never holds a
// secret. Warm calls, which obtain nothing, leave no entry.
type Entry struct {
	Time       time.Time  `json:"time"`
	Account    string     `json:"account,omitempty"`
	Action     string     `json:"action,omitempty"` // what else than getting credentials: ActionRotate
	AccountID  string     `json:"account_id,omitempty"`
	RoleARN    string     `json:"role_arn,omitempty"`
	Source     string     `json:"source,omitempty"`
	Outcome    string     `json:"outcome"` // OutcomeOK …
	Code       string     `json:"code,omitempty"`
	RequestID  string     `json:"request_id,omitempty"`
	Error      string     `json:"error,omitempty"`
	DurationMS int64      `json:"duration_ms,omitempty"`
	Expiration *time.Time `json:"expiration,omitempty"`
	Caller     string     `json:"caller,omitempty"` // the program that started us
	PID        int        `json:"pid,omitempty"`
}

// What came of it.
const (
	OutcomeOK      = "ok"
	OutcomeRefused = "refused" // AWS's definite answer
	OutcomeFailed  = "failed"  // trouble that may pass
	OutcomeTrouble = "trouble" // credentials were handed out, but not read from or kept in the keychain
)

// ActionRotate is the rotation of an access key.
const ActionRotate = "keys rotate"

// The log is rotated when it reaches this size; one older part is kept.
const rotateAt = 1 << 20

// AccessLog appends to the access log. A log that can't be written is no reason to withhold credentials.
type AccessLog struct {
	Path   string
	Caller func() string
	Now    func() time.Time

	quiet bool // only what succeeds is written
}

// Attempt is an entry in the making.
type Attempt struct {
	log   *AccessLog
	Entry Entry
}

// Begin notes that a's credentials are about to be obtained.
func (l *AccessLog) Begin(a *accounts.Account) *Attempt {
	e := Entry{Time: l.Now().UTC(), Account: a.Name, AccountID: a.AccountID, RoleARN: a.RoleARN, PID: os.Getpid()}
	if s := a.SourceAccount(); s != nil {
		e.Source = s.Name
	}
	return &Attempt{l, e}
}

// End writes the entry with what came of the attempt.
func (t *Attempt) End(c aws.Credentials, err error) {
	e := &t.Entry
	e.DurationMS = t.log.Now().Sub(e.Time).Milliseconds()
	e.Outcome = OutcomeOK
	if err == nil && c.CanExpire {
		e.Expiration = aws.Time(c.Expires.UTC())
	}
	if err != nil {
		e.Outcome, e.Error = OutcomeFailed, err.Error()
		if errors.Is(err, cache.ErrRefused) {
			e.Outcome = OutcomeRefused
		}
		if r, ok := errors.AsType[*Refusal](err); ok {
			e.Code, e.RequestID = r.Code, r.RequestID
		}
	}
	if err == nil || !t.log.quiet {
		t.log.append(t.Entry)
	}
}

// Trouble logs what was no reason to withhold the account's credentials; "" is no account alone.
func (l *AccessLog) Trouble(account string, err error) {
	l.append(Entry{Time: l.Now().UTC(), Account: account, Outcome: OutcomeTrouble, Error: err.Error(), PID: os.Getpid()})
}

// append writes a line with one write to a file opened for appending, so that many writers' lines don't mix.
func (l *AccessLog) append(e Entry) {
	if l.Path == "" {
		return
	}
	e.Caller = l.Caller()
	var line bytes.Buffer
	if tui.JSON(&line, e, "") != nil || os.MkdirAll(filepath.Dir(l.Path), 0o700) != nil {
		return
	}
	if info, err := os.Stat(l.Path); err == nil && info.Size() > rotateAt {
		l.rotate()
	}
	f, err := os.OpenFile(l.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write(line.Bytes())
}

// rotate lets one process at a time move the full log aside; a line written meanwhile lands in one part or the other.
func (l *AccessLog) rotate() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	release, err := lock.Acquire(ctx, filepath.Join(filepath.Dir(l.Path), "locks"), "_access-log")
	if err != nil {
		return
	}
	defer release()
	if info, err := os.Stat(l.Path); err == nil && info.Size() > rotateAt {
		os.Rename(l.Path, l.Path+".1")
	}
}

// ReadLog returns the entries of the log at path, older part first. Lines that aren't entries, as a crash may leave, are
// passed over.
func ReadLog(path string) ([]Entry, error) {
	var entries []Entry
	for _, part := range []string{path + ".1", path} {
		data, err := os.ReadFile(part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(data) {
			var e Entry
			if json.Unmarshal(line, &e) == nil && !e.Time.IsZero() {
				entries = append(entries, e)
			}
		}
	}
	return entries, nil
}
