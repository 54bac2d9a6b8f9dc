package accounts

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/hint"
)

func TestFind(t *testing.T) {
	f := parse1(t, full)
	for _, name := range []string{"prod", "PROD"} {
		a, err := f.Find(name)
		if err != nil || a.Name != "prod" {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
	for name, want := range map[string]string{
		"prdo":        `no account "prdo" in f: did you mean "prod"?`,
		"development": `no account "development" in f: did you mean "dev", whose profile is so called?`,
		"x-prod":      `no account "x-prod" in f: did you mean "prod", whose profile is so called?`,
		"nothing":     `no account "nothing" in f`,
		"":            `no account "" in f`,
		"\x1b[2J":     `no account "\x1b[2J" in f`,
		"kep":         `no account "kep" in f`,
		"key":         `no account "key" in f: did you mean "keys"?`,
	} {
		a, err := f.Find(name)
		if a != nil || err == nil || err.Error() != want || hint.Of(err) != "`aws-accounts sync shared` fetches what is new in s3://team/accounts.json" {
			t.Errorf("%q\n got %v\nwant %s", name, err, want)
		}
	}
	if _, err := parse1(t, original).Find("kep"); hint.Of(err) != "`aws-accounts list` shows the accounts" {
		t.Errorf("without a shared file: %v", hint.Of(err))
	}
	byHand := &File{Accounts: []Account{{Name: "a"}}}
	if a, err := byHand.Find("a"); err != nil || a != &byHand.Accounts[0] {
		t.Error(a, err)
	}
}

func TestEffective(t *testing.T) {
	const data = `{"defaults": {"region": "eu-west-1", "duration": "2h", "profile_prefix": "x-"},
	"accounts": [
	  {"name": "main"},
	  {"name": "dev", "role_arn": "arn:aws:iam::111111111111:role/R"},
	  {"name": "prod", "role_arn": "arn:aws:iam::111111111111:role/R", "source": "dev", "region": "us-east-1", "profile": "p", "duration": "3h"},
	  {"name": "long", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": "3h"},
	  {"name": "short", "role_arn": "arn:aws:iam::111111111111:role/R", "duration": "15m", "source": "prod"},
	  {"name": "audit", "account_id": "111111111111", "sso": {"session": "corp", "role_name": "X"}},
	  {"name": "viasso", "role_arn": "arn:aws:iam::111111111111:role/R", "source": "audit"}
	], "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]}`
	for _, test := range []struct {
		name, chain, region, profile string
		duration                     time.Duration
	}{
		{"main", "main", "eu-west-1", "x-main", 2 * time.Hour},
		{"dev", "main dev", "eu-west-1", "x-dev", 2 * time.Hour},
		{"prod", "main dev prod", "us-east-1", "p", time.Hour},
		{"long", "main long", "eu-west-1", "x-long", 3 * time.Hour},
		{"short", "main dev prod short", "eu-west-1", "x-short", 15 * time.Minute},
		{"audit", "audit", "eu-west-1", "x-audit", 0},
		{"viasso", "audit viasso", "eu-west-1", "x-viasso", time.Hour},
	} {
		parsed := comparable(parse1(t, data))
		for _, f := range []*File{parse1(t, data), parsed.Indexed()} {
			a, err := f.Find(test.name)
			if err != nil {
				t.Fatal(err)
			}
			if got := chainNames(f, a); got != test.chain {
				t.Errorf("%s: chain %q", test.name, got)
			}
			if got := a.EffectiveRegion(); got != test.region {
				t.Errorf("%s: region %q", test.name, got)
			}
			if got := a.ProfileName(); got != test.profile {
				t.Errorf("%s: profile %q", test.name, got)
			}
			if got := a.EffectiveDuration(); got != test.duration {
				t.Errorf("%s: duration %s", test.name, got)
			}
		}
	}
}

func chainNames(f *File, a *Account) string {
	var names []string
	for _, c := range a.Chain() {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

func TestImplicitBase(t *testing.T) {
	f := parse1(t, `{"accounts": [{"name": "dev", "role_arn": "arn:aws:iam::111111111111:role/R"}]}`)
	dev := &f.Accounts[0]
	base := dev.SourceAccount()
	if base == nil || base.Name != "" || !base.IsBase() || base.Way() != (Credentials{Profile: "default"}) {
		t.Errorf("got %+v", base)
	}
	if chain := dev.Chain(); len(chain) != 2 || chain[0] != base || chain[1] != dev {
		t.Errorf("got %+v", chain)
	}
	if base.SourceAccount() != nil {
		t.Error("the base has a source")
	}
	if got := dev.EffectiveDuration(); got != time.Hour {
		t.Error(got)
	}
}

// A File that was put together by hand can be wrong; that must not hang.
func TestChainOfCycle(t *testing.T) {
	f := &File{Accounts: []Account{{Name: "a", RoleARN: "x", Source: "b"}, {Name: "b", RoleARN: "x", Source: "a"}}}
	f.Indexed()
	if n := len(f.Accounts[0].Chain()); n != 3 {
		t.Errorf("%d", n)
	}
}

func TestNotes(t *testing.T) {
	const role = `"role_arn": "arn:aws:iam::111111111111:role/R"`
	const device = `"mfa_serial": "arn:aws:iam::111111111111:mfa/me"`
	for _, test := range []struct {
		name, data string
		want       []string
	}{
		{"none", `{"accounts": [{"name": "main"}, {"name": "dev", "duration": "12h", ` + role + `}]}`, nil},
		{"chained", `{"accounts": [{"name": "main"}, {"name": "dev", ` + role + `},
 {"name": "prod", "source": "dev", "duration": "2h", ` + role + `}]}`,
			[]string{`2:48: "prod" gets 1h instead of 2h: AWS gives no more to a role that is assumed by a role`}},
		{"chained by default", `{"defaults": {"duration": "2h"}, "accounts": [{"name": "main"}, {"name": "dev", ` + role + `},
 {"name": "prod", "source": "dev", ` + role + `}, {"name": "test", "source": "dev", ` + role + `}]}`,
			[]string{`1:27: "prod", "test" get 1h instead of 2h: AWS gives no more to a role that is assumed by a role`}},
		{"one code for all", `{"defaults": {"duration": "2h"}, "accounts": [{"name": "main", ` + device + `}, {"name": "dev", ` + role + `},
 {"name": "test", ` + role + `}, {"name": "long", "duration": "3h", ` + role + `}, {"name": "prod", "source": "dev", ` + role + `}]}`,
			[]string{`1:27: "prod" gets 1h instead of 2h: AWS gives no more to a role that is assumed by a role`,
				`1:27: "dev", "test" get 1h instead of 2h: one MFA code of "main" serves all its roles, ` +
					`for which AWS gives no more; a role with a "duration" of its own gets that, and asks for a code itself`}},
		{"a code, and no more than an hour", `{"defaults": {"duration": "1h"}, "accounts": [{"name": "main", ` + device + `}, {"name": "dev", ` + role + `}]}`, nil},
		{"web identity", `{"accounts": [{"name": "pod", "duration": "2h", "credentials": {"web_identity_token_file": "/t", ` + role + `}}, {"name": "dev", "duration": "2h", ` + role + `}]}`,
			[]string{`1:176: "dev" gets 1h instead of 2h: AWS gives no more to a role that is assumed by a role`}},
		{"a code for each role", `{"accounts": [{"name": "main"}, {"name": "dev", ` + device + `, ` + role + `},
 {"name": "test", ` + device + `, ` + role + `}, {"name": "other", "mfa_serial": "arn:aws:iam::111111111111:mfa/you", ` + role + `}]}`,
			[]string{`1:63: "dev", "test" each ask for a code of the same device: ` +
				"`aws-accounts edit main --mfa-serial=arn:aws:iam::111111111111:mfa/me` has one code serve them all for 12 hours"}},
		{"a code for each role, by a command", `{"accounts": [{"name": "main"}, {"name": "dev", "mfa_process": "ykman x", ` + device + `, ` + role + `},
 {"name": "test", "mfa_process": "ykman x", ` + device + `, ` + role + `}]}`,
			[]string{`1:89: "dev", "test" each ask for a code of the same device: ` +
				"`aws-accounts edit main --mfa-serial=arn:aws:iam::111111111111:mfa/me --mfa-process='ykman x'` has one code serve them all for 12 hours"}},
		{"a code for each role, no base", `{"accounts": [{"name": "dev", ` + device + `, ` + role + `}, {"name": "test", ` + device + `, ` + role + `}]}`,
			[]string{`1:45: "dev", "test" each ask for a code of the same device: ` +
				"`aws-accounts add main --credentials-profile=default --mfa-serial=arn:aws:iam::111111111111:mfa/me` has one code serve them all for 12 hours"}},
		{"one code, named at the roles too", `{"accounts": [{"name": "main", ` + device + `}, {"name": "dev", ` + device + `, ` + role + `},
 {"name": "test", ` + device + `, ` + role + `}]}`, nil},
		{"a code for each role, of the environment", `{"accounts": [{"name": "main", "credentials": {"environment": true}}, {"name": "dev", ` + device + `, ` + role + `},
 {"name": "test", ` + device + `, ` + role + `}]}`, nil},
		{"keys as they are", `{"accounts": [{"name": "main", "session": "none"}, {"name": "dev", ` + device + `, ` + role + `},
 {"name": "test", ` + device + `, ` + role + `}]}`, nil},
		{"own profile", `{"accounts": [{"name": "main", "credentials": {"profile": "dev"}}, {"name": "dev", ` + role + `}]}`,
			[]string{`1:77: profile "dev" is the one that account "main" begins at, so that it can't be set up for this account: give it another "profile"`}},
		{"implicit profile", `{"accounts": [{"name": "dev", "profile": "default", ` + role + `}]}`,
			[]string{`1:42: profile "default" is the one that credentials begin at, so that it can't be set up for this account: give it another "profile"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, n := range parse1(t, test.data).Notes(nil) {
				got = append(got, fmt.Sprintf("%d:%d: %s", n.Line, n.Column, n.Message))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"dev", "dev", 0}, {"dve", "dev", 1}, {"prodd", "prod", 1}, {"role_arm", "role_arn", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%s, %s: %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a); got != test.want {
			t.Errorf("%s, %s: %d, want %d", test.b, test.a, got, test.want)
		}
	}
}

// many is a file like those of large organisations, with chains in it.
func many(n int) string {
	var b strings.Builder
	b.WriteString(`{"defaults": {"region": "eu-west-1"}, "accounts": [{"name": "main", "account_id": "123456789012"}`)
	for i := range n {
		fmt.Fprintf(&b, `,
    {"name": "account-%d", "account_id": "%012d", "description": "The account number %d",
     "role_arn": "arn:aws:iam::%012d:role/CrossAccountAdminRole"`, i, i, i, i)
		if i%10 == 9 {
			fmt.Fprintf(&b, `, "source": "account-%d"`, i-1)
		}
		b.WriteString("}")
	}
	b.WriteString("]}")
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	data := []byte(many(10000))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("f", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	f := parse1(b, many(10000))
	for b.Loop() {
		if _, err := f.Find("account-9999"); err != nil {
			b.Fatal(err)
		}
	}
}
