package process

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/accounts"
	"aws-accounts/cache"
)

type writes []string

func (w *writes) Write(p []byte) (int, error) { *w = append(*w, string(p)); return len(p), nil }

// The document is what callers parse, each in its own way: one line, one write, RFC 3339 with Z, no empty Expiration.
func TestWrite(t *testing.T) {
	zone := time.FixedZone("far away", 5*3600)
	for _, c := range []struct {
		name string
		in   aws.Credentials
		want string
	}{
		{"session", aws.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "a/b+c&<", SessionToken: "t", AccountID: "987654321098", CanExpire: true,
			Expires: time.Date(2026, 11, 22, 17, 0, 0, 5e8, zone)},
			`{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"a/b+c\u0026\u003c","SessionToken":"t","Expiration":"2026-11-22T12:00:00Z","AccountId":"987654321098"}`},
		{"long-term key", aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"}, `{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"s"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var w writes
			if err := Write(&w, c.in); err != nil {
				t.Fatal(err)
			}
			if len(w) != 1 || w[0] != c.want+"\n" {
				t.Errorf("wrote %q", w)
			}
			var back map[string]any
			if err := json.Unmarshal([]byte(w[0]), &back); err != nil || back["Version"] != 1.0 || back["SecretAccessKey"] != c.in.SecretAccessKey {
				t.Errorf("reads back as %v, %v", back, err)
			}
		})
	}
}

// While a shared file can't be used, an earlier version of it is, and no stamp shows when that is over: a session kept as of
// it would be handed out when the right version is there.
func TestOutdatedKeepsNoStamp(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	t.Setenv("LocalAppData", filepath.Join(home, "state"))
	shared, own := filepath.Join(home, "team.json"), filepath.Join(home, "accounts.json")
	write := func(path, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(own, `{"accounts_from": {"file": "team.json"}, "accounts": []}`)
	for _, now := range []struct {
		content  string
		volatile bool
	}{
		{`{"accounts": [{"name": "main", "credentials": {"keychain": true}}, {"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/Admin"}]}`, false},
		{"<<<<<<< HEAD", true},
	} {
		write(shared, now.content)
		p := (&Resolver{Accounts: accounts.NewReader(own, t.TempDir()), Sessions: &cache.Sessions{}}).Session("dev")
		if plan, err := p.Plan(); err != nil || plan.Volatile != now.volatile {
			t.Errorf("%s: volatile %v, %v", now.content, plan.Volatile, err)
		}
	}
}
