package route

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-accounts/accounts"
)

// Everything that shapes a session is in its identity; what only describes the account isn't.
func TestIdentityOfAnAccount(t *testing.T) {
	base := func() *accounts.File {
		return (&accounts.File{Accounts: []accounts.Account{
			{Name: "main", AccountID: "123456789012"},
			{Name: "other", AccountID: "123456789013"},
			{Name: "dev", RoleARN: "arn:aws:iam::987654321098:role/A", Source: "main"},
		}}).Indexed()
	}
	noAWSFiles(t)
	print := func(f *accounts.File) string { return identityOf(t, &f.Accounts[2]) }
	before := print(base())
	for name, change := range map[string]func(f *accounts.File){
		"role":              func(f *accounts.File) { f.Accounts[2].RoleARN = "arn:aws:iam::987654321098:role/B" },
		"source":            func(f *accounts.File) { f.Accounts[2].Source = "other" },
		"source's profile":  func(f *accounts.File) { f.Accounts[0].Credentials = &accounts.Credentials{Profile: "x"} },
		"source's MFA":      func(f *accounts.File) { f.Accounts[0].MFASerial = "GAHT12345678" },
		"external id":       func(f *accounts.File) { f.Accounts[2].ExternalID = "xx" },
		"duration":          func(f *accounts.File) { f.Accounts[2].Duration = accounts.Duration(2 * time.Hour) },
		"default duration":  func(f *accounts.File) { f.Defaults.Duration = accounts.Duration(2 * time.Hour) },
		"session name":      func(f *accounts.File) { f.Accounts[2].SessionName = "other" },
		"source identity":   func(f *accounts.File) { f.Accounts[2].SourceIdentity = "other" },
		"tags":              func(f *accounts.File) { f.Accounts[2].SessionTags = map[string]string{"a": "b"} },
		"transitive tags":   func(f *accounts.File) { f.Accounts[2].TransitiveTagKeys = []string{"a"} },
		"policy":            func(f *accounts.File) { f.Accounts[2].Policy = "{}" },
		"policies":          func(f *accounts.File) { f.Accounts[2].PolicyARNs = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"} },
		"account":           func(f *accounts.File) { f.Accounts[2].AccountID = "111111111111" },
		"MFA with the role": func(f *accounts.File) { f.Accounts[2].MFASerial = "GAHT12345678" },
	} {
		f := base()
		if change(f); print(f) == before {
			t.Errorf("another %s has the same identity", name)
		}
	}
	for name, change := range map[string]func(f *accounts.File){
		"description":     func(f *accounts.File) { f.Accounts[2].Description = strings.Repeat("x", 3) },
		"region":          func(f *accounts.File) { f.Accounts[2].Region = "eu-west-1" },
		"profile":         func(f *accounts.File) { f.Accounts[2].Profile = "p" },
		"prefix":          func(f *accounts.File) { f.Defaults.ProfilePrefix = "p-" },
		"another account": func(f *accounts.File) { f.Accounts[1].AccountID = "222222222222" },
	} {
		f := base()
		if change(f); print(f) != before {
			t.Errorf("another %s has another identity", name)
		}
	}
}

// A base's profile in ~/.aws decides as well, with all that it leads to.
func TestIdentityOfAProfile(t *testing.T) {
	dir := t.TempDir()
	configFile, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	t.Setenv("AWS_CONFIG_FILE", configFile)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", credentials)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	f := (&accounts.File{Accounts: []accounts.Account{{Name: "main", Credentials: &accounts.Credentials{Profile: "work"}}}}).Indexed()
	print := func(config, keys string) string {
		t.Helper()
		if err := errors.Join(os.WriteFile(configFile, []byte(config), 0o600), os.WriteFile(credentials, []byte(keys), 0o600)); err != nil {
			t.Fatal(err)
		}
		return identityOf(t, &f.Accounts[0])
	}
	const config = `[profile work]
role_arn = arn:aws:iam::600000000000:role/R
source_profile = middle
region = eu-west-1
[profile middle]
role_arn = arn:aws:iam::600000000000:role/M
source_profile = keys
[profile sso]
sso_session = corp
sso_account_id = 600000000000
sso_role_name = R
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
`
	const keys = "[keys]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
	before := print(config, keys)
	for old, new := range map[string]string{"role/R": "role/Admin", "role/M": "role/Other", "= keys": "= work", "_profile = middle": "_profile = keys"} {
		if print(strings.Replace(config, old, new, 1), keys) == before {
			t.Errorf("%s instead of %s has the same identity", new, old)
		}
	}
	if print(config, strings.Replace(keys, "AKIA1", "AKIA2", 1)) == before {
		t.Error("another access key has the same identity")
	}
	if print(strings.Replace(config, "region = eu-west-1", "region = eu-west-2", 1)+"[profile other]\nrole_arn = x\n", keys) != before {
		t.Error("what doesn't decide has another identity")
	}

	f.Accounts[0].Credentials.Profile = "sso"
	before = print(config, keys)
	for old, new := range map[string]string{"//corp": "//other", "role_name = R": "role_name = Admin"} {
		if print(strings.Replace(config, old, new, 1), keys) == before {
			t.Errorf("%s instead of %s has the same identity", new, old)
		}
	}
}

// A profile can say that its role is assumed with the environment's key, which changes without any file being changed.
func TestProfileThatBeginsInTheEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	t.Setenv("AWS_CONFIG_FILE", path)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", path+"-none")
	if err := os.WriteFile(path, []byte("[profile work]\nrole_arn = arn:aws:iam::600000000000:role/R\ncredential_source = Environment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := (&accounts.File{Accounts: []accounts.Account{{Name: "main", Credentials: &accounts.Credentials{Profile: "work"}}}}).Indexed()
	if way, err := To(&f.Accounts[0]); err != nil || !way.Origin.Volatile {
		t.Error("it counts as one that no file is needed for")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA1")
	before := identityOf(t, &f.Accounts[0])
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIA2")
	if identityOf(t, &f.Accounts[0]) == before {
		t.Error("another key has the same identity")
	}
}

func TestSessionNameIsValid(t *testing.T) {
	if got := SessionName(&accounts.Account{SessionName: "me@here"}); got != "me@here" {
		t.Error(got)
	}
	if got := SessionName(&accounts.Account{}); notInSessionName.MatchString(got) || len(got) < 2 || len(got) > 64 {
		t.Errorf("%q", got)
	}
}
