package accounts

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBeginInKeychain(t *testing.T) {
	const role = `"role_arn": "arn:aws:iam::987654321098:role/R"`
	for _, c := range []struct{ name, old, new string }{
		{"one line", `{"accounts": [{"name": "main", "account_id": "123456789012", "region": "eu-west-1"}]}`,
			`{"accounts": [{"name": "main", "account_id": "123456789012", "credentials": {"keychain": true}, "region": "eu-west-1"}]}`},
		{"tight", `{"accounts":[{"name":"main"}]}`, `{"accounts":[{"name":"main", "credentials": {"keychain": true}}]}`},
		{"lines, comments, the last member",
			"{\n\t\"accounts\": [\n\t\t// mine\n\t\t{\n\t\t\t\"name\": \"main\", // old\n\t\t\t\"account_id\": \"123456789012\"\n\t\t},\n\t],\n}\n",
			"{\n\t\"accounts\": [\n\t\t// mine\n\t\t{\n\t\t\t\"name\": \"main\", // old\n\t\t\t\"account_id\": \"123456789012\",\n\t\t\t\"credentials\": {\"keychain\": true}\n\t\t},\n\t],\n}\n"},
		{"instead", "{\"accounts\": [\n  {" + role + ", \"name\": \"dev\"},\n  {\"name\": \"Main\", \"credentials\": { \"profile\": \"x\" } /* why */},\n]}",
			"{\"accounts\": [\n  {" + role + ", \"name\": \"dev\"},\n  {\"name\": \"Main\", \"credentials\": {\"keychain\": true} /* why */},\n]}"},
		{"said already", `{"accounts": [{"name": "main", "credentials": {"keychain":true}}]}`, ""},
		{"byte order mark", "\ufeff" + `{"accounts": [{"name": "main"}]}`, "\ufeff" + `{"accounts": [{"name": "main", "credentials": {"keychain": true}}]}`},
		{"no account", `{"accounts": []}`, "{\"accounts\": [\n    {\"name\": \"main\", \"account_id\": \"123456789012\", \"credentials\": {\"keychain\": true}}\n  ]}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.new
			if want == "" {
				want = c.old
			}
			got, err := beginInKeychain("f", []byte(c.old), "main", "123456789012", "")
			if err != nil || string(got) != want {
				t.Errorf("%v\n%s\nwant\n%s", err, got, want)
			}
			if again, err := beginInKeychain("f", got, "main", "123456789012", ""); err != nil || !bytes.Equal(again, got) {
				t.Errorf("twice isn't once: %v\n%s", err, again)
			}
		})
	}
	for _, c := range []struct{ name, old, want string }{
		{"a role", `{"accounts": [{"name": "main", ` + role + `}]}`, `"credentials" belongs to a base account`},
		{"not there", `{"accounts": [{"name": "man"}]}`, `did you mean "man"?`},
		{"broken", `{`, "too early"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := beginInKeychain("f", []byte(c.old), "main", "", ""); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Where AWS is asked about the key is kept, unless the file says it.
func TestBeginInKeychainKeepsTheRegion(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"none", `{"accounts": [{"name": "main"}]}`,
			`{"accounts": [{"name": "main", "credentials": {"keychain": true}, "region": "cn-north-1"}]}`},
		{"keys are there already", `{"accounts": [{"name": "main", "credentials": {"keychain": true}}]}`,
			`{"accounts": [{"name": "main", "credentials": {"keychain": true}, "region": "cn-north-1"}]}`},
		{"its own", `{"accounts": [{"name": "main", "region": "cn-northwest-1"}]}`,
			`{"accounts": [{"name": "main", "credentials": {"keychain": true}, "region": "cn-northwest-1"}]}`},
		{"the defaults'", `{"defaults": {"region": "cn-northwest-1"}, "accounts": [{"name": "main"}]}`,
			`{"defaults": {"region": "cn-northwest-1"}, "accounts": [{"name": "main", "credentials": {"keychain": true}}]}`},
		{"a first account", `{"accounts": []}`, `{"accounts": [
    {"name": "main", "account_id": "123456789012", "region": "cn-north-1", "credentials": {"keychain": true}}
  ]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := beginInKeychain("f", []byte(c.old), "main", "123456789012", "cn-north-1")
			if err != nil || string(got) != c.new {
				t.Errorf("%v\n%s\nwant\n%s", err, got, c.new)
			}
		})
	}
}

func TestBeginInKeychainFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.json")
	if err := os.WriteFile(path, []byte(`{"accounts": [{"name": "main"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		if changed, err := BeginInKeychain(context.Background(), path, t.TempDir(), "main", "", ""); err != nil || changed != want {
			t.Errorf("%v %v", changed, err)
		}
	}
	file, err := Load(path)
	if err != nil || !file.Accounts[0].Way().Keychain {
		t.Errorf("%+v %v", file, err)
	}
}

// Whatever the file looks like: what comes out is valid, says what it shall, and leaves the other accounts as they were.
func FuzzBeginInKeychain(f *testing.F) {
	f.Add([]byte(`{"accounts": [{"name": "main", "account_id": "123456789012"}, {"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/R"}]}`))
	f.Add([]byte("{\"accounts\": [\n{\n\"name\"\n:\"main\"//x\n, /*y*/},]}"))
	f.Add([]byte(`{"accounts": []}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := beginInKeychain("f", data, "main", "123456789012", "cn-north-1")
		if err != nil {
			return
		}
		file, err := Parse("f", got)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := file.Find("main"); err != nil || !a.Way().Keychain {
			t.Fatalf("%v %+v", err, a)
		}
		before, _ := Parse("f", data)
		for i := range before.Accounts {
			if old, now := before.Accounts[i], file.Accounts[i]; old.Name != now.Name || old.AccountID != now.AccountID {
				t.Errorf("account %d was %+v, is %+v", i, old, now)
			}
		}
		if again, err := beginInKeychain("f", got, "main", "123456789012", "cn-north-1"); err != nil || !bytes.Equal(again, got) {
			t.Errorf("twice isn't once: %v", err)
		}
	})
}

// What is asked for before the sign-in holds after it, unless the file has changed meanwhile.
func TestBeginAtSSO(t *testing.T) {
	s := SSOSession{Name: "corp", StartURL: "https://corp.awsapps.com/start", Region: "eu-west-1"}
	for old, ok := range map[string]bool{
		Empty: true,
		`{"accounts": [], "sso_sessions": [{"name": "Corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`: true,
		`{"accounts": [], "sso_sessions": [{"name": "Corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-2"}]}`: false,
		`{"accounts": [], "sso_sessions": [{"name": "corp", "start_url": "https://lab.awsapps.com/start", "region": "eu-west-1"}]}`:  false,
	} {
		path := filepath.Join(t.TempDir(), "accounts.json")
		if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
			t.Fatal(err)
		}
		err := CanBeginAtSSO(path, s)
		if data, _ := os.ReadFile(path); string(data) != old {
			t.Errorf("asked only, and it is %s", data)
		}
		if (err == nil) != ok {
			t.Errorf("%s: %v", old, err)
		}
		if err := BeginAtSSO(t.Context(), path, t.TempDir(), s); (err == nil) != ok {
			t.Errorf("%s: %v", old, err)
		}
		if f, err := Load(path); err != nil || len(f.SSOSessions) != 1 {
			t.Errorf("%s: %v", old, err)
		}
	}
}
