package warm

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-accounts/accounts/version"
	"aws-accounts/cache"
	"aws-accounts/cache/item"
	"aws-accounts/internal/place"
	"aws-accounts/internal/private"
	"aws-accounts/internal/test/standin"
	"aws-accounts/internal/wire"
	"aws-accounts/process/protocol"
)

// Only the command line that setup writes is answered here: all else is for the whole program, which knows what it
// means.
func TestCalled(t *testing.T) {
	for _, c := range []struct {
		args        string
		environment string
		name, file  string
		ok          bool
	}{
		{"process dev", "", "dev", "", true},
		{"process dev", "/team.json", "dev", "/team.json", true},
		{"process --accounts-file=/own.json dev", "/team.json", "dev", "/own.json", true},
		{"process --accounts-file= dev", "/team.json", "dev", "", true},
		{"process", "", "", "", false},
		{"process --help", "", "--help", "", false},
		{"process -h", "", "-h", "", false},
		{"process --no-input dev", "", "", "", false},
		{"process dev --no-input", "", "", "", false},
		{"process --accounts-file /own.json dev", "", "", "", false},
		{"process --accounts-file=/own.json --debug", "", "--debug", "/own.json", false},
		{"list dev", "", "", "", false},
		{"--debug process", "", "", "", false},
		{"", "", "", "", false},
	} {
		t.Setenv("AWS_ACCOUNTS_FILE", c.environment)
		name, file, ok := Called(strings.Fields(c.args))
		if ok != c.ok || ok && (name != c.name || file != c.file) {
			t.Errorf("%q: %q of %q, %v", c.args, name, file, ok)
		}
	}
	if _, _, ok := Called([]string{"process", ""}); ok {
		t.Error("an account without a name")
	}
}

const (
	dev     = `{"name": "dev", "account_id": "987654321098", "role_arn": "arn:aws:iam::987654321098:role/Admin"}`
	devRole = "arn:aws:iam::987654321098:role/Admin"
)

// desk is a home whose next call for dev is a warm one, as the whole program has left it.
type desk struct {
	t     *testing.T
	aws   *standin.Server
	file  string // the accounts file
	first item.Session
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
			os.Unsetenv(name)
		}
	}
	d := &desk{t: t, aws: standin.Start(t, standin.Config{Users: []standin.User{{Account: "123456789012", Name: "me"}},
		Roles: []standin.Role{{ARN: devRole, Trust: standin.Trust{Principals: []string{"123456789012"}}}}})}
	home := t.TempDir()
	d.set(
		"HOME="+home,
		"USERPROFILE="+home,
		"XDG_CONFIG_HOME="+filepath.Join(home, "config"),
		"XDG_STATE_HOME="+filepath.Join(home, "state"),
		"LocalAppData="+filepath.Join(
			home,
			"state",
		),
		"AWS_REGION=eu-west-1",
		"AWS_ACCOUNTS_KEYCHAIN=file",
		private.Passphrase+"=CORRECTHORSEBATTERYSTAPLEZ",
	)
	d.set(d.aws.Env()...)
	key := d.aws.Key("me")
	d.write(
		filepath.Join(home, ".aws", "credentials"),
		"[default]\naws_access_key_id = "+key.ID+"\naws_secret_access_key = "+key.Secret+"\n",
	)
	d.file = filepath.Join(home, "config", "aws-accounts", "accounts.json")
	d.write(d.file, `{"accounts": [`+dev+`]}`)
	d.cold(d.file)
	if s := d.stored("dev"); s == nil {
		t.Fatal("no warm answer")
	} else {
		d.first = *s
	}
	return d
}

func (d *desk) set(variables ...string) {
	d.t.Helper()
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		d.t.Setenv(name, value)
	}
}

func (d *desk) write(path, content string) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// stored is what a warm call for the account hands out, in a process of its own.
func (d *desk) stored(name string) *item.Session {
	defer version.HandOver(nil, nil)
	return stored(name, d.file)
}

