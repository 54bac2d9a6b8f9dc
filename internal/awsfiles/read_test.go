package awsfiles

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
)

// sdk is what aws-sdk-go-v2 makes of a profile of two files. ok is false where it panics, as v1.33 does over a value
// that is a single quotation mark.
func sdk(t testing.TB, configFile, credentials []byte, profile string) (cfg config.SharedConfig, err error, ok bool) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string][]byte{"config": configFile, "credentials": credentials} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	cfg, err = config.LoadSharedConfigProfile(context.Background(), profile, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles = []string{filepath.Join(dir, "config")}
		o.CredentialsFiles = []string{filepath.Join(dir, "credentials")}
	})
	return cfg, err, true
}

// agrees compares the model of Go's reader with the real one, profile by profile.
func agrees(t testing.TB, configFile, credentials []byte) {
	t.Helper()
	if strings.HasPrefix(string(configFile), string(utf8BOM)) || strings.HasPrefix(string(credentials), string(utf8BOM)) {
		return // read as if it weren't there, and reported
	}
	files, err := Profiles(configFile, credentials)
	if err != nil {
		return
	}
	for _, name := range append(files.Names(), "absent") {
		cfg, err, ok := sdk(t, configFile, credentials, name)
		if !ok {
			continue
		}
		p, there := files.Profile(name)
		there = there && slices.ContainsFunc(append(slices.Clone(p.Config), p.Credentials...), func(s *Section) bool { return s.goProfile == name })
		var absent config.SharedConfigProfileNotExistError
		if errors.As(err, &absent) && absent.Profile == name {
			if there {
				t.Fatalf("profile %q: the SDK finds none", name)
			}
			continue
		}
		if err != nil {
			continue // refused for its content, which is not ours to judge here
		}
		if !there {
			t.Fatalf("profile %q: the SDK finds one", name)
		}
		for key, want := range map[string]string{
			"role_arn": cfg.RoleARN, "source_profile": cfg.SourceProfileName, "region": cfg.Region, "external_id": cfg.ExternalID,
			"mfa_serial": cfg.MFASerial, "sso_session": cfg.SSOSessionName, "login_session": cfg.LoginSession,
			"credential_process": cfg.CredentialProcess, "sso_account_id": cfg.SSOAccountID,
			"web_identity_token_file": cfg.WebIdentityTokenFile,
		} {
			got, _ := p.Get(Go, key)
			if cfg.SourceProfileName != "" && want == "" {
				continue // the SDK forgets the rest beside source_profile
			}
			if strings.ReplaceAll(got.Value, "\r", "") != strings.ReplaceAll(want, "\r", "") {
				t.Fatalf("profile %q, %s: got %q, the SDK says %q", name, key, got.Value, want)
			}
		}
	}
}

func TestAgreesWithGo(t *testing.T) {
	configs, credentials := testFiles(t, "config"), testFiles(t, "credentials")
	for name, c := range configs {
		for other, cr := range credentials {
			t.Run(name+" "+other, func(t *testing.T) { agrees(t, c, cr) })
		}
	}
}

