package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/ask"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/route"
)

const badCode = "MultiFactorAuthentication failed with invalid MFA one time pass code. "

// phone is an MFA device on a computer with a clock that the test sets, and whose codes a command prints.
type phone struct {
	*MFA
	t     *testing.T
	owner *accounts.Account
	now   time.Time
	file  string   // what the command prints
	sent  []string // the codes that AWS was sent
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	dir := t.TempDir()
	p := &phone{t: t, now: time.Date(2026, 11, 22, 12, 0, 10, 0, time.UTC), file: filepath.Join(dir, "code")}
	p.MFA = &MFA{Asker: &ask.Asker{Never: true}, Dir: filepath.Join(dir, "notes"), Now: func() time.Time { return p.now }}
	show := "cat "
	if runtime.GOOS == "windows" {
		show = "type "
	}
	p.owner = (&accounts.File{Path: "accounts.json"}).Indexed().
		Entry(accounts.Account{Name: "main", MFASerial: device, MFAProcess: show + p.file})
	return p
}

// prints has the command print something.
func (p *phone) prints(text string) {
	p.t.Helper()
	if err := os.WriteFile(p.file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// use sends a code to AWS, which answers with err.
func (p *phone) use(ctx context.Context, err error) error {
	_, got := p.with(ctx, p.owner, "dev", heard(p.owner), func(c *Client, code string) (aws.Credentials, error) {
		p.sent = append(p.sent, code)
		c.Whoami(ctx)
		return aws.Credentials{}, err
	})
	return got
}

// heard is a client whose calls AWS has had.
func heard(a *accounts.Account) *Client {
	return (&Client{hop: &route.Hop{Account: a}, report: func(error) {}}).Through(func(aws.Config) aws.Config {
		return aws.Config{Region: "eu-west-1", HTTPClient: answering{200, nil},
			Credentials: Static(aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"})}
	})
}

// A code is sent to AWS once, since AWS takes it once: neither the same process nor the next one sends it again
// while it holds, and one that AWS has refused counts as well.
func TestACodeIsSentOnce(t *testing.T) {
	for name, answer := range map[string]error{"taken": nil, "refused": answer(403, "AccessDenied", "no"),
		"lost": errors.New("connection reset")} {
		t.Run(name, func(t *testing.T) {
			p := newPhone(t)
			p.Code = "123456"
			p.use(t.Context(), answer)
			for _, later := range []time.Duration{0, 29 * time.Second, 89 * time.Second} {
				p.Code = "123456"
				p.now = p.now.Truncate(time.Minute).Add(10*time.Second + later)
				expect(
					t,
					p.use(t.Context(), nil),
					"dev: this MFA code has been used, and AWS takes each once",
					"wait for the next code",
				)
			}
			if len(p.sent) != 1 {
				t.Errorf("AWS was sent %q", p.sent)
			}
			p.Code = "654321"
			if err := p.use(t.Context(), nil); err != nil || len(p.sent) != 2 {
				t.Errorf("another code: %v", err)
			}
		})
	}
}

// Six digits are another code on another device, and in the next hour.
func TestACodeIsItsDevices(t *testing.T) {
	p := newPhone(t)
	p.Code = "123456"
	p.use(t.Context(), nil)
	if p.used("arn:aws:iam::123456789012:mfa/other", "123456") {
		t.Error("used on another device")
	}
	if !p.used(device, "123456") {
		t.Error("not used on this one")
	}
	p.now = p.now.Add(3 * mfaStep)
	if p.used(device, "123456") {
		t.Error("used for ever")
	}
}

// A command that prints a code which has been used is run once more, in the next step: not before, and not twice.
func TestACommandsUsedCodeWaitsForTheNext(t *testing.T) {
	p := newPhone(t)
	p.now = p.now.Truncate(mfaStep).Add(mfaStep - 20*time.Millisecond)
	p.prints("111111")
	if err := p.use(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithTimeout(t.Context(), mfaMargin+200*time.Millisecond)
	defer leave()
	expect(t, p.use(gone, nil), "dev: mfa_process gives", "")
	if len(p.sent) != 1 {
		t.Fatalf("AWS was sent %q", p.sent)
	}
	p.prints("222222\n")
	if err := p.use(t.Context(), nil); err != nil || len(p.sent) != 2 || p.sent[1] != "222222" {
		t.Errorf("AWS was sent %q, %v", p.sent, err)
	}
}

// How long it is to the next step shows on the clock.
func TestUntilTheNextStep(t *testing.T) {
	p := newPhone(t)
	for second, want := range map[int]time.Duration{0: 30 * time.Second, 10: 20 * time.Second, 29: time.Second,
		31: 29 * time.Second} {
		p.now = time.Date(2026, 11, 22, 12, 0, second, 0, time.UTC)
		if got := p.untilNextStep(); got != want {
			t.Errorf("%ds: %v", second, got)
		}
	}
}

// A wrong code of a command is no person's slip: another is tried once. Another refusal isn't the code's fault.
func TestAWrongCode(t *testing.T) {
	p := newPhone(t)
	p.now = p.now.Truncate(mfaStep).Add(mfaStep - time.Millisecond)
	p.prints("111111")
	n := 0
	_, err := p.with(t.Context(), p.owner, "dev", heard(p.owner), func(c *Client, code string) (aws.Credentials, error) {
		n++
		c.Whoami(t.Context())
		p.prints(fmt.Sprintf("%06d", n))
		return aws.Credentials{}, answer(403, "AccessDenied", badCode)
	})
	expect(t, err, "dev: AWS doesn't accept the MFA code of "+device+" (AccessDenied)", "aws-accounts assume dev")
	if n != 2 {
		t.Errorf("AWS was sent %d codes", n)
	}

	p = newPhone(t)
	p.Code = "123456"
	expect(
		t,
		p.use(t.Context(), answer(403, "AccessDenied", badCode)),
		"dev: AWS doesn't accept the MFA code",
		"aws-accounts assume dev",
	)
	other := answer(403, "AccessDenied", "no")
	p.Code = "123457"
	if err := p.use(t.Context(), other); err != other || len(p.sent) != 2 {
		t.Errorf("%v; AWS was sent %q", err, p.sent)
	}
}

// Where there is no code, one sentence says why, and none is sent.
func TestNoCode(t *testing.T) {
	for name, c := range map[string]struct {
		prepare     func(p *phone)
		says, hints string
		is          error
	}{
		"a typing error": {func(p *phone) { p.Code = "12345" }, "an MFA code has six digits", "--mfa-code 123456", nil},
		"words": {func(p *phone) { p.prints("Enter PIN:") },
			"dev: mfa_process gives no code: an MFA code has six digits", "by hand", nil},
		"nothing": {func(p *phone) { p.prints("") }, "dev: mfa_process gives no code", "by hand", nil},
		"a failure": {func(p *phone) { p.owner.MFAProcess = "exit 3" },
			"dev: mfa_process gives no code: it ended with exit status 3", "by hand", nil},
		"nobody": {func(p *phone) { p.owner.MFAProcess = "" }, "dev needs an MFA code of " + device +
			", and there is nobody to ask",
			"run `aws-accounts assume dev` in a terminal", cache.ErrAlone},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPhone(t)
			c.prepare(p)
			err := p.use(t.Context(), nil)
			if hint.Of(err) == "" || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint.Of(err), c.hints) {
				t.Errorf("%v; hint %q", err, hint.Of(err))
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Error("others would share the failure")
			}
			if len(p.sent) > 0 {
				t.Errorf("AWS was sent %q", p.sent)
			}
		})
	}
	p := newPhone(t)
	expect(
		t,
		p.explainNoCode(fmt.Errorf("x: %w", context.DeadlineExceeded), p.owner, "dev"),
		"nobody answered in time",
		"assume dev",
	)
	expect(
		t,
		p.explainNoCode(ask.ErrCancelled, p.owner, "dev"),
		"dev needs an MFA code of "+device+": cancelled",
		"assume dev",
	)
}

// A question ends before the attempt does: the calls of AWS that follow need their time.
func TestAQuestionLeavesTimeForTheCalls(t *testing.T) {
	p := newPhone(t)
	end := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), end)
	defer cancel()
	question, done := p.questionTime(ctx)
	defer done()
	if got, ok := question.Deadline(); !ok || !got.Equal(end.Add(-mfaMargin)) {
		t.Errorf("it ends at %v", got)
	}
	open, done := p.questionTime(context.Background())
	defer done()
	if _, ok := open.Deadline(); ok {
		t.Error("a deadline out of nothing")
	}
}

