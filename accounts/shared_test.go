package accounts

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
)

const team = `{
  "defaults": {"region": "eu-west-1", "profile_prefix": "team-"},
  "accounts": [
    {"name": "main", "account_id": "123456789012"},
    {"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/Admin"},
    {"name": "prod", "role_arn": "arn:aws:iam::555555555555:role/Admin", "source": "dev"},
    {"name": "audit", "account_id": "111122223333", "sso": {"session": "corp", "role_name": "ReadOnly"}}
  ],
  "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]
}`

// sharing makes a home with a shared file and one of the user's own, and returns where they are.
func sharing(t *testing.T, shared, own string) (sharedPath, ownPath string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	t.Setenv("LocalAppData", filepath.Join(home, "state"))
	sharedPath, ownPath = filepath.Join(home, "team.json"), filepath.Join(home, "accounts.json")
	write(t, sharedPath, shared)
	write(t, ownPath, own)
	return sharedPath, ownPath
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, path string) *File {
	t.Helper()
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What the user's own file says wins: the account, the field of the defaults.
func TestSharedUnderOwn(t *testing.T) {
	shared, own := sharing(t, team, `{
  "accounts_from": {"file": "team.json"},
  "defaults": {"region": "us-east-1"},
  "accounts": [
    {"name": "MAIN", "account_id": "123456789012", "mfa_serial": "arn:aws:iam::123456789012:mfa/me"},
    {"name": "mine", "role_arn": "arn:aws:iam::444444444444:role/R", "source": "dev"},
    {"name": "other", "account_id": "222222222222", "credentials": {"keychain": true}},
    {"name": "view", "account_id": "333333333333", "sso": {"session": "corp", "role_name": "View"}}
  ]
}`)
	f := load(t, own)
	if got, want := strings.Join(f.names(), " "), "MAIN mine other view dev prod audit"; got != want {
		t.Errorf("accounts %s, want %s", got, want)
	}
	dev, err := f.Find("dev")
	if err != nil {
		t.Fatal(err)
	}
	if dev.From != "team.json" {
		t.Errorf("dev is from %q", dev.From)
	}
	if source := dev.SourceAccount(); source == nil || source.MFASerial == "" {
		t.Errorf("dev is assumed from %+v: a second base account of the user's own changes nothing", source)
	}
	if dev.EffectiveRegion() != "us-east-1" || dev.ProfileName() != "team-dev" {
		t.Errorf("region %s, profile %s", dev.EffectiveRegion(), dev.ProfileName())
	}
	// Its accounts can't be changed here, but one of the same name can be added.
	data, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Remove(own, data, "dev"); err == nil || !strings.Contains(err.Error(), "only read") {
		t.Errorf("removing: %v", err)
	}
	if _, err := Set(own, data, "dev", Field{"description", `"x"`}); err == nil || !strings.Contains(err.Error(), "only read") {
		t.Errorf("changing: %v", err)
	}
	edited, err := Add(own, data, Account{Name: "dev", RoleARN: "arn:aws:iam::987654321098:role/ReadOnly", Source: "main"})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := Parse(own, edited); err != nil || !strings.HasSuffix(f.indexed().byName["dev"].RoleARN, "ReadOnly") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(shared); err != nil {
		t.Error(err)
	}
}

// A shared file names no command, no keychain, and no further file: whoever writes it would run commands everywhere.
func TestSharedRunsNothing(t *testing.T) {
	for _, bad := range []string{
		`{"accounts": [], "keychain": {"backend": "file", "passphrase_command": "touch /tmp/x"}}`,
		`{"accounts": [{"name": "a", "mfa_serial": "GAHT12345678", "mfa_process": "touch /tmp/x"}]}`,
		`{"accounts": [], "accounts_from": {"file": "/tmp/y"}}`,
		`{"accounts": [], "accounts_from": {"file": "team.json"}}`, // in a circle
		`{"accounts": [{"name": "a", "session": "none"}]}`,
		`{"accounts": [{"name": "a", "credentials": {"profile": "default"}}]}`,
		`{"accounts": [{"name": "a", "credentials": {"environment": true}}]}`,
		`{"accounts": [{"name": "a", "credentials": {"instance": true}}]}`,
		`{"accounts": [{"name": "a", "credentials": {"web_identity_token_file": "/t", "role_arn": "arn:aws:iam::987654321098:role/R"}}]}`,
	} {
		_, own := sharing(t, bad, `{"accounts_from": {"file": "team.json"}, "accounts": [{"name": "mine"}]}`)
		f := load(t, own)
		if err, _ := f.SharedTrouble(); err == nil || !strings.Contains(err.Error(), "has no place in a shared file") || len(f.Accounts) != 1 {
			t.Errorf("%s: %v, %d accounts", bad, err, len(f.Accounts))
		}
	}
	if runtime.GOOS == "windows" {
		return // access lists instead of modes
	}
	shared, own := sharing(t, team, `{"accounts_from": {"file": "team/team.json"}, "accounts": []}`)
	folder := filepath.Join(filepath.Dir(own), "team")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(shared, filepath.Join(folder, "team.json")); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []struct {
		path string
		open fs.FileMode
		was  fs.FileMode
	}{{filepath.Join(folder, "team.json"), 0o646, 0o600}, {folder, 0o777, 0o700}} {
		if err := os.Chmod(mode.path, mode.open); err != nil {
			t.Fatal(err)
		}
		if err, grave := load(t, own).SharedTrouble(); !grave || !strings.Contains(err.Error(), "everybody can write it") {
			t.Errorf("%s, writable by everybody: %v", mode.path, err)
		}
		if err := os.Chmod(mode.path, mode.was); err != nil {
			t.Fatal(err)
		}
	}
	load(t, own)
}

// What goes wrong with the shared file doesn't stop work that went well before.
func TestSharedLastGood(t *testing.T) {
	shared, own := sharing(t, team, `{"accounts_from": {"file": "team.json"}, "accounts": []}`)
	if _, err := NewReader(own, t.TempDir()).File(); err != nil {
		t.Fatal(err)
	}
	for _, trouble := range []func(){
		func() { write(t, shared, `{"accounts": [{"name": "dev", "role": "x"}]}`) },
		func() { write(t, shared, "<<<<<<< HEAD") },
		func() { os.Remove(shared) },
	} {
		trouble()
		f := load(t, own)
		if _, err := f.Find("dev"); err != nil {
			t.Error(err)
		}
		if n := f.Notes(nil); len(n) != 1 || !strings.Contains(n[0].Message, "the last good version is used") {
			t.Errorf("notes: %v", n)
		}
	}
}

func TestSharedWithoutLastGood(t *testing.T) {
	_, own := sharing(t, "{", `{"accounts_from": {"file": "team.json"}, "accounts": [{"name": "mine", "role_arn": "arn:aws:iam::444444444444:role/R", "source": "dev"}]}`)
	// What refers to an account of the shared file needs it, and both are said.
	_, err := Load(own)
	if err == nil || !strings.Contains(err.Error(), "accounts.json:1:19: team.json: ") || !strings.Contains(err.Error(), `no account "dev"`) {
		t.Errorf("%v", err)
	}
	write(t, own, `{"accounts_from": {"file": "team.json"}, "accounts": [{"name": "mine"}]}`)
	f := load(t, own)
	if err, grave := f.SharedTrouble(); err == nil || grave || len(f.Accounts) != 1 {
		t.Errorf("%d accounts, %v", len(f.Accounts), err)
	}
}

// The user's own accounts mean what they meant before, and what isn't used of the shared ones is said.
func TestSharedClashes(t *testing.T) {
	_, own := sharing(t, `{"accounts": [
  {"name": "main", "account_id": "123456789012"},
  {"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/Admin"},
  {"name": "test", "role_arn": "arn:aws:iam::987654321098:role/Admin", "profile": "lab"},
  {"name": "audit", "account_id": "111122223333", "sso": {"session": "corp", "role_name": "ReadOnly"}},
  {"name": "free", "role_arn": "arn:aws:iam::222222222222:role/Admin"}
], "sso_sessions": [{"name": "corp", "start_url": "https://other.example/start", "region": "eu-west-1"}]}`, `{"accounts_from": {"file": "team.json"}, "accounts": [
  {"name": "base", "account_id": "444444444444"},
  {"name": "Dev", "role_arn": "arn:aws:iam::555555555555:role/Mine"},
  {"name": "lab", "role_arn": "arn:aws:iam::666666666666:role/Mine"}
], "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`)
	f := load(t, own)
	if got, want := strings.Join(f.names(), " "), "base Dev lab main free"; got != want {
		t.Errorf("accounts %s, want %s", got, want)
	}
	for name, source := range map[string]string{"Dev": "base", "lab": "base", "free": "main"} {
		a, err := f.Find(name)
		if err != nil || a.SourceAccount().Name != source {
			t.Errorf("%s is assumed from %v, %v", name, a.SourceAccount(), err)
		}
	}
	var said []string
	for _, n := range f.Notes(nil) {
		said = append(said, n.Message)
	}
	want := []string{
		`team.json calls another Identity Center "corp": its accounts there aren't used`,
		`"Dev" is in team.json as well: yours is used`,
		`"test" of team.json isn't used: profile "lab" is that of your "lab"`,
	}
	if !slices.Equal(said, want) {
		t.Errorf("notes %q", said)
	}
}

// Names reach a shell at <TAB>, also of a file that isn't right.
func TestNamesOfAShell(t *testing.T) {
	_, own := sharing(t, team, `{"accounts": [{"name": "$(touch x)"}, {"name": "a;b"}, {"name": "fine"}, {"name": "-rf"}, {"name": ""}]}`)
	if got := NewReader(own, "").Names(""); !slices.Equal(got, []string{"fine"}) {
		t.Errorf("%q", got)
	}
}

func TestSharedAddressIsShownWithoutSecrets(t *testing.T) {
	for address, shown := range map[string]string{
		"https://team.example/a.json":                      "https://team.example/a.json",
		"https://me:marked@team.example/a.json":            "https://team.example/a.json",
		"https://team.example/a.json?X-Amz-Signature=mark": "https://team.example/a.json",
		"s3://bucket/key":                                  "s3://bucket/key",
	} {
		if got := (&AccountsFrom{URL: address}).String(); got != shown {
			t.Errorf("%s is shown as %s", address, got)
		}
	}
	if _, err := Parse("f", []byte(`{"accounts_from": {"url": "https://me:marked@team.example/a"}, "accounts": []}`)); err == nil || strings.Contains(err.Error(), "marked") {
		t.Errorf("%v", err)
	}
}

// An address is never asked on the way to credentials: until it has been fetched there are only the user's own accounts,
// and then those of the copy.
func TestSharedAddress(t *testing.T) {
	_, own := sharing(t, team, `{"accounts_from": {"url": "https://team.example/accounts.json"}, "accounts": [{"name": "mine", "account_id": "444444444444"}]}`)
	f := load(t, own)
	if n := f.Notes(nil); len(f.Accounts) != 1 || len(n) != 1 || !strings.Contains(n[0].Message, "sync shared") {
		t.Errorf("%d accounts, notes %v", len(f.Accounts), n)
	}
	from, err := From(own)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := from.Keep([]byte("<html>"), nil); err == nil {
		t.Error("a web page was kept")
	}
	added, changed, gone, err := from.Keep([]byte(team), nil)
	if err != nil || len(added) != 4 || len(changed)+len(gone) != 0 {
		t.Fatal(added, changed, gone, err)
	}
	if f := load(t, own); len(f.Accounts) != 5 || len(f.Notes(nil)) != 0 || from.Fetched().IsZero() {
		t.Errorf("%d accounts, notes %v", len(f.Accounts), f.Notes(nil))
	}
	next := strings.ReplaceAll(strings.ReplaceAll(team, `"prod"`, `"live"`), "role/Admin", "role/Dev")
	added, changed, gone, err = from.Keep([]byte(next), nil)
	if err != nil || !slices.Equal(added, []string{"live"}) || !slices.Equal(changed, []string{"dev"}) || !slices.Equal(gone, []string{"prod"}) {
		t.Fatal(added, changed, gone, err)
	}
}

// signing makes a key of minisign's. It returns the public one and what signs with the private one.
func signing(t *testing.T) (key string, sign func(content, name string, at time.Time) string) {
	t.Helper()
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := public.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1], func(content, name string, at time.Time) string { // as minisign -Sm NAME does
		comment := fmt.Sprintf("timestamp:%d\tfile:%s\thashed", at.Unix(), name)
		return string(minisign.SignWithComments(private, []byte(content), comment, "signature from minisign secret key"))
	}
}

