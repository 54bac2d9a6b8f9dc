package process

import (
	"errors"
	"strings"
	"testing"
	"time"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/identitycenter"
	"aws-accounts/internal/test/standin"
)

const portal = `{"name": "portal", "account_id": "` + devID + `", "sso": {"session": "corp", "role_name": "Admin"}}`

// A sign-in gives the credentials of the permission set, in its account, and a role can be assumed with them. They
// are kept like any others.
func TestIdentityCenterGivesCredentials(t *testing.T) {
	d := newDesk(
		t,
		portal,
		`{"name": "prod", "account_id": "`+prodID+`", "role_arn": "`+prodRole+`", "source": "portal", "duration": "2h"}`,
	)
	d.aws.PutRole(trusting(prodRole, devID))
	d.signInHere()
	if c := d.must("portal"); c.AccountID != devID || c.SessionToken == "" || time.Until(c.Expires) < 50*time.Minute {
		t.Errorf("credentials of account %q, until %v", c.AccountID, c.Expires)
	}
	if c := d.must("prod"); c.AccountID != prodID {
		t.Errorf("credentials of account %q", c.AccountID)
	}
	if got := d.param("AssumeRole", "DurationSeconds"); got != "3600" {
		t.Errorf("a permission set assumes a role for %s seconds", got)
	}
	d.must("portal")
	d.calls("GetRoleCredentials", 1)
	d.keepsSecrets(nil)
}

// Without a sign-in, and with nobody to make one, it says which command does; nobody waits, and what is in hand is
// handed out.
func TestIdentityCenterWithoutASignIn(t *testing.T) {
	d := newDesk(t, portal)
	d.refuses("portal", "portal: not signed in to corp", "run `aws-accounts sso login corp`")
	d.signInHere()
	first := d.must("portal")
	d.age("portal")
	d.aws.EndSSOSessions()
	if d.must("portal").AccessKeyID != first.AccessKeyID {
		t.Error("the session in hand isn't handed out")
	}
	d.forgets("portal")
	d.refuses("portal", "portal: not signed in to corp", "run `aws-accounts sso login corp`")
}

// Who has no such permission set is told which there are; a session in hand is then no longer handed out.
func TestNoSuchPermissionSet(t *testing.T) {
	for name, c := range map[string]struct{ entry, says, hints string }{
		"another role": {strings.Replace(portal, `"Admin"`, `"Owner"`, 1),
			"portal: corp gives you no role Owner in account " + devID,
			`you have Admin, ReadOnly there: correct "role_name" of portal in `},
		"another account": {strings.Replace(portal, devID, prodID, 1), "portal: corp gives you no role Admin in account " +
			prodID,
			"ask an administrator to assign you to the account"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, c.entry)
			d.signInHere()
			d.refuses("portal", c.says, c.hints)
			_, err := d.get("portal")
			if !errors.Is(err, cache.ErrRefused) {
				t.Error("it isn't AWS's last word")
			}
		})
	}
	d := newDesk(t, strings.Replace(portal, `"Admin"`, `"Owner"`, 1))
	d.signInHere()
	d.aws.Fault(
		standin.Fault{
			Operation: "ListAccountRoles",
			Kind:      standin.Refusal,
			Status:    400,
			Code:      "InvalidRequestException",
			Message:   "no",
		},
	)
	d.refuses(
		"portal",
		"portal: corp gives you no role Owner in account "+devID,
		`ask an administrator for it, or correct "role_name"`,
	)
}

// The commands about a session ask its Identity Center with the same settings, and nobody is there to sign in.
func TestCenter(t *testing.T) {
	d := newDesk(t, portal)
	d.signInHere()
	r := d.resolver()
	_, session, err := r.SSOSession("", "sso login")
	if err != nil {
		t.Fatal(err)
	}
	center, err := r.Center(session)
	if err != nil {
		t.Fatal(err)
	}
	if roles, err := center.Roles(t.Context(), devID); err != nil || strings.Join(roles, " ") != "Admin ReadOnly" {
		t.Errorf("%q, %v", roles, err)
	}
	d.set("AWS_REGION=not a region")
	if _, err := r.Center(session); err == nil {
		t.Error("settings that are wrong are passed over")
	}
}

