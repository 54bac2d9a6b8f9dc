package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	smithy "github.com/aws/smithy-go"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/note"
	"aws-accounts/internal/pattern"
)

// MFA gets the codes of MFA devices, and sees that none is sent twice: AWS takes each once (99designs/aws-vault#1110).
type MFA struct {
	Asker *ask.Asker // nil: no code is given at all, not even by mfa_process
	Code  string     // of --mfa-code: given out once
	Dir   string     // of the notes about codes that were used
	Now   func() time.Time
}

// How often a person may mistype, and how long before the end of the whole attempt a question is withdrawn: the calls to
// AWS that follow need that time.
const (
	mfaTries  = 3
	mfaMargin = 8 * time.Second
)

// A code of a time-based device (RFC 6238) holds for a step of so long.
const mfaStep = 30 * time.Second

var mfaCode = pattern.New(`^[0-9]{6}$`)

// with makes a client's call with a code of a's device, again with another where AWS says that it's wrong and somebody
// can be asked.
func (m *MFA) with(ctx context.Context, a *accounts.Account, account string, client *Client,
	call func(client *Client, code string) (aws.Credentials, error)) (aws.Credentials, error) {
	complaint := ""
	for try := 1; ; try++ {
		code, retry, err := m.code(ctx, a, account, complaint)
		if err != nil {
			return aws.Credentials{}, err
		}
		var sent delivery
		takeBack := m.noteUsed(a.MFASerial, code)
		credentials, err := call(client.Through(sent.watched), code)
		if !sent.spent {
			takeBack()
		}
		switch {
		case err == nil || !wrongCode(err):
			return credentials, err
		case !retry || try == mfaTries:
			return credentials, hint.New(&Refusal{
				message: fmt.Sprintf("%s: AWS doesn't accept the MFA code of %s", account, a.MFASerial), Code: "AccessDenied", RequestID: requestID(err)},
				"check that it is the device named, and that its clock is right; then `aws-accounts assume %s`", account)
		}
		complaint = "AWS says that the code is wrong. "
	}
}

// code returns a code that hasn't been used, and whether asking again may give a better one.
func (m *MFA) code(ctx context.Context, a *accounts.Account, account, complaint string) (code string, retry bool, err error) {
	if m.Code != "" {
		code, m.Code = m.Code, ""
		code = withoutBlanks(code)
		if m.used(a.MFASerial, code) {
			return "", false, hint.New(fmt.Errorf("%s: this MFA code has been used, and AWS takes each once", account),
				"wait for the next code, at most 30 seconds")
		}
		if err := m.check(code); err != nil {
			return "", false, hint.Usage(err, "type what the device shows now: --mfa-code 123456")
		}
		return code, false, nil
	}
	if m.Asker == nil {
		return "", false, m.explainNoCode(ask.ErrNobody, a, account)
	}
	ctx, cancel := m.questionTime(ctx)
	defer cancel()
	if a.MFAProcess != "" {
		code, err = m.fromProcess(ctx, a, account)
		return code, complaint == "", err
	}
	for {
		code, err = m.Asker.Secret(ctx, fmt.Sprintf("%sMFA code of %s for %s", complaint, Device(a.MFASerial), account))
		if err != nil {
			return "", false, m.explainNoCode(err, a, account)
		}
		code = withoutBlanks(code)
		switch {
		case !mfaCode.MatchString(code):
			complaint = "A code has six digits. "
		case m.used(a.MFASerial, code):
			complaint = "That code has been used; wait for the next. "
		default:
			return code, true, nil
		}
	}
}