// The name that a person knows a device by.
func TestDevice(t *testing.T) {
	for serial, want := range map[string]string{device: "me", "arn:aws:iam::123456789012:mfa/team/phone": "phone",
		"GAHT12345678": "GAHT12345678"} {
		if got := Device(serial); got != want {
			t.Errorf("%s: %s", serial, got)
		}
	}
}

// One code opens a base's session, with which each of its roles is assumed: AWS takes a code once, and a person
// types one.
func TestOneCodeServesManyRoles(t *testing.T) {
	main := `{"name": "main", "account_id": "` + mainID + `", "mfa_serial": "` + device + `"}`
	d := newDesk(t, main, roleDev, strings.NewReplacer("dev", "ops", "/Admin", "/OnlyWithMFA").Replace(roleDev))
	d.refuses(
		"dev",
		"main needs an MFA code of "+device+", and there is nobody to ask",
		"run `aws-accounts assume main` in a terminal",
	)
	d.calls("GetSessionToken", 0)

	d.mfaCode = d.aws.MFACode(device)
	d.must("dev")
	code := d.mfaCode
	d.mfaCode = ""
	d.must("ops")
	d.must("main")
	d.calls("GetSessionToken", 1)
	d.calls("AssumeRole", 2)
	if got := d.param("GetSessionToken", "TokenCode"); got != code ||
		d.param("GetSessionToken", "SerialNumber") != device {
		t.Errorf("AWS was sent the code %q", got)
	}
	if d.param("AssumeRole", "TokenCode") != "" {
		t.Error("a role was sent a code as well")
	}
	for _, call := range d.aws.Log() {
		if call.Operation == "AssumeRole" && !strings.HasPrefix(call.AccessKey, "ASIA") {
			t.Error("a role is assumed with the key, not with the session")
		}
	}
}