// Which session is meant shows in its name, or in there being one alone.
func TestSSOSession(t *testing.T) {
	d := newDesk(t)
	one := `{"name": "corp", "start_url": "` + startURL + `", "region": "eu-west-1"}`
	two := one + `, {"name": "lab", "start_url": "https://lab.awsapps.com/start", "region": "eu-west-1"}`
	for _, c := range []struct{ sessions, name, found, says, hints string }{
		{one, "", "corp", "", ""},
		{one, "CORP", "corp", "", ""},
		{two, "lab", "lab", "", ""},
		{two, "", "", "which SSO session? there are corp, lab", "`aws-accounts sso login corp`"},
		{two, "lap", "", `no SSO session "lap" in `, "the SSO sessions there are corp, lab"},
		{"", "", "", "no SSO session in ", "--start-url="},
	} {
		d.write(d.file, `{"accounts": [], "sso_sessions": [%s]}`, c.sessions)
		_, session, err := d.resolver().SSOSession(c.name, "sso login")
		switch {
		case c.found == "":
			expect(t, err, c.says, c.hints)
		case err != nil || session.Name != c.found:
			t.Errorf("%q of %s: %v, %v", c.name, c.sessions, session, err)
		}
	}
	d.write(d.file, "{")
	if _, _, err := d.resolver().SSOSession("corp", "sso login"); err == nil {
		t.Error("found in a broken file")
	}
}

// The command that signs in says where, as long as the accounts file doesn't.
func TestSignInCommand(t *testing.T) {
	file := (&accounts.File{SSOSessions: []accounts.SSOSession{{Name: "corp", StartURL: startURL,
		Region: "eu-west-1"}}}).Indexed()
	for _, c := range []struct{ name, url, want string }{
		{"corp", startURL, "aws-accounts sso login corp"},
		{"corp", "https://a.b/start?x=1&y=2",
			"aws-accounts sso login corp --start-url='https://a.b/start?x=1&y=2' --region=eu-west-1"},
		{"lab", startURL, "aws-accounts sso login lab --start-url=" + startURL + " --region=eu-west-1"},
	} {
		if got := SignInCommand(file, &accounts.SSOSession{Name: c.name, StartURL: c.url,
			Region: "eu-west-1"}); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// What Identity Center has against a sign-in is one sentence, whether a command is about an account or the session
// itself.
func TestExplainSSO(t *testing.T) {
	file := (&accounts.File{Path: "accounts.json", Accounts: []accounts.Account{{Name: "portal",
		SSO: &accounts.SSO{Session: "corp"}}},
		SSOSessions: []accounts.SSOSession{{Name: "corp", StartURL: startURL, Region: "eu-west-1"}}}).Indexed()
	corp, elsewhere := &file.SSOSessions[0], &accounts.SSOSession{Name: "new", StartURL: startURL, Region: "eu-west-1"}
	wrong := refused("SSO OIDC", "StartDeviceAuthorization", 400, "InvalidRequestException", "")
	if ExplainSSO(nil, corp, file.Entry(accounts.Account{})) != nil {
		t.Error("an error out of nothing")
	}
	expect(
		t,
		ExplainSSO(&identitycenter.NeedsSignIn{}, corp, file.Entry(file.Accounts[0])),
		"portal: ",
		"run `aws-accounts sso login corp`",
	)
	expect(
		t,
		ExplainSSO(wrong, corp, file.Entry(file.Accounts[0])),
		"portal: Identity Center in eu-west-1 doesn't accept the sign-in to "+startURL+" (InvalidRequestException)",
		`check "start_url" and "region" of corp`,
	)
	expect(
		t,
		ExplainSSO(wrong, elsewhere, file.Entry(accounts.Account{})),
		"Identity Center in eu-west-1 doesn't accept the sign-in",
		"check --start-url and --region",
	)
	expect(t, ExplainSSO(errors.New("x"), corp, file.Entry(accounts.Account{})), "corp: x", "aws-accounts doctor")
}

// Nobody is asked to sign in where nobody sees it; a person at a terminal is told the code, and no control
// character of AWS's.
func TestPerson(t *testing.T) {
	session := &accounts.SSOSession{Name: "corp"}
	if p := (&SSO{Unattended: true}).person(session, "dev"); p.Browser != nil || p.Show != nil {
		t.Error("somebody is asked")
	}
	d := newDesk(t)
	if p := (d.resolver().SSO).person(session, "dev"); p.Show != nil {
		t.Error("--no-input asks somebody")
	}
	got := InWords(identitycenter.Prompt{Code: "AB\x1b[2JCD", URL: "https://x/\x1b]0;y\a"})
	if strings.ContainsAny(got, "\x1b\a") || !strings.Contains(got, "https://x/") {
		t.Errorf("%q", got)
	}
}
