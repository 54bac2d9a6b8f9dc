package stage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aws-accounts/internal/awsfiles"
	"aws-accounts/internal/test/standin"
)

// After init each profile is what it was, and named with the reason, or its credentials come from us to every AWS tool. One that is
// left never stops the others, and a dry run says the same.
func TestInitLeavesWhatItCantImprove(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	key := aws.Key(User)
	keys := "aws_access_key_id = " + key.ID + "\naws_secret_access_key = " + key.Secret + "\n"
	const set = "sso_account_id = 987654321098\nsso_role_name = ReadOnly\n"
	const sso = "sso_start_url = " + StartURL + "\nsso_region = eu-west-1\n" + set
	const role = "role_arn = " + DevRole + "\nsource_profile = default\n"
	const at = "sso_start_url = " + StartURL + "\nsso_region = eu-west-1\n"
	const deleted = "aws_access_key_id = AKIAZZZZZZZZZZZZZZZZ\naws_secret_access_key = abcdefghijabcdefghijabcdefghijabcdefghij\n"
	session := func(settings string) string {
		return "[sso-session corp]\n" + settings + "[profile dev]\nsso_session = corp\n" + set
	}
	for name, c := range map[string]struct {
		config, credentials string
		left                string // dev, and why; "" if it's taken over
	}{
		"SSO in the credentials file": {
			"[profile dev]\nregion = eu-west-1\n",
			"[dev]\n" + sso,
			"sso_start_url in line 5 of the credentials file would still count",
		},
		"SSO in the credentials file alone": {
			"",
			"[dev]\n" + sso,
			"sso_start_url in line 5 of the credentials file would still count",
		},
		"source_profile in the credentials": {
			"[profile dev]\nrole_arn = " + DevRole + "\n",
			"[dev]\nsource_profile = default\n",
			"source_profile in line 5 of the credentials file would still count",
		},
		"a role in the credentials file": {
			"",
			"[dev]\n" + role,
			"role_arn in line 5 of the credentials file would still count",
		},
		"SSO, and keys of the same name": {
			"[profile dev]\n" + sso,
			"[dev]\n" + strings.ReplaceAll(keys, key.ID, "AKIAZZZZZZZZZZZZZZZZ"),
			"aws_access_key_id in line 5 of the credentials file would still count",
		},
		"a session behind a tab": {
			strings.Replace(session(at), "sso-session corp", "sso-session\tcorp", 1),
			"",
			"",
		},
		"a comment behind the address": {
			session("sso_start_url = " + StartURL + " # ours\nsso_region = eu-west-1\n"),
			"",
			"the AWS tools disagree about sso_start_url of [sso-session corp] in line 2",
		},
		"a comment behind the region": {
			session("sso_start_url = " + StartURL + "\nsso_region = eu-west-1 ; ours\n"),
			"",
			"the AWS tools disagree about sso_region of [sso-session corp] in line 3",
		},
		"quotes around the address": {
			session("sso_start_url = \"" + StartURL + "\"\nsso_region = eu-west-1\n"),
			"",
			"the AWS tools disagree about sso_start_url of [sso-session corp] in line 2",
		},
		"a session without a region": {
			session("sso_start_url = " + StartURL + "\n"),
			"",
			"its sso_region is missing, or no region",
		},
		"SSO without a region": {
			"[profile dev]\nsso_start_url = " + StartURL + "\n" + set,
			"",
			"its sso_region is missing, or no region",
		},
		"sso_region = global": {
			"[profile dev]\nsso_start_url = " + StartURL + "\nsso_region = global\n" + set,
			"",
			"its sso_region is missing, or no region",
		},
		"scopes with blanks and a last comma": {
			session(at + "sso_registration_scopes = sso:account:access, \n"),
			"",
			"",
		},
		"scopes in quotes": {
			session(at + "sso_registration_scopes = \"sso:account:access\"\n"),
			"",
			"the AWS tools disagree about sso_registration_scopes of [sso-session corp] in line 4",
		},
		"sso_region against the session's": {
			strings.Replace(session(at), "sso_session = corp\n", "sso_session = corp\nsso_region = us-east-1\n", 1),
			"",
			"its sso_region differs from that of [sso-session corp]",
		},
		"region = aws-global": {
			"[profile dev]\nregion = aws-global\n" + role,
			"",
			"region \"aws-global\" is not shaped like",
		},
		"[DEFAULT] in the credentials file": {
			"[profile dev]\n" + strings.ReplaceAll(role, "default", "base"),
			"[DEFAULT]\naws_access_key_id = AKIAZZZZZZZZZZZZZZZZ\naws_secret_access_key = x\n",
			"its source_profile base can't be taken over: there is no profile \"base\"",
		},
		"[DEFAULT] in the config file": {"[DEFAULT]\nregion = eu-west-1\n[profile dev]\n" + role, "", ""},
		"[Default]":                    {"[Default]\nregion = eu-west-1\n[profile dev]\n" + role, "", ""},
		"two sources": {
			"[profile dev]\n" + role + "credential_source = Environment\n",
			"",
			"it has both source_profile and credential_source, which the SDKs refuse",
		},
		"a source and a web identity": {
			"[profile dev]\n" + role + "web_identity_token_file = /token\n",
			"",
			"it has both source_profile and web_identity_token_file, which the SDKs refuse",
		},
		"twice": {
			"[profile dev]\n" + role + "[profile dev]\noutput = json\n",
			"",
			"the profile is there more than once",
		},
		"a value that goes on": {
			"[profile dev]\nrole_arn = " + DevRole + "\n  x\nsource_profile = default\n",
			"",
			"is not the ARN of a role",
		},
		"indented, so that one reader sees it": {
			"[profile dev]\noutput = json\n  role_arn = " + DevRole + "\nsource_profile = default\n",
			"",
			"the AWS tools disagree about its role_arn in line 3 of the config file",
		},
		"below a profile with a name like none": {"[profile büro]\n" + role + "[profile dev]\n" + role, "", ""},
		"beside another service's key": {
			"[profile dev]\n" + role,
			"[minio]\naws_access_key_id = minioadmin\naws_secret_access_key = minioadmin\n",
			"",
		},
		"beside a key that AWS doesn't know": {"[profile dev]\n" + role, "[old]\n" + deleted, ""},
		"of a key that AWS doesn't know": {
			"[profile dev]\n" + strings.ReplaceAll(role, "default", "old"),
			"[old]\n" + deleted,
			"its source_profile old is left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := NewHome(t, aws, FileKeychain()...)
			h.Write(".aws/config", c.config)
			credentials := "[default]\n" + keys + c.credentials
			h.Write(".aws/credentials", credentials)
			dry, errs, status := h.Run("aws-accounts", "init", "--yes", "--dry-run")
			if status != 0 {
				t.Fatalf("dry: exit %d\n%s%s", status, dry, errs)
			}
			if _, err := os.Stat(filepath.Join(h.Dir, ".config")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a dry run wrote: %v", err)
			}
			out := h.MustRun("aws-accounts", "init", "--yes")
			lines := func(text string) []string {
				return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return !strings.HasPrefix(l, "left     [") })
			}
			if !slices.Equal(lines(dry), lines(out)) {
				t.Errorf("a dry run says %q, and not %q", lines(dry), lines(out))
			}
			config, err := os.ReadFile(filepath.Join(h.Dir, ".aws/config"))
			if err != nil {
				t.Fatal(err)
			}
			rest, err := os.ReadFile(filepath.Join(h.Dir, ".aws/credentials"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(string(rest), c.credentials) {
				t.Errorf("the credentials file became\n%s", rest)
			}
			files, err := awsfiles.Profiles(config, rest)
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]bool{"default": true, "dev": c.left == ""} {
				p, _ := files.Profile(name)
				if _, ours := p.Account(); ours != want || ours && len(p.Shadows()) > 0 {
					t.Errorf("%s is ours: %v, below %+v\n%s\n%s", name, ours, p.Shadows(), config, out)
				}
			}
			if c.left == "" {
				return
			}
			if !strings.HasPrefix(string(config), c.config) {
				t.Errorf("what is left has changed:\n%s", config)
			}
			if !slices.ContainsFunc(lines(out), func(l string) bool {
				return strings.HasPrefix(l, "left     [profile dev]") && strings.Contains(l, c.left)
			}) {
				t.Errorf("said %q", lines(out))
			}
			text, err := os.ReadFile(filepath.Join(h.Dir, ".config/aws-accounts/accounts.json"))
			if err != nil || strings.Contains(string(text), `"dev"`) || strings.Contains(string(text), "sso_sessions") {
				t.Errorf("the accounts file is\n%s\n%v", text, err)
			}
		})
	}
}
