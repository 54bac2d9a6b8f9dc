package accounts

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aws-accounts/accounts/version"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/place"
	"aws-accounts/internal/tui"
)

// parse1 is Parse for content that is valid.
func parse1(t testing.TB, data string) *File {
	t.Helper()
	f, err := Parse("f", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// comparable leaves what was read from the file itself.
func comparable(f *File) File {
	all := slices.Clone(f.Accounts)
	for i := range all {
		all[i].file = nil
	}
	return File{Keychain: f.Keychain, AccountsFrom: f.AccountsFrom, Defaults: f.Defaults, Accounts: all, SSOSessions: f.SSOSessions}
}

// original is a file of the first design, which has to work unchanged.
const original = `{
  "accounts": [
    {"name": "main", "account_id": "123456789012", "description": "Main AWS Account"},
    {"name": "dev", "account_id": "987654321098", "role_arn": "arn:aws:iam::987654321098:role/CrossAccountAdminRole", "description": "Development Account"},
    {"name": "prod", "account_id": "555555555555", "role_arn": "arn:aws:iam::555555555555:role/CrossAccountAdminRole", "description": "Production Account"}
  ]
}`

func TestParseOriginal(t *testing.T) {
	got := comparable(parse1(t, original))
	want := File{Accounts: []Account{
		{Name: "main", AccountID: "123456789012", Description: "Main AWS Account"},
		{Name: "dev", AccountID: "987654321098", Description: "Development Account", RoleARN: "arn:aws:iam::987654321098:role/CrossAccountAdminRole"},
		{Name: "prod", AccountID: "555555555555", Description: "Production Account", RoleARN: "arn:aws:iam::555555555555:role/CrossAccountAdminRole"},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// full has every field, and what a person adds to JSON.
const full = `{
  "$schema": "./accounts.schema.json",
  // the company's
  "keychain": {"backend": "file", "passphrase_command": "pass show aws"},
  "defaults": {"region": "eu-west-1", "duration": "1h", "profile_prefix": "x-", "name_template": "{account|lower}"},
  "accounts_from": {"url": "s3://team/accounts.json", "account": "main", "public_key": "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
  "accounts": [
    {"name": "main", "account_id": "123456789012", "description": "Main AWS Account", "session": "token",
     "credentials": {"profile": "default"}, "mfa_serial": "arn:aws:iam::123456789012:mfa/me", "mfa_process": "ykman oath code"},
    {"name": "dev",  "account_id": "987654321098", "role_arn": "arn:aws:iam::987654321098:role/team/Admin", "profile": "development", "source": "MAIN"},
    {"name": "prod", "account_id": "555555555555", "role_arn": "arn:aws:iam::555555555555:role/Admin",
     "source": "dev", "external_id": "a:b/c", "session_name": "me@here", "source_identity": "me", "duration": 1800, "region": "us-east-1",
     "session_tags": {"team": "core", "größe": ""}, "transitive_tag_keys": ["team"],
     "policy": {"Version": "2012-10-17", /* no more */ "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Sid": "<€😀>"},]},
     "policy_arns": ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", "arn:aws:iam::555555555555:policy/x/Mine"]},
    {"name": "audit", "account_id": "111122223333", "sso": {"session": "corp", "role_name": "ReadOnly"}, "synced": {"from": "corp", "role": "ReadOnly", "name": "Audit"}},
    {"name": "gov", "source": "keys", "role_arn": "arn:aws-us-gov:iam::444444444444:role/R", "region": "us-gov-west-1"},
    {"name": "keys", "credentials": {"keychain": true}, "session": "none", "mfa_serial": "GAHT12345678"},
    {"name": "env", "credentials": {"environment": true}, "duration": "12h"},
    {"name": "pod", "credentials": {"web_identity_token_file": "/var/run/token", "role_arn": "arn:aws:iam::666666666666:role/Pod"}, "session_name": "pod"},
    {"name": "ec2", "credentials": {"instance": true}},
  ],
  "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1", "registration_scopes": ["sso:account:access"]}]
}`

func TestParseFull(t *testing.T) {
	f := parse1(t, full)
	got := comparable(f)
	want := File{
		Keychain: &Keychain{Backend: "file", PassphraseCommand: "pass show aws"},
		AccountsFrom: &AccountsFrom{URL: "s3://team/accounts.json", Account: "main", PublicKey: "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3",
			SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		Defaults: Defaults{Region: "eu-west-1", Duration: Duration(time.Hour), ProfilePrefix: "x-", NameTemplate: "{account|lower}"},
		Accounts: []Account{
			{Name: "main", AccountID: "123456789012", Description: "Main AWS Account", Session: SessionToken,
				Credentials: &Credentials{Profile: "default"}, MFASerial: "arn:aws:iam::123456789012:mfa/me", MFAProcess: "ykman oath code"},
			{Name: "dev", AccountID: "987654321098", RoleARN: "arn:aws:iam::987654321098:role/team/Admin", Profile: "development", Source: "MAIN"},
			{Name: "prod", AccountID: "555555555555", RoleARN: "arn:aws:iam::555555555555:role/Admin",
				Source: "dev", ExternalID: `a:b/c`, SessionName: "me@here", SourceIdentity: "me", Duration: Duration(30 * time.Minute), Region: "us-east-1",
				SessionTags: map[string]string{"team": "core", "größe": ""}, TransitiveTagKeys: []string{"team"},
				Policy:     `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Sid":"<\u20ac\ud83d\ude00>"}]}`,
				PolicyARNs: []string{"arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", "arn:aws:iam::555555555555:policy/x/Mine"}},
			{Name: "audit", AccountID: "111122223333", SSO: &SSO{Session: "corp", RoleName: "ReadOnly"}, Synced: &Synced{"corp", "ReadOnly", "Audit"}},
			{Name: "gov", AccountID: "444444444444", Source: "keys", RoleARN: "arn:aws-us-gov:iam::444444444444:role/R", Region: "us-gov-west-1"},
			{Name: "keys", Credentials: &Credentials{Keychain: true}, Session: SessionNone, MFASerial: "GAHT12345678"},
			{Name: "env", Credentials: &Credentials{Environment: true}, Duration: Duration(12 * time.Hour)},
			{Name: "pod", AccountID: "666666666666", SessionName: "pod",
				Credentials: &Credentials{WebIdentityTokenFile: "/var/run/token", RoleARN: "arn:aws:iam::666666666666:role/Pod"}},
			{Name: "ec2", Credentials: &Credentials{Instance: true}},
		},
		SSOSessions: []SSOSession{{Name: "corp", StartURL: "https://corp.awsapps.com/start", Region: "eu-west-1", RegistrationScopes: []string{"sso:account:access"}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if n := f.Notes(nil); len(n) != 1 || n[0].Message != "s3://team/accounts.json: not fetched yet: `aws-accounts sync shared` does that" {
		t.Errorf("notes: %v", n)
	}
	again, err := encodeJSON(f, "  ")
	if err != nil {
		t.Fatal(err)
	}
	if g := comparable(parse1(t, string(again))); !reflect.DeepEqual(g, want) {
		t.Errorf("written and read again\ngot %+v\nwant %+v\n%s", g, want, again)
	}
}

// Each field of the model is in full: one that is added is decoded and written by itself, but has to be checked.
func TestFullIsFull(t *testing.T) {
	d := newDecoder(&report{})
	for name := range d.homes {
		if !strings.Contains(full, `"`+name+`"`) {
			t.Errorf("%s is not in the test's file", name)
		}
	}
}

func TestParseVariants(t *testing.T) {
	role := func(body string) string {
		return `{"accounts": [{"name": "r", "role_arn": "arn:aws:iam::111111111111:role/R", ` + body + `}]}`
	}
	for _, data := range []string{
		`{"accounts": []}`,
		"\ufeff{\r\n\"accounts\": []\r\n}\r\n",
		`{"accounts": [], "defaults": {}, "sso_sessions": []}`,
		role(`"policy": "{\"Version\": \"2012-10-17\"}"`),
		role(`"duration": "3600"`),
		role(`"session_tags": {}, "transitive_tag_keys": [], "policy_arns": []`),
		role(`"mfa_serial": "arn:aws:iam::111111111111:sms-mfa/me"`),
		`{"accounts": [{"name": "r", "role_arn": "arn:aws-iso-b:iam::111111111111:role/R", "region": "us-isob-east-1"}]}`,
		`{"accounts": [{"name": "r", "role_arn": "arn:aws-new:iam::111111111111:role/R", "region": "new-north-1"}]}`,
		`{"accounts": [], "sso_sessions": [{"name": "s", "start_url": "http://[::1]:80/", "region": "eu-west-1"}]}`,
		`{"accounts": [{"name": "a.b_c@d+e-f", "description": "two\nlines"}]}`,
	} {
		f := parse1(t, data)
		again, err := encodeJSON(f, "  ")
		if err != nil {
			t.Fatal(err)
		}
		if g := parse1(t, string(again)); !reflect.DeepEqual(comparable(g), comparable(f)) {
			t.Errorf("%s\nwritten and read again is %s", data, again)
		}
	}
}

func TestProblemsAreHinted(t *testing.T) {
	_, err := Parse("/x/\x1b[31m", []byte(`{"accounts": [{"nam": "x"}]}`))
	if got, want := err.Error(), `"/x/\x1b[31m":1:15: the account has no "name"`+"\n"+`"/x/\x1b[31m":1:16: unknown field "nam": did you mean "name"?`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := hint.Of(err); got != "correct the file, then run `aws-accounts validate`" {
		t.Error(got)
	}
}

func TestManyProblems(t *testing.T) {
	_, err := Parse("f", []byte(`{"accounts": [`+numbered(`{"x%d": 1}`, 1000)+`]}`))
	p, _ := errors.AsType[*Problems](err)
	if len(p.List) != 2000 {
		t.Errorf("%d problems", len(p.List))
	}
	lines := strings.Split(p.Error(), "\n")
	if len(lines) != 101 || lines[100] != "f: 1900 more" {
		t.Errorf("%d lines, %s last", len(lines), lines[len(lines)-1])
	}
}

// What a file says ends up on a terminal, and what it has must not: keys pasted into it, or commands to the terminal.
func TestProblemsAreHarmless(t *testing.T) {
	const hostile = `\u001b]0;x\u0007\n\u202e\u2066\u0085\ud800`
	for _, field := range []string{"name", "account_id", "role_arn", "source", "region", "profile", "session", "mfa_serial", "mfa_process",
		"duration", "external_id", "session_name", "source_identity", "policy", "nonsense" + hostile} {
		_, err := Parse("f", []byte(`{"accounts": [{"name": "a"}, {"name": "b", "`+field+`": "`+hostile+`"}, {"name": "c", "`+field+`": "`+strings.Repeat("x", 5000)+`"}]}`))
		if err == nil {
			t.Fatalf("%s: no error", field)
		}
		for _, line := range strings.Split(err.Error(), "\n") {
			if r, odd := firstNot(line, isHarmless); odd || len(line) > 400 {
				t.Errorf("%s: %U in %d bytes: %q", field, r, len(line), line)
			}
		}
	}
}

func isHarmless(r rune) bool {
	return ' ' <= r && r <= '~' || r == '→' || r == '…' || r == utf8.RuneError
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.json")
	if err := os.WriteFile(path, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := version.Stat(path)
	if s = s.Of([]byte(full), time.Now()); err != nil || s != f.Stamp || s.String() == "" {
		t.Errorf("loaded as %q, is %q (%v)", f.Stamp, s, err)
	}
	if f.Path != path || !reflect.DeepEqual(comparable(f), comparable(parse1(t, full))) {
		t.Errorf("got %+v", f)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.json")
	_, err := Load(missing)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "reading "+tui.Tilde(missing)+": ") || strings.Count(err.Error(), "missing.json") != 1 || hint.Of(err) != "`aws-accounts init` makes an accounts file" {
		t.Errorf("missing: %v, hint %s", err, hint.Of(err))
	}
	if _, err := version.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("stat of a missing file: %v", err)
	}
	if _, err := Load(dir); err == nil || err.Error() != "reading "+tui.Tilde(dir)+": it is a folder, not a file" {
		t.Errorf("folder: %v", err)
	}
	large := filepath.Join(dir, "large.json")
	if err := os.WriteFile(large, bytes.Repeat([]byte(" "), maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(large); err == nil || err.Error() != "reading "+tui.Tilde(large)+": it is larger than 32 MB" {
		t.Errorf("large: %v", err)
	}
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "aws-accounts")
	path := filepath.Join(dir, "accounts.json")
	if err := Create(path, &Account{Name: "main", AccountID: "123456789012", Description: "R&D <main>"}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "accounts": [
    {
      "name": "main",
      "account_id": "123456789012",
      "description": "R&D <main>"
    }
  ]
}
`
	if string(got) != want {
		t.Errorf("got %s", got)
	}
	if _, err := Load(path); err != nil {
		t.Error(err)
	}

	if err := Create(path, nil); !errors.Is(err, fs.ErrExist) || !strings.HasPrefix(err.Error(), "creating "+tui.Tilde(path)+": ") || strings.Count(err.Error(), "accounts.json") != 1 {
		t.Errorf("a second time: %v", err)
	}
	if again, _ := os.ReadFile(path); !bytes.Equal(got, again) {
		t.Errorf("a second time changed it to %s", again)
	}

	empty := filepath.Join(dir, "empty.json")
	if err := Create(empty, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(empty); string(got) != "{\n  \"accounts\": []\n}\n" {
		t.Errorf("got %s", got)
	}

	bad := filepath.Join(dir, "bad.json")
	if err := Create(bad, &Account{Name: "a b"}); err == nil {
		t.Error("no error for a bad name")
	}
	if _, err := os.Lstat(bad); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a bad file was written: %v", err)
	}
}

// A session is kept as of a version of the file, and so is a note. Two versions of one size that are written within one step of
// the file system's clock can't be told apart from outside, now or ever.
func TestAChangeWithinAStepOfTheClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.json")
	content := func(role string) string {
		return `{"accounts": [{"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/` + role + `"}]}`
	}
	reader := func(dir string) *Reader { return NewReader(path, dir) }
	alike := 0
	for range 100 {
		dir := t.TempDir()
		write(t, path, content("Before"))
		first, err := version.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		kept := reader(dir).Stamp()
		if _, err := reader(dir).File(); err != nil {
			t.Fatal(err)
		}
		write(t, path, content("Behind"))
		second, err := version.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if first.String() == second.String() {
			alike++
		}
		for _, after := range []time.Duration{0, time.Hour} {
			later := reader(dir)
			later.now = func() time.Time { return time.Now().Add(after) }
			if kept == "" || kept == later.Stamp() {
				t.Fatal("a session of the first version would be handed out for the second")
			}
			if after == 0 && later.first().Noted != nil {
				t.Fatal("the note of the first version is taken for one of the second")
			}
			if f, err := later.File(); err != nil || !strings.HasSuffix(f.Accounts[0].RoleARN, "/Behind") {
				t.Fatalf("%v", err)
			}
		}
	}
	t.Logf("%d of 100 changes can't be seen from outside", alike) // none on Linux 6.13 and newer, whose clock has no steps for who looks
}

// The note at the new place would say that nothing has to follow the file.
func TestNoNoteOfAMovedFileUntilAllHasFollowed(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	home := t.TempDir()
	old, path := filepath.Join(home, "old.json"), filepath.Join(home, "new.json")
	reader := func(path string) *Reader {
		dir, err := place.LocksOf(path)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(path, dir)
		if _, err := r.File(); err != nil {
			t.Fatal(err)
		}
		return r
	}
	write(t, old, Empty)
	reader(old)
	if err := os.Rename(old, path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if from := reader(path).MovedFrom(); from != old {
			t.Fatalf("moved from %q", from)
		}
	}
	version.Moved(old)
	reader(path)
	if r := reader(path); r.MovedFrom() != "" || r.first().Noted == nil {
		t.Errorf("after that: moved from %q, note %v", r.MovedFrom(), r.first().Noted)
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]string{"1h": "1h", "90m": "1h30m", "900": "15m", "43200": "12h", "1h0m1s": "1h0m1s", "15m30s": "15m30s", "1.5h": "1h30m"} {
		d, err := ParseDuration(s)
		if err != nil || d.String() != want {
			t.Errorf("%s: %s, %v", s, d, err)
		}
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Errorf("%s, written as %s, is %s, %v", s, d, again, err)
		}
	}
}
