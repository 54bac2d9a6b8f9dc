package accounts

import (
	"fmt"
	"strings"
	"testing"

	"aws-accounts/internal/awsfiles"
)

func discovered(t *testing.T, config, credentials, have string) (string, *Found) {
	t.Helper()
	file, err := Parse("f", []byte(have))
	if err != nil {
		t.Fatal(err)
	}
	files, err := awsfiles.Profiles([]byte(config), []byte(credentials))
	if err != nil {
		t.Fatal(err)
	}
	found := Discover(files, file, func(name string) bool { return name == "stored" })
	var b strings.Builder
	for _, s := range found.SSOSessions {
		fmt.Fprintf(&b, "session %s %s %s\n", s.Name, s.StartURL, s.Region)
	}
	for _, a := range found.Without(map[string]string{}, file) {
		text, err := compact(a.Account)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s: %s", a.From, text)
		for word, is := range map[string]bool{" new": a.New, " keyless": a.Keyless, " key": a.KeyID != ""} {
			if is && (word != " key" || !a.Keyless) {
				b.WriteString(word)
				break
			}
		}
		b.WriteByte('\n')
	}
	for _, l := range found.Left {
		fmt.Fprintf(&b, "left %s: %s\n", l.Profile, l.Reason)
	}
	return b.String(), found
}

