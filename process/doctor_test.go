package process

import (
	"errors"
	"strings"
	"testing"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/internal/tui"
)

// What doctor shows fits the screen, and what is to be typed stays in one piece where it fits.
func TestFindingsOnAScreen(t *testing.T) {
	a := &area{title: "Account dev", fixed: []string{"1 stanza written into ~/.aws/config"}}
	a.ok("session", "", "a session is in the keychain, 43m left")
	a.add(StatusNote, "base", "main", "", "not tried, as AWS can't be reached")
	a.add(StatusWarn, "stanza", "", "`aws-accounts setup dev`", "not as setup writes it: the stanza of dev")
	a.add(StatusFail, "role", "", "check the role's trust policy names account 123456789012; or type `aws-accounts assume dev`",
		"arn:aws:iam::123456789012:user/alice is not allowed to assume arn:aws:iam::987654321098:role/CrossAccountAdminRole (AccessDenied)\x1b[31m")
	for _, c := range []struct {
		name   string
		screen tui.Screen
		want   string
	}{
		{"80 columns", tui.Screen{Width: 80, Symbols: true}, `Account dev
  ✓ fixed: 1 stanza written into ~/.aws/config
  ✓ a session is in the keychain, 43m left
  · main: not tried, as AWS can't be reached
  ! not as setup writes it: the stanza of dev
    → ` + "`aws-accounts setup dev`" + `
  ✗ arn:aws:iam::123456789012:user/alice is not allowed to assume
    arn:aws:iam::987654321098:role/CrossAccountAdminRole (AccessDenied)?[31m
    → check the role's trust policy names account 123456789012; or type
      ` + "`aws-accounts assume dev`" + `

Not well: 1 failure, 1 warning, 1 note
`},
		{"40 columns", tui.Screen{Width: 40, Symbols: true}, `Account dev
  ✓ fixed: 1 stanza written into
    ~/.aws/config
  ✓ a session is in the keychain, 43m
    left
  · main: not tried, as AWS can't be
    reached
  ! not as setup writes it: the stanza
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
			if err := p.end(map[Status]int{StatusFail: 1, StatusWarn: 1, StatusNote: 1}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), c.want) {
				t.Errorf("shows\n%s", b.String())
			}
		})
	}
}

func TestCheckClock(t *testing.T) {
	for ahead, want := range map[time.Duration]Status{
		0: StatusOK, 50 * time.Second: StatusOK, -2 * time.Minute: StatusWarn, 4 * time.Minute: StatusWarn, -6 * time.Minute: StatusFail, time.Hour: StatusFail,
	} {
		a := &area{}
		if checkClock(a, ahead); a.findings[0].Status != want {
			t.Errorf("%s ahead is %s", ahead, a.findings[0].Status)
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

// Of many accounts each base account is looked at once, and of one that begins at no account of the file, the implicit one.
func TestBasesOf(t *testing.T) {
	file := (&accounts.File{Accounts: []accounts.Account{
		{Name: "a", RoleARN: "arn:aws:iam::987654321098:role/A"}, {Name: "b", RoleARN: "arn:aws:iam::987654321098:role/B"},
	}}).Indexed()
	if got := (&stanzaCheck{file: file}).basesOf(); len(got) != 1 || got[0].Name != "" {
		t.Errorf("%v", got)
	}
	file = (&accounts.File{Accounts: []accounts.Account{
		{Name: "one"}, {Name: "two"}, {Name: "a", Source: "two", RoleARN: "arn:aws:iam::987654321098:role/A"},
	}}).Indexed()
	if got := (&stanzaCheck{file: file}).basesOf(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if got := (&stanzaCheck{file: file, only: &file.Accounts[2]}).basesOf(); len(got) != 1 || got[0].Name != "two" {
		t.Errorf("%v", got)
	}
}

// A finding doesn't say to run doctor, which is what shows it.
func TestFindingsLeadOn(t *testing.T) {
	a := &area{}
	a.failed(StatusFail, "role", "", explain(errors.New("strange"), (&accounts.File{Accounts: []accounts.Account{{Name: "dev"}}}).Indexed().Entry(accounts.Account{Name: "dev"})))
	a.failed(StatusFail, "role", "", explain(errors.New("strange"), &accounts.Account{}))
	for i, want := range []string{"`aws-accounts --debug doctor dev` shows each step",
		"`aws-accounts --debug doctor` shows each step"} {
		if a.findings[i].Hint != want {
			t.Errorf("%q, want %q", a.findings[i].Hint, want)
		}
	}
}