// What is used is the file that was signed, under its own name, and none that is older than what was used before.
func TestSharedIsWhatWasSigned(t *testing.T) {
	key, sign := signing(t)
	shared, own := sharing(t, team, `{"accounts_from": {"file": "team.json", "public_key": "`+key+`"}, "accounts": [{"name": "mine"}]}`)
	now := time.Now()
	next := strings.Replace(team, "987654321098", "987654321099", 1)
	for _, step := range []struct {
		name, content, signature string
		want                     string // in the trouble
	}{
		{"no signature", team, "", "signature"},
		{"of another content", team, sign(next, "team.json", now), "not signed with"},
		{"of another file of the same key", team, sign(team, "policy.json", now), `signed as another file, "policy.json"`},
		{"without a name", team, sign(team, "", now), "doesn't say which file"},
		{"right", team, sign(team, "team.json", now), ""},
		{"newer", next, sign(next, "team.json", now.Add(time.Hour)), ""},
		{"put back", team, sign(team, "team.json", now), "may have put an old one back"},
		{"signed again", team, sign(team, "team.json", now.Add(2*time.Hour)), ""},
	} {
		write(t, shared, step.content)
		os.Remove(shared + ".minisig")
		if step.signature != "" {
			write(t, shared+".minisig", step.signature)
		}
		f, err := NewReader(own, t.TempDir()).File() // which keeps the copy
		if err != nil {
			t.Fatal(err)
		}
		trouble, grave := f.SharedTrouble()
		if step.want == "" && trouble != nil || step.want != "" && (!grave || !strings.Contains(trouble.Error(), step.want)) {
			t.Errorf("%s: %v", step.name, trouble)
		}
		if _, err := f.Find("mine"); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}

	// The copy is verified each time it is read.
	os.Remove(shared)
	if _, err := load(t, own).Find("dev"); err != nil {
		t.Error(err)
	}
	copies, err := filepath.Glob(filepath.Join(filepath.Dir(own), "state", "aws-accounts", "shared", "*.json"))
	if err != nil || len(copies) != 1 {
		t.Fatal(copies, err)
	}
	kept, err := os.ReadFile(copies[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, copies[0], strings.Replace(string(kept), "987654321098", "987654321097", 1))
	if _, err := load(t, own).Find("dev"); err == nil {
		t.Error("a copy that was changed is believed")
	}
}

func TestSharedAddressIsWhatWasSigned(t *testing.T) {
	sharing(t, team, `{"accounts": []}`)
	from := &AccountsFrom{URL: "https://team.example/accounts.json", SHA256: fmt.Sprintf("%X", sha256.Sum256([]byte(team)))}
	if _, _, _, err := from.Keep([]byte(team), nil); err != nil {
		t.Error(err)
	}
	if _, _, _, err := from.Keep([]byte(team+"\n"), nil); err == nil || !strings.Contains(err.Error(), "another checksum") {
		t.Errorf("with another content: %v", err)
	}
	key, sign := signing(t)
	from = &AccountsFrom{URL: "https://team.example/accounts.json", PublicKey: key}
	now := time.Now()
	if _, _, _, err := from.Keep([]byte(team), []byte(sign(team, "accounts.json", now))); err != nil {
		t.Error(err)
	}
	old := []byte(sign(team, "accounts.json", now.Add(-time.Hour)))
	if _, _, _, err := from.Keep([]byte(team), old); err == nil || !strings.Contains(err.Error(), "may have put an old one back") {
		t.Errorf("an older one: %v", err)
	}
}

func TestAccountsFromIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                            `needs a "file", or a "url"`,
		`{"file": "a", "url": "https://x/y"}`:           `it is one of them`,
		`{"url": "http://example.com/a"}`:               `neither https`,
		`{"url": "s3://bucket"}`:                        `neither https`,
		`{"url": "s3://bucket/key"}`:                    `needs an "account"`,
		`{"url": "s3://bucket/key", "account": "mian"}`: `no account "mian" in this file: did you mean "main"?`,
		`{"file": "a", "account": "main"}`:              `is for s3`,
		`{"file": "a", "sha256": "12"}`:                 `64 hexadecimal digits`,
		`{"file": "a", "public_key": "12"}`:             `none of minisign's`,
		`{"path": "a"}`:                                 `unknown field "path"`,
		`"a"`:                                           `must be an object`,
	} {
		if _, err := Parse("f", []byte(`{"accounts_from": `+text+`, "accounts": [{"name": "main"}]}`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// A change of the shared file is a change of the accounts file.
func TestStampCoversTheSharedFile(t *testing.T) {
	shared, own := sharing(t, team, `{"accounts_from": {"file": "team.json"}, "accounts": []}`)
	dir := t.TempDir()
	reader := func() *Reader { // much later, since nobody can set back when a file was changed
		r := NewReader(own, dir)
		r.now = func() time.Time { return time.Now().Add(time.Hour) }
		return r
	}
	first := reader().Stamp()
	if first == "" || first != reader().Stamp() {
		t.Fatalf("%q, %q", first, reader().Stamp())
	}
	write(t, shared, strings.Replace(team, "role/Admin", "role/Other", 1))
	changed := reader().Stamp()
	if changed == first {
		t.Error("a change of the shared file doesn't show")
	}

	// Who has read a version goes on with it, as `serve` does for hours, and keeps no session as of a newer one.
	for _, long := range []*Reader{reader(), NewReader(own, t.TempDir())} {
		long.now = func() time.Time { return time.Now().Add(time.Hour) }
		if _, err := long.File(); err != nil {
			t.Fatal(err)
		}
		write(t, shared, strings.Replace(team, "role/Admin", "role/Third", 1))
		if stamp := long.Stamp(); stamp != "" && stamp == reader().Stamp() {
			t.Error("what was read before has the stamp of a version that came later")
		}
	}
}

// The signature may come later than what it signs. Nothing is kept as of that moment, as no stamp shows when it is over.
func TestSharedIsOutdatedUntilItsSignatureComes(t *testing.T) {
	key, sign := signing(t)
	shared, own := sharing(t, team, `{"accounts_from": {"file": "team.json", "public_key": "`+key+`"}, "accounts": []}`)
	write(t, shared+".minisig", sign(team, "team.json", time.Now()))
	if f, err := NewReader(own, t.TempDir()).File(); err != nil || f.Outdated() {
		t.Fatal(err)
	}
	next := strings.Replace(team, "role/Admin", "role/Other", 1)
	write(t, shared, next)
	if f := load(t, own); !f.Outdated() || !strings.HasSuffix(f.indexed().byName["dev"].RoleARN, "Admin") {
		t.Errorf("%+v", f.indexed().byName["dev"])
	}
	write(t, shared+".minisig", sign(next, "team.json", time.Now()))
	if f := load(t, own); f.Outdated() || !strings.HasSuffix(f.indexed().byName["dev"].RoleARN, "Other") {
		t.Errorf("%+v", f.indexed().byName["dev"])
	}
}

// A copy is what the accounts file demands by now, and of just the file that it names.
func TestSharedCopyIsOfThis(t *testing.T) {
	shared, own := sharing(t, team, `{"accounts_from": {"file": "team.json"}, "accounts": []}`)
	if _, err := NewReader(own, t.TempDir()).File(); err != nil {
		t.Fatal(err)
	}
	key, _ := signing(t)
	for _, demand := range []string{`"public_key": "` + key + `"`, `"sha256": "` + strings.Repeat("0", 64) + `"`} {
		write(t, own, `{"accounts_from": {"file": "team.json", `+demand+`}, "accounts": []}`)
		if f := load(t, own); len(f.Accounts) != 0 || !f.Outdated() {
			t.Errorf("%s: %d accounts", demand, len(f.Accounts))
		}
	}
	elsewhere := filepath.Join(filepath.Dir(own), "elsewhere")
	if err := os.Mkdir(elsewhere, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(elsewhere, "accounts.json"), `{"accounts_from": {"file": "team.json"}, "accounts": []}`)
	if f := load(t, filepath.Join(elsewhere, "accounts.json")); len(f.Accounts) != 0 {
		t.Errorf("%d accounts of %s", len(f.Accounts), shared)
	}

	from := &AccountsFrom{URL: "https://team.example/accounts.json"}
	if _, _, _, err := from.Keep([]byte(team), nil); err != nil {
		t.Fatal(err)
	}
	for _, demand := range []string{`"public_key": "` + key + `"`, `"sha256": "` + strings.Repeat("0", 64) + `"`} {
		write(t, own, `{"accounts_from": {"url": "https://team.example/accounts.json", `+demand+`}, "accounts": []}`)
		if f := load(t, own); len(f.Accounts) != 0 || !strings.Contains(f.Notes(nil)[0].Message, "not fetched yet") {
			t.Errorf("%s: %d accounts, %v", demand, len(f.Accounts), f.Notes(nil))
		}
	}
}