// A role with a device of its own takes its code with the call, which then may last longer than an hour.
func TestARolesOwnCode(t *testing.T) {
	d := newDesk(
		t,
		baseMain,
		`{"name": "dev", "account_id": "`+devID+`", "role_arn": "`+mfaRole+`", "duration": "2h",
			"mfa_serial": "`+device+`"}`,
	)
	d.mfaCode = d.aws.MFACode(device)
	d.must("dev")
	if d.param("AssumeRole", "TokenCode") != d.mfaCode || d.param("AssumeRole", "DurationSeconds") != "7200" {
		t.Error("not with the code, or not for as long as it says")
	}
	d.calls("GetSessionToken", 0)
}

// A code that goes to AWS for a profile's own role counts as used, and one that can't be had leaves what is known
// of the last one.
func TestAProfilesCodeIsNoted(t *testing.T) {
	d := newDesk(t, `{"name": "main", "account_id": "`+mainID+`", "credentials": {"profile": "base"}}`)
	d.write(".aws/config", "[profile base]\nrole_arn = %s\nsource_profile = default\nmfa_serial = %s\n", hostRole, device)
	code := d.aws.MFACode(device)
	d.mfaCode = code
	d.must("main")
	if !d.resolver().MFA.used(device, code) {
		t.Error("the code isn't noted")
	}
	d.forgets("main")
	d.mfaCode = ""
	d.refuses(
		"main",
		"main needs an MFA code of "+device+", and there is nobody to ask",
		"run `aws-accounts assume main`",
	)
	d.mfaCode = code
	calls := d.aws.Calls("AssumeRole")
	d.refuses("main", "main: this MFA code has been used", "wait for the next code")
	d.calls("AssumeRole", calls)

	d.mfaCode = "000000"
	d.refuses("main", "main: AWS doesn't accept the MFA code of "+device, "check the clock of the device")
}