func TestProfiles(t *testing.T) {
	files, err := Profiles(testFiles(t, "config")["nested"], []byte("[prod]\naws_access_key_id = a\naws_secret_access_key = b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := files.Names(), []string{"default", "dev", "prod"}; !slices.Equal(got, want) {
		t.Errorf("names %q", got)
	}
	dev, _ := files.Profile("dev")
	if a, ok := dev.Account(); a != "dev" || !ok {
		t.Errorf("dev is %q, %v", a, ok)
	}
	if s, ok := dev.Get(Both, "s3"); !ok || !s.Nested || s.Line != 18 || s.By != Both {
		t.Errorf("s3 is %+v", s)
	}
	if sh := dev.Shadows(); len(sh) != 0 {
		t.Errorf("dev is shadowed by %+v", sh)
	}
	if p := files.Problems(Config); len(p) != 0 {
		t.Errorf("problems %+v", p)
	}
	if _, ok := files.Profile("Dev"); ok {
		t.Error("case doesn't matter")
	}
}

func TestShadows(t *testing.T) {
	ours := "[profile dev]\ncredential_process = aws-accounts process dev\n"
	for _, c := range []struct{ config, credentials, want string }{
		{ours, "", ""},
		{ours + "output = json\nregion = x\n", "[dev]\nregion = y\n", ""},
		{ours + "role_arn = x\n", "", "role_arn config file 3: on top/refuses"},
		{ours + "role_arn = x\nsource_profile = y\n", "", "role_arn config file 3: on top/wins, source_profile config file 4: refuses/wins"},
		{ours + "sso_session = x\n", "", "sso_session config file 3: wins/"},
		{ours + "sso_role_name = x\n", "", "sso_role_name config file 3: wins/wins"},
		{ours + "login_session = x\n", "", "login_session config file 3: wins/wins"},
		{ours + "web_identity_token_file = x\n", "", "web_identity_token_file config file 3: refuses/wins"},
		{ours, "\n[dev]\naws_access_key_id = a\naws_secret_access_key = b\n",
			"aws_access_key_id credentials file 3: wins/wins, aws_secret_access_key credentials file 4: wins/wins"},
		{ours, "[dev]\naws_access_key_id = a\n", "aws_access_key_id credentials file 2: refuses/refuses"},
		{ours + "aws_access_key_id = a\naws_secret_access_key = b\n", "", "aws_access_key_id config file 3: wins/, aws_secret_access_key config file 4: wins/"},
		{ours, "[dev]\ncredential_process = other\n", "credential_process credentials file 2: wins/wins"},
		{ours + "[DEFAULT]\nrole_arn = x\n", "", "role_arn config file 4: /refuses"},
		{ours, "[DEFAULT]\naws_access_key_id = a\naws_secret_access_key = b\n", ""}, // counts in the sections of its own file
		{ours, "[DEFAULT]\naws_access_key_id = a\naws_secret_access_key = b\n[dev]\nregion = x\n",
			"aws_access_key_id credentials file 2: /wins, aws_secret_access_key credentials file 3: /wins"},
		{ours + "  role_arn = x\n", "", "role_arn config file 3: on top/"},
	} {
		files, err := Profiles([]byte(c.config), []byte(c.credentials))
		if err != nil {
			t.Fatal(err)
		}
		p, _ := files.Profile("dev")
		var got []string
		for _, s := range p.Shadows() {
			got = append(got, fmt.Sprintf("%s %s %d: %s/%s", s.Key, s.File, s.Line, s.Go, s.Botocore))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s%s: got %s, want %s", c.config, c.credentials, got, c.want)
		}
	}
}

func TestCallsUs(t *testing.T) {
	files, err := Profiles([]byte(`[default]
region = x
[profile dev]
credential_process = aws-accounts process dev
[profile wrapped]
credential_process = sh -c "aws-accounts process dev"
[profile chained]
source_profile = between
role_arn = x
[profile between]
source_profile = dev
[profile self]
source_profile = self
[profile loop-a]
source_profile = loop-b
[profile loop-b]
source_profile = loop-a
[profile "quoted"]
credential_process = aws-accounts process quoted
`), []byte("[shadowed]\nsource_profile = dev\n"))
	if err != nil {
		t.Fatal(err)
	}
	for profile, want := range map[string]bool{
		"default": false, "dev": true, "wrapped": true, "chained": true, "self": false, "loop-a": false,
		"quoted": true, "shadowed": true, "absent": false,
	} {
		if got := files.CallsUs(profile); got != want {
			t.Errorf("%s: %v", profile, got)
		}
	}
}

func TestProblems(t *testing.T) {
	for src, want := range map[string]string{
		"\xef\xbb\xbf[a]\n":               "1 AWS CLI true, 1 AWS SDK for Go false",
		"[profile a]\n[profile a]\n":      "2 AWS CLI true",
		"[profile a]\nb = c\nB = d\n":     "3 AWS CLI true",
		"a = b\n":                         "1 AWS CLI true",
		"[a]\nnonsense\n":                 "2 AWS CLI true",
		"[a]\n# \xff\n":                   "2 AWS CLI true",
		"[a]\nb = c\rd\n":                 "2 AWS CLI false",
		"[profile \"a\"]\n":               "1 AWS CLI and AWS SDK for Go false",
		"[DEFAULT]\nb = c\n":              "1 AWS CLI false",
		"[default]\n[profile a]\n x = y ": "",
	} {
		files, err := Profiles([]byte(src), nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range files.Problems(Config) {
			got = append(got, fmt.Sprint(p.Line, " ", p.By, " ", p.Fatal))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%q: %+v", src, files.Problems(Config))
		}
	}
}