// fromProcess runs mfa_process, and once more in the next step if it prints a code that was used.
func (m *MFA) fromProcess(ctx context.Context, a *accounts.Account, account string) (string, error) {
	for {
		code, err := m.Asker.Command(ctx, a.MFAProcess)
		if err == nil {
			code = withoutBlanks(code)
			err = m.check(code)
		}
		if err != nil {
			return "", hint.New(fmt.Errorf("%s: mfa_process gives no code: %w", account, err),
				"run the command by hand; it must print the six digits on its first line")
		}
		if !m.used(a.MFASerial, code) {
			return code, nil
		}
		select {
		case <-time.After(m.untilNextStep()):
		case <-ctx.Done():
			return "", hint.New(fmt.Errorf("%s: mfa_process gives a code that has been used", account), "try again in 30 seconds")
		}
	}
}

// withoutBlanks is a code as AWS takes it: many devices show `123 456`.
func withoutBlanks(code string) string { return strings.Join(strings.Fields(code), "") }

func (m *MFA) check(code string) error {
	if !mfaCode.MatchString(code) {
		return errors.New("an MFA code has six digits")
	}
	return nil
}

func (m *MFA) questionTime(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-mfaMargin))
}

func (m *MFA) explainNoCode(err error, a *accounts.Account, account string) error {
	needs := NeedsCode{account, a.MFASerial}
	run := fmt.Sprintf("run `aws-accounts assume %s` in a terminal", account)
	switch {
	case errors.Is(err, ask.ErrNobody):
		return hint.New(needs, "%s", run)
	case errors.Is(err, context.DeadlineExceeded):
		return hint.New(fmt.Errorf("%s, and nobody answered in time", needs.what()), "%s", run)
	}
	return hint.New(fmt.Errorf("%s: %w", needs.what(), err), "%s", run)
}

// NeedsCode is the error of an account that needs an MFA code where there is nobody to ask. Others who wait for the same session
// need not share it.
type NeedsCode struct{ Account, Device string }

func (n NeedsCode) what() string {
	return fmt.Sprintf("%s needs an MFA code of %s", n.Account, n.Device)
}
func (n NeedsCode) Error() string        { return n.what() + ", and there is nobody to ask" }
func (n NeedsCode) Is(target error) bool { return target == cache.ErrAlone }

// Device is the part of a serial that a person knows the device by.
func Device(serial string) string {
	if !strings.HasPrefix(serial, "arn:") {
		return serial
	}
	return serial[strings.LastIndexAny(serial, ":/")+1:]
}

// used reports whether AWS has had the code within the time for which it holds.
func (m *MFA) used(serial, code string) bool {
	var n usedCode
	return note.Read(m.Dir, noteOf(serial), &n) && n.Code == code && m.Now().Sub(n.At) < 3*mfaStep
}

// usedCode is worthless to others: AWS doesn't take it again.
type usedCode struct {
	Code string    `json:"code"`
	At   time.Time `json:"at"`
}

// noteUsed is best effort: without the note AWS refuses the code, and another is asked for. It comes before the code
// is sent, so that no other process sends it meanwhile; takeBack is for one that AWS has then not had.
func (m *MFA) noteUsed(serial, code string) (takeBack func()) {
	var before usedCode
	had := note.Read(m.Dir, noteOf(serial), &before)
	note.Write(m.Dir, noteOf(serial), usedCode{code, m.Now()})
	return func() {
		if had {
			note.Write(m.Dir, noteOf(serial), before)
		} else {
			note.Remove(m.Dir, noteOf(serial))
		}
	}
}

func noteOf(serial string) string { return noteAbout("mfa", serial) }

// noteAbout is the name of a note of a kind that doesn't tell what it is about.
func noteAbout(kind, what string) string {
	sum := sha256.Sum256([]byte(what))
	return kind + "-" + hex.EncodeToString(sum[:8]) + ".json"
}

func (m *MFA) untilNextStep() time.Duration {
	now := m.Now()
	return now.Truncate(mfaStep).Add(mfaStep).Sub(now)
}

// wrongCode tells AWS's refusal of the code from that of the role or the device.
func wrongCode(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && strings.Contains(api.ErrorMessage(), "MultiFactorAuthentication failed with invalid MFA one time pass code")
}