// One code at the base is offered where all of its roles ask for codes of one device.
func TestOneCode(t *testing.T) {
	const keys = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
	role := func(name, more string) string {
		return "[profile " + name + "]\nrole_arn = arn:aws:iam::987654321098:role/R\n" + more + "\n"
	}
	const device = "source_profile = default\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n"
	const you = "source_profile = default\nmfa_serial = arn:aws:iam::123456789012:mfa/you\n"
	for _, c := range []struct{ name, config, credentials, have, want string }{
		{"three", role("a", device) + role("b", device) + role("c", device), keys, "", "main: a b c"},
		{"and one of a role", role("a", device) + role("b", device) + role("c", "source_profile = a"), keys, "", "main: a b"},
		{"one", role("a", device), keys, "", ""},
		{"another device", role("a", device) + role("b", you), keys, "", ""},
		{"another command", role("a", device) + role("b", device+"mfa_process = ykman x\n"), keys, "", ""},
		{"one without a code", role("a", device) + role("b", device) + role("c", "source_profile = default"), keys, "", ""},
		{"the base has one", "[default]\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n" + role("a", device) + role("b", device), keys, "", ""},
		{"two bases", role("a", device) + role("b", device) + role("c", "source_profile = work"),
			keys + "[work]\naws_access_key_id = AKIA2\naws_secret_access_key = s\n", "", "main: a b"},
		{"a base that begins with a session", "[default]\nlogin_session = x\n" + role("a", device) + role("b", device), "", "", ""},
		{"a base that is there", role("a", device) + role("b", device), keys, `{"accounts": [{"name": "main"}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.have == "" {
				c.have = Empty
			}
			_, found := discovered(t, c.config, c.credentials, c.have)
			got := ""
			for _, o := range found.OneCodes() {
				got += o.Base.Name + ":"
				for _, r := range o.Roles {
					got += " " + r.Name
				}
				o.Take()
				if o.Base.MFASerial != "arn:aws:iam::123456789012:mfa/me" || o.Roles[0].MFASerial != "" {
					t.Errorf("taken: %+v", o)
				}
			}
			if got != c.want || len(found.OneCodes()) != 0 && got != "" {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestDiscover(t *testing.T) {
	const keys = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
	const role = "arn:aws:iam::987654321098:role/R"
	for _, c := range []struct {
		name, config, credentials, have string
		want                            []string // in this order
	}{
		{"a role", "[profile dev]\nrole_arn = " + role + "\nsource_profile = default\nexternal_id = abc\nduration_seconds = 3600\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n", keys, "",
			[]string{`default: {"name": "main", "credentials": {"profile": "default"}}`,
				`dev: {"name": "dev", "account_id": "987654321098", "role_arn": "` + role + `", "duration": "1h", "external_id": "abc", "mfa_serial": "arn:aws:iam::123456789012:mfa/me"}`}},
		{"two bases", "[profile a]\nrole_arn = " + role + "\nsource_profile = work\n", keys + "[work]\naws_access_key_id = AKIA2\naws_secret_access_key = s\n", "",
			[]string{`work: {"name": "work", "credentials": {"profile": "work"}}`, `a: {"name": "a", "account_id": "987654321098", "role_arn": "` + role + `", "source": "work"}`, `default: {"name": "main"`}},
		{"a chain, its second device", "[profile b]\nrole_arn = " + role + "\nsource_profile = a\nmfa_serial = m123456789\n[profile a]\nrole_arn = " + role + "\nsource_profile = default\n", keys, "",
			[]string{`default: `, `a: {"name": "a"`, `b: {"name": "b", "account_id": "987654321098", "role_arn": "` + role + `", "source": "a"}`}},
		{"a circle", "[profile a]\nrole_arn = " + role + "\nsource_profile = b\n[profile b]\nrole_arn = " + role + "\nsource_profile = a\n", "", "",
			[]string{"left b: ", "circle", "left a: "}},
		{"Identity Center", "[profile a]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = R\n[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n", "", "",
			[]string{"session corp https://corp.awsapps.com/start eu-west-1", `a: {"name": "a", "account_id": "111122223333", "sso": {"session": "corp", "role_name": "R"}}`}},
		{"aws-vault", "[profile dev]\nrole_arn = " + role + "\nsource_profile = work\ninclude_profile = shared\n[profile work]\n[profile shared]\nregion = eu-west-1\nsession_tags = a=b,c=d\n", "",
			`{"accounts": [{"name": "stored", "profile": "work", "credentials": {"keychain": true}}]}`,
			[]string{`dev: {"name": "dev", "account_id": "987654321098", "region": "eu-west-1", "role_arn": "` + role + `", "session_tags": {"a": "b", "c": "d"}}`}},
		{"aws-vault, no key yet", "[profile dev]\nrole_arn = " + role + "\nsource_profile = work\n[profile work]\n", "", "",
			[]string{`work: {"name": "work", "credentials": {"keychain": true}}`, "left dev: its source_profile work can't be taken over: no access key"}},
		{"a machine's role", "[profile m]\nrole_arn = " + role + "\ncredential_source = Ec2InstanceMetadata\n", "", "",
			[]string{`: {"name": "instance", "credentials": {"instance": true}}`, `m: {"name": "m"`}},
		{"a web identity", "[profile w]\nrole_arn = " + role + "\nweb_identity_token_file = /t\n", "", "",
			[]string{`w: {"name": "w", "credentials": {"web_identity_token_file": "/t", "role_arn": "` + role + `"}}`}},
		{"names", "[profile My Dev]\nrole_arn = x\n[profile a/b]\nrole_arn = " + role + "\nsource_profile = default\n[profile a-b]\nrole_arn = " + role + "\nsource_profile = default\n", keys, "",
			[]string{`{"name": "a-b-2", "account_id": "987654321098", "profile": "a/b"`, `{"name": "a-b", "account_id": "987654321098", "role_arn"`}},
		{"case alone", "[profile Dev]\nrole_arn = " + role + "\nsource_profile = default\n[profile dev]\nrole_arn = " + role +
			"2\nsource_profile = default\n[profile onward]\nrole_arn = " + role + "\nsource_profile = dev\n", keys, "",
			[]string{`default: {"name": "main"`, "left Dev: it differs from [profile dev] in case alone", "left dev: it differs from [profile Dev]",
				"left onward: its source_profile dev can't be taken over: it differs from"}},
		{"case alone, of keys", "[profile dev]\nrole_arn = " + role + "\nsource_profile = default\n", keys + "[DEV]\naws_access_key_id = AKIA2\naws_secret_access_key = s\n", "",
			[]string{`default: {"name": "main"`, "left dev: ", "left DEV: "}},
		{"main in another case", "[profile Main]\nrole_arn = " + role + "\nsource_profile = default\n", keys, "",
			[]string{`{"name": "default", "credentials"`, `{"name": "Main", "account_id"`}},
		{"an account of that name in another case", "[profile dev]\nrole_arn = " + role + "\nsource_profile = default\n", keys,
			`{"accounts": [{"name": "main"}, {"name": "Dev", "role_arn": "` + role + `2"}]}`,
			[]string{`left dev: account "dev" of the accounts file is another one`}},
		{"an account of that name with another profile", "[profile dev]\nrole_arn = " + role + "\nsource_profile = default\n", keys,
			`{"accounts": [{"name": "main"}, {"name": "dev", "profile": "d", "role_arn": "` + role + `2"}]}`,
			[]string{`left dev: account "dev" of the accounts file is another one`}},
		{"known already", "[profile dev]\nrole_arn = " + role + "\nsource_profile = default\n", keys, `{"accounts": [{"name": "main"}, {"name": "dev", "role_arn": "` + role + `"}]}`,
			[]string{`default: {"name": "main"} key`, `dev: {"name": "dev", "account_id": "987654321098", "role_arn": "` + role + `"}`}},
		{"another of that name", "[profile dev]\nrole_arn = " + role + "\nsource_profile = default\n", keys, `{"accounts": [{"name": "main"}, {"name": "dev", "role_arn": "` + role + `2"}]}`,
			[]string{`left dev: account "dev" of the accounts file is another one`}},
		{"ours", "[profile dev]\ncredential_process = /x/aws-accounts process dev\n", "", `{"accounts": [{"name": "dev"}]}`, nil},
		{"temporary", "[profile dev]\nrole_arn = " + role + "\nsource_profile = t\n", "[t]\naws_access_key_id = ASIA\naws_secret_access_key = s\naws_session_token = t\n", "",
			[]string{"left dev: its source_profile t can't be taken over: it has temporary credentials"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			have := c.have
			if have == "" {
				have = Empty
			}
			got, found := discovered(t, c.config, c.credentials, have)
			rest := got
			for _, want := range c.want {
				i := strings.Index(rest, want)
				if i < 0 {
					t.Fatalf("%s is not in\n%s", want, got)
				}
				rest = rest[i+len(want):]
			}
			if c.want == nil && got != "" {
				t.Errorf("%s", got)
			}
			data := []byte(have)
			var err error
			for _, s := range found.SSOSessions {
				if data, err = AddSSOSession("f", data, s); err != nil {
					t.Fatal(err)
				}
			}
			for _, a := range found.Accounts {
				if a.New {
					if data, err = Add("f", data, a.Account); err != nil {
						t.Fatalf("%v\n%s", err, data)
					}
				}
			}
		})
	}
}

// FuzzDiscover: whatever is in ~/.aws, what is found can be added, or is one clear error.
func FuzzDiscover(f *testing.F) {
	f.Add([]byte("[profile a]\nrole_arn = arn:aws:iam::987654321098:role/R\nsource_profile = default\n"), []byte("[default]\naws_access_key_id = A\naws_secret_access_key = s\n"))
	f.Add([]byte("[profile a]\nsso_account_id = 1\nsso_role_name = R\nsso_start_url = https://x/\ninclude_profile = a\n"), []byte(""))
	f.Fuzz(func(t *testing.T, config, credentials []byte) {
		file, _ := Parse("f", []byte(Empty))
		files, err := awsfiles.Profiles(config, credentials)
		if err != nil {
			return
		}
		found := Discover(files, file, func(string) bool { return false })
		names := map[string]bool{}
		for _, a := range found.Accounts {
			if lower := strings.ToLower(a.Name); names[lower] || a.Name == "" {
				t.Errorf("%q twice", a.Name)
			} else {
				names[lower] = true
			}
		}
	})
}
