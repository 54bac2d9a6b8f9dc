package doctor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/finding"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// What doctor shows fits the screen, and what is to be typed stays in one piece where it fits.
func TestFindingsOnAScreen(t *testing.T) {
	a := &finding.Area{Title: "Account dev", Fixed: []string{"1 profile written into ~/.aws/config"}}
	a.OK("session", "", "a session is in the keychain, 43m left")
	a.Add(finding.Note, "base", "main", "", "not tried, as AWS can't be reached")
	a.Add(finding.Warn, "profile", "", "`aws-accounts setup dev`", "not as setup writes it: the profile of dev")
	a.Add(finding.Fail, "role", "", "check the role's trust policy names account 123456789012; or type `aws-accounts assume dev`",
		"arn:aws:iam::123456789012:user/alice is not allowed to assume arn:aws:iam::987654321098:role/CrossAccountAdminRole (AccessDenied)\x1b[31m")
	for _, c := range []struct {
		name   string
		screen tui.Screen
		want   string
	}{
		{"80 columns", tui.Screen{Width: 80, Symbols: true}, `Account dev
  ✓ fixed: 1 profile written into ~/.aws/config
  ✓ a session is in the keychain, 43m left
  · main: not tried, as AWS can't be reached
  ! not as setup writes it: the profile of dev
    → ` + "`aws-accounts setup dev`" + `
  ✗ arn:aws:iam::123456789012:user/alice is not allowed to assume
    arn:aws:iam::987654321098:role/CrossAccountAdminRole (AccessDenied)?[31m
    → check the role's trust policy names account 123456789012; or type
      ` + "`aws-accounts assume dev`" + `

Not well: 1 failure, 1 warning, 1 note
`},
		{"40 columns", tui.Screen{Width: 40, Symbols: true}, `Account dev
  ✓ fixed: 1 profile written into
    ~/.aws/config
  ✓ a session is in the keychain, 43m
    left
  · main: not tried, as AWS can't be
    reached
  ! not as setup writes it: the profile
    of dev
    → ` + "`aws-accounts setup dev`" + `
  ✗ arn:aws:iam::123456789012:user/alice
    is not allowed to assume
    arn:aws:iam::987654321098:role/CrossAccountAdminRole
    (AccessDenied)?[31m
    → check the role's trust policy
      names account 123456789012; or
      type ` + "`aws-accounts assume dev`" + `

Not well: 1 failure, 1 warning, 1 note
`},
		{"colour", tui.Screen{Width: 100, Symbols: true, Colour: true}, "\x1b[31m✗\x1b[0m arn"},
		{"a pipe", tui.Screen{}, "  FAIL arn:aws:iam::123456789012:user/alice is not allowed to assume arn:aws:iam::987654321098:role/CrossAccountAdminRole (AccessDenied)?[31m\n       -> check"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			p := &printer{w: &b, screen: c.screen}
			p.area(a)
			if err := p.end(map[finding.Status]int{finding.Fail: 1, finding.Warn: 1, finding.Note: 1}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), c.want) {
				t.Errorf("shows\n%s", b.String())
			}
		})
	}
}

func TestCheckClock(t *testing.T) {
	for ahead, want := range map[time.Duration]finding.Status{
		0: finding.OK, 50 * time.Second: finding.OK, -2 * time.Minute: finding.Warn, 4 * time.Minute: finding.Warn, -6 * time.Minute: finding.Fail, time.Hour: finding.Fail,
	} {
		a := &finding.Area{}
		if checkClock(a, ahead); a.Findings[0].Status != want {
			t.Errorf("%s ahead is %s", ahead, a.Findings[0].Status)
		}
	}
}

func TestPolicySource(t *testing.T) {
	for caller, want := range map[string]string{
		"arn:aws:iam::123456789012:user/path/alice":             "arn:aws:iam::123456789012:user/path/alice",
		"arn:aws-cn:sts::123456789012:assumed-role/Admin/alice": "arn:aws-cn:iam::123456789012:role/Admin",
		"arn:aws:sts::123456789012:federated-user/alice":        "arn:aws:sts::123456789012:federated-user/alice",
		"the caller": "the caller",
		"arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_x/a": "arn:aws:iam::123456789012:role/AWSReservedSSO_x",
	} {
		if got := policySource(caller); got != want {
			t.Errorf("%s: %s", caller, got)
		}
	}
}

// A finding doesn't say to run doctor, which is what shows it.
func TestFindingsLeadOn(t *testing.T) {
	a := &finding.Area{}
	a.Failed(finding.Fail, "role", "", process.Explain(errors.New("strange"), (&accounts.File{Accounts: []accounts.Account{{Name: "dev"}}}).Indexed().Entry(accounts.Account{Name: "dev"})))
	a.Failed(finding.Fail, "role", "", process.Explain(errors.New("strange"), &accounts.Account{}))
	for i, want := range []string{"`aws-accounts --debug doctor dev` shows each step",
		"`aws-accounts --debug doctor` shows each step"} {
		if a.Findings[i].Hint != want {
			t.Errorf("%q, want %q", a.Findings[i].Hint, want)
		}
	}
}