// cold is a call that takes the whole way, of which it returns the access key.
func (d *desk) cold(file string) string {
	d.t.Helper()
	r, err := wire.New(&wire.Flags{AccountsFile: file, NoInput: true}).Resolver()
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := r.Session("dev").Retrieve(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return c.AccessKeyID
}

// The warm answer is the whole program's: the same session, the same document, and no call of AWS.
func TestWarmIsTheWholeProgramsAnswer(t *testing.T) {
	d := newDesk(t)
	if key := d.cold(d.file); key != d.first.AccessKeyID {
		t.Error("the whole program hands out another session")
	}
	if n := d.aws.Calls("AssumeRole"); n != 1 {
		t.Errorf("AWS was asked %d times", n)
	}
	var out strings.Builder
	if err := answer(&d.first).Write(&out); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil || got["Version"] != 1.0 ||
		got["AccessKeyId"] != d.first.AccessKeyID ||
		got["SecretAccessKey"] != d.first.SecretAccessKey ||
		got["SessionToken"] != d.first.SessionToken ||
		got["AccountId"] != "987654321098" ||
		got["Expiration"] != d.first.Expiration.Format(time.RFC3339) {
		t.Errorf("the document isn't the session's: %v", err)
	}
	if s := d.stored("DEV"); s == nil || s.AccessKeyID != d.first.AccessKeyID {
		t.Error("case makes another account")
	}
}

// Whatever changes what a session is of, the warm answer isn't given: another endpoint, another accounts file or
// version of it, another ~/.aws, another keychain. Nor where the keychain doesn't open, nor for a name that is no
// account's.
func TestNoWarmAnswer(t *testing.T) {
	for name, change := range map[string]func(d *desk){
		"another endpoint":           func(d *desk) { d.set("AWS_ENDPOINT_URL=http://127.0.0.1:1") },
		"another endpoint of STS":    func(d *desk) { d.set("AWS_ENDPOINT_URL_STS=http://127.0.0.1:1") },
		"another endpoint of OIDC":   func(d *desk) { d.set("AWS_ENDPOINT_URL_SSO_OIDC=http://127.0.0.1:1") },
		"endpoints that don't count": func(d *desk) { d.set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true") },
		"AWS's own endpoints":        func(d *desk) { d.set("AWS_ENDPOINT_URL=", "AWS_ENDPOINT_URL_STS=") },
		"another ~/.aws/config":      func(d *desk) { d.set("AWS_CONFIG_FILE=" + d.file) },
		"another ~/.aws/credentials": func(d *desk) { d.set("AWS_SHARED_CREDENTIALS_FILE=" + d.file) },
		"another version of the file": func(d *desk) {
			d.write(d.file,
				strings.Replace(`{"accounts": [`+dev+`]}`, "/Admin", "/Other", 1))
		},
		"another version of the config": func(d *desk) {
			d.write(filepath.Join(os.Getenv("HOME"), ".aws", "config"),
				"[default]\n")
		},
		"another key": func(d *desk) {
			d.write(filepath.Join(os.Getenv("HOME"), ".aws",
				"credentials"), "[default]\n")
		},
		"another file of the same content": func(d *desk) { d.file += ".copy"; d.write(d.file, `{"accounts": [`+dev+`]}`) },
		"no file":                          func(d *desk) { d.file += ".none" },
		"another keychain":                 func(d *desk) { d.set("AWS_ACCOUNTS_KEYCHAIN=pass") },
		"a wrong passphrase":               func(d *desk) { d.set(private.Passphrase + "=wrong") },
		"no passphrase":                    func(d *desk) { d.set(private.Passphrase + "=") },
		"no home": func(d *desk) {
			d.set("HOME=", "USERPROFILE=", "XDG_STATE_HOME=",
				"LocalAppData=")
		},
		"no note of the file":               func(d *desk) { d.forgetNotes() },
		"a session that is not fresh":       func(d *desk) { d.ends(10 * time.Minute) },
		"a session that is over":            func(d *desk) { d.ends(-time.Second) },
		"a session without a stamp":         func(d *desk) { d.keep(func(s *item.Session) { s.Stamp = "" }) },
		"a session of another account":      func(d *desk) { d.keep(func(s *item.Session) { s.Account = "prod" }) },
		"a session of another version":      func(d *desk) { d.keep(func(s *item.Session) { s.Layout = 99 }) },
		"a session of an earlier accounts…": func(d *desk) { d.keep(func(s *item.Session) { s.Stamp += "x" }) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			change(d)
			if s := d.stored("dev"); s != nil {
				t.Error("it is answered")
			}
		})
	}
	d := newDesk(t)
	for _, name := range []string{"prod", "", "../dev", "dev/x", strings.Repeat("x", 1000), "dev\x00"} {
		if d.stored(name) != nil {
			t.Errorf("%.20q has a session", name)
		}
	}
}

// keep changes the stored session.
func (d *desk) keep(change func(*item.Session)) {
	d.t.Helper()
	s := d.first
	change(&s)
	data, err := json.Marshal(s)
	if err != nil {
		d.t.Fatal(err)
	}
	dir, err := place.FileKeychain()
	if err != nil {
		d.t.Fatal(err)
	}
	k := cache.OpenKeychain(cache.KeychainConfig{Backend: "file", Dir: dir, Owner: place.Owner(d.file),
		Passphrase: func(_ context.Context, s cache.Safe) error {
			_, err := s.Open("CORRECTHORSEBATTERYSTAPLEZ", false)
			return err
		}})
	if err := k.Keep(d.t.Context(), item.SessionKey("dev", protocol.Variant()), data); err != nil {
		d.t.Fatal(err)
	}
}

// ends lets the stored session of an hour end so soon.
func (d *desk) ends(left time.Duration) {
	d.t.Helper()
	d.keep(func(s *item.Session) {
		s.Expiration = time.Now().Add(left).UTC()
		s.Issued = s.Expiration.Add(-time.Hour)
	})
}

func (d *desk) forgetNotes() {
	d.t.Helper()
	dir, err := place.LocksOf(d.file)
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// keep alone changes nothing: else the cases above would prove nothing.
func TestAStoredSessionAnswers(t *testing.T) {
	d := newDesk(t)
	d.keep(func(*item.Session) {})
	if s := d.stored("dev"); s == nil || s.AccessKeyID != d.first.AccessKeyID {
		t.Error("no warm answer")
	}
}

// Another accounts file, or another endpoint, gets a session of its own, and the first stays for its own callers.
func TestItemsAreOneFilesAndOneEndpoints(t *testing.T) {
	d := newDesk(t)
	copied := d.file + ".copy"
	d.write(copied, `{"accounts": [`+dev+`]}`)
	if d.cold(copied) == d.first.AccessKeyID {
		t.Error("another accounts file is given the session of the first")
	}
	key := d.aws.Key("me")
	other := standin.Start(t, standin.Config{Users: []standin.User{{Account: "123456789012", Name: "me",
		Keys: []standin.AccessKey{{ID: key.ID, Secret: key.Secret}}}},
		Roles: []standin.Role{{ARN: devRole, Trust: standin.Trust{Principals: []string{"123456789012"}}}}})
	d.set(other.Env()...)
	if d.cold(d.file) == d.first.AccessKeyID || other.Calls("AssumeRole") != 1 {
		t.Error("another endpoint's caller is given the session of the first")
	}
	d.set(d.aws.Env()...)
	if s := d.stored("dev"); s == nil || s.AccessKeyID != d.first.AccessKeyID {
		t.Error("the first session has been pushed out")
	}
	if d.cold(d.file) != d.first.AccessKeyID {
		t.Error("the whole program has lost the first session")
	}
}
