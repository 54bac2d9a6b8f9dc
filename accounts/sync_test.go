package accounts

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const orgRole = "Admin"

// org is the listing of an organization, of accounts as "ID NAME".
func org(accounts ...string) Listing {
	l := Listing{From: "o-1", Covers: func(role string) bool { return role == orgRole }}
	for _, a := range accounts {
		id, name, _ := strings.Cut(a, " ")
		l.Listed = append(l.Listed, Listed{Called: name, Account: Account{AccountID: id, RoleARN: "arn:aws:iam::" + id + ":role/" + orgRole,
			Synced: &Synced{From: "o-1", Role: orgRole}}})
	}
	return l
}

// center is the listing of an Identity Center, of permission sets as "ID ROLE NAME".
func center(sets ...string) Listing {
	l := Listing{From: "corp", Covers: func(string) bool { return true }}
	for _, s := range sets {
		w := strings.SplitN(s, " ", 3)
		l.Listed = append(l.Listed, Listed{Called: w[2], Account: Account{AccountID: w[0], SSO: &SSO{Session: "corp", RoleName: w[1]}, Synced: &Synced{From: "corp", Role: w[1]}}})
	}
	return l
}

const center1 = `, "sso_sessions": [{"name": "corp", "start_url": "https://corp.awsapps.com/start", "region": "eu-west-1"}]`

// synced is the file after a sync, and what it said.
func synced(t testing.TB, data []byte, l Listing) ([]byte, *Difference) {
	t.Helper()
	f, err := Parse("f", data)
	if err != nil {
		t.Fatal(err)
	}
	d := f.Compare(l)
	edited, err := d.Apply("f", data)
	if err != nil {
		t.Fatal(err)
	}
	return edited, d
}

func namesOf(accounts []Account) string {
	var names []string
	for _, a := range accounts {
		names = append(names, a.AccountID[11:]+":"+a.Name)
	}
	return strings.Join(names, " ")
}

func TestSyncNames(t *testing.T) {
	const one, two, three = "111111111111", "222222222222", "333333333333"
	for _, c := range []struct {
		what, have string
		listing    Listing
		want       string
	}{
		{"as in AWS, made valid", `{"accounts": []}`, org(one+" Dev Team (EU)", two+" -rf ~"), "1:Dev-Team-EU 2:rf"},
		{"nothing is left of it", `{"accounts": []}`, org(one+" 開発", two+" 🦊", three+" "), "1:account-111111111111 2:account-222222222222 3:account-333333333333"},
		{"called by another account's number", `{"accounts": []}`, org(one+" "+two, two+" dev"), "1:account-111111111111 2:dev"},
		{"equal but for case", `{"accounts": []}`, org(one+" dev", two+" DEV", three+" x"), "1:dev-111111111111 2:DEV-222222222222 3:x"},
		{"taken by another account", `{"accounts": [{"name": "Dev", "account_id": "999999999999"}]}`, org(one + " dev"), "1:dev-111111111111"},
		{"taken by another role of the account", `{"accounts": [{"name": "dev", "role_arn": "arn:aws:iam::111111111111:role/Other"}]}`, org(one + " dev"), "1:dev-Admin"},
		{"both taken", `{"accounts": [{"name": "dev", "account_id": "999999999999"}, {"name": "dev-111111111111", "source": "dev", "role_arn": "arn:aws:iam::999999999999:role/Other"}]}`, org(one + " dev"), "1:dev-111111111111-2"},
		{"the profile that credentials begin at", `{"accounts": [{"name": "main"}]}`, org(one + " default"), "1:default-111111111111"},
		{"another one's profile", `{"defaults": {"profile_prefix": "x-"}, "accounts": [{"name": "main", "profile": "x-dev"}]}`, org(one + " dev"), "1:dev-111111111111"},
		{"an account called as another's second choice", `{"accounts": []}`, org(one+" a", two+" A", three+" a-111111111111"), "1:a-111111111111 3:a-111111111111-333333333333 2:A-222222222222"},
		{"too long", `{"accounts": []}`, org(one+" "+strings.Repeat("a", 90), two+" "+strings.Repeat("a", 90)),
			"1:" + strings.Repeat("a", 51) + "-111111111111 2:" + strings.Repeat("a", 51) + "-222222222222"},
		{"one permission set", `{"accounts": []` + center1 + `}`, center(one+" ReadOnly Dev", two+" Admin Prod"), "1:Dev 2:Prod"},
		{"several permission sets", `{"accounts": []` + center1 + `}`, center(one+" ReadOnly Dev", one+" a=b,c Dev"), "1:Dev-a-b-c 1:Dev-ReadOnly"},
		{"one more permission set", `{"accounts": [{"name": "Dev", "account_id": "111111111111", "sso": {"session": "corp", "role_name": "ReadOnly"}}]` + center1 + `}`,
			center(one+" ReadOnly Dev", one+" Admin Dev"), "1:Dev-Admin"},
	} {
		_, d := synced(t, []byte(c.have), c.listing)
		if got := namesOf(d.Added); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// Another role of an account is another entry; the same role is the same entry, whoever made it and whatever it is called.
func TestSyncKeepsWhatIsThere(t *testing.T) {
	const old = `{
  // by hand
  "accounts": [
    {"name": "main", "account_id": "999999999999"},
    {"name": "mine", "role_arn": "arn:aws:iam::111111111111:role/admin", "duration": "30m"}, // as I like it
    {"name": "two", "account_id": "222222222222", "role_arn": "arn:aws:iam::222222222222:role/Elsewhere", "description": "Two",
     "synced": {"from": "o-1", "role": "Admin", "name": "Two"}}
  ]
}`
	edited, d := synced(t, []byte(old), org("111111111111 One", "222222222222 Two"))
	if string(edited) != old || d.Edits() || len(d.Same) != 2 {
		t.Errorf("%+v\n%s", d, edited)
	}
	edited, _ = synced(t, []byte(old), org("111111111111 One", "222222222222 Zwei"))
	if want := strings.ReplaceAll(old, `"Two"`, `"Zwei"`); string(edited) != want {
		t.Errorf("renamed\n%s\nwant\n%s", edited, want)
	}
	described := strings.Replace(old, `"description": "Two"`, `"description": "Mine"`, 1)
	edited, _ = synced(t, []byte(described), org("111111111111 One", "222222222222 Zwei"))
	if want := strings.ReplaceAll(described, `"Two"`, `"Zwei"`); string(edited) != want {
		t.Errorf("renamed, with a description of one's own\n%s\nwant\n%s", edited, want)
	}
}

func TestSyncVanished(t *testing.T) {
	const old = `{"accounts": [
  {"name": "main", "account_id": "999999999999"},
  {"name": "hand", "role_arn": "arn:aws:iam::111111111111:role/Admin"},
  {"name": "gone", "role_arn": "arn:aws:iam::222222222222:role/Admin", "synced": {"from": "o-1", "role": "Admin"}},
  {"name": "asleep", "role_arn": "arn:aws:iam::333333333333:role/Admin", "synced": {"from": "o-1", "role": "Admin"}},
  {"name": "source", "role_arn": "arn:aws:iam::444444444444:role/Admin", "synced": {"from": "o-1", "role": "Admin"}},
  {"name": "user", "source": "SOURCE", "role_arn": "arn:aws:iam::555555555555:role/Admin"},
  {"name": "role", "role_arn": "arn:aws:iam::222222222222:role/Other", "synced": {"from": "o-1", "role": "Other"}},
  {"name": "part", "role_arn": "arn:aws:iam::222222222222:role/Third", "synced": {"from": "o-1/ou-1", "role": "Admin"}}
]}`
	l := org("333333333333 Asleep", "666666666666 New")
	l.Listed[0].LeftOut, l.Listed[0].Closed = "suspended", true
	_, d := synced(t, []byte(old), l)
	got := map[string]string{}
	for _, v := range d.Vanished {
		got[v.Name] = v.Why + "|" + v.Needed
	}
	if want := (map[string]string{"gone": "no longer there|", "asleep": "suspended|", "source": "no longer there|user"}); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if p := d.Prunable(); !slices.Equal(p, []string{"gone", "asleep"}) {
		t.Errorf("prunable: %v", p)
	}
}

// Whatever AWS calls its accounts, and in whichever order it lists them: the file is valid, the names are the same, a second
// sync has nothing to do, and accounts that come later change no name.
func FuzzSync(f *testing.F) {
	f.Add("dev\nDev\nprod", "x", uint64(1))
	f.Add("\x1b[31m\n\u202eevil\n\"quoted\"\n\\\n-h\n.\n", "\U0001f98a", uint64(2))
	f.Add(strings.Repeat("a", 100)+"\n"+strings.Repeat("a", 100)+"\n"+strings.Repeat("a", 52)+"-200000000001\nmain\nMAIN", "dev", uint64(3))
	f.Add("default\nmain\n\xff\xfe\nhand\nhand-Admin", "hand-200000000003", uint64(4))
	const have = `{"accounts": [{"name": "main", "account_id": "123456789012"}, {"name": "hand", "role_arn": "arn:aws:iam::200000000003:role/Hand"}]` + center1 + `}`
	f.Fuzz(func(t *testing.T, lines, late string, seed uint64) {
		var orgs, sets []string
		for i, name := range strings.Split(lines, "\n") {
			id := fmt.Sprintf("2%011d", i%1000)
			orgs = append(orgs, id+" "+name)
			sets = append(sets, id+" ReadOnly "+name)
			if i%3 == 0 {
				sets = append(sets, id+" Admin "+name)
			}
		}
		for _, l := range []Listing{org(orgs...), center(sets...)} {
			once, d := synced(t, []byte(have), l)
			for _, a := range d.Added {
				if i := strings.IndexFunc(a.Description+a.Synced.Name, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("%q", a.Description)
				}
			}
			twice, again := synced(t, once, l)
			if !bytes.Equal(once, twice) || again.Edits() || len(again.Vanished) > 0 {
				t.Errorf("the second time: %+v", again)
			}
			shuffled := l
			shuffled.Listed = slices.Clone(l.Listed)
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(l.Listed), func(i, j int) {
				shuffled.Listed[i], shuffled.Listed[j] = shuffled.Listed[j], shuffled.Listed[i]
			})
			if other, _ := synced(t, []byte(have), shuffled); !bytes.Equal(other, once) {
				t.Errorf("in another order:\n%s\nand not\n%s", other, once)
			}
			more := l
			more.Listed = append(slices.Clone(l.Listed), org("900000000000 "+late).Listed...)
			more.Listed[len(l.Listed)].Synced.From = l.From
			later, _ := synced(t, once, more)
			before, err := Parse("f", once)
			if err != nil {
				t.Fatal(err)
			}
			after, err := Parse("f", later)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(before.Accounts, after.Accounts[:len(before.Accounts)], sameEntry) || len(after.Accounts) != len(before.Accounts)+1 {
				t.Error("one that came later has changed others")
			}
		}
	})
}

// Ten thousand accounts of one name are one edit, not 10,000.
func TestSyncTenThousandEqualNames(t *testing.T) {
	var all []string
	for i := range 10_000 {
		all = append(all, fmt.Sprintf("2%011d sandbox", i))
	}
	once, d := synced(t, []byte(`{"accounts": []}`), org(all...))
	if len(d.Added) != 10_000 {
		t.Fatal(len(d.Added))
	}
	if _, again := synced(t, once, org(all...)); len(again.Same) != 10_000 {
		t.Errorf("%d are the same", len(again.Same))
	}
}

func TestNameTemplate(t *testing.T) {
	listed := func(called, role string) Listed {
		return Listed{Called: called, Account: Account{AccountID: "111111111111", SSO: &SSO{Session: "corp", RoleName: role},
			Synced: &Synced{From: "corp", Role: role}}}
	}
	for template, want := range map[NameTemplate]string{
		"":                                   "Corp-Pay-EU",
		"{account}":                          "Corp-Pay-EU",
		"{account|lower|strip:corp }-{role}": "pay-eu-Read",
		"{account|strip:Corp |lower}":        "pay-eu",
		"{id}-{role|lower}":                  "111111111111-read",
		"{id}":                               "account-111111111111", // never a name that is an account's number
		"x.{account|strip:other}":            "x.Corp-Pay-EU",
	} {
		d := (&File{}).Compare(Listing{From: "corp", Covers: func(string) bool { return true }, Listed: []Listed{listed("Corp Pay EU", "Read")}, Names: template})
		if len(d.Added) != 1 || d.Added[0].Name != want {
			t.Errorf("%s: %v, want %s", template, d.Added, want)
		}
	}
	for _, wrong := range []string{"{name}", "{account", "account}", "{account|upper}", "{}", "x", "{account|}"} {
		if new(NameTemplate).UnmarshalText([]byte(wrong)) == nil {
			t.Errorf("%s is taken", wrong)
		}
		if _, err := Parse("f", []byte(`{"defaults": {"name_template": "`+wrong+`"}, "accounts": []}`)); err == nil || !strings.Contains(err.Error(), "f:1:") {
			t.Errorf("%s in the file: %v", wrong, err)
		}
	}

	// It is kept, and holds for the next sync.
	l := Listing{From: "corp", Covers: func(string) bool { return true }, Listed: []Listed{listed("Pay", "Read")}, Names: "{account|lower}"}
	edited, err := (&File{}).Compare(l).Apply("f", []byte(`{"accounts": [], "sso_sessions": [{"name": "corp", "start_url": "https://x.example/start", "region": "eu-west-1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("f", edited)
	if err != nil || f.Defaults.NameTemplate != l.Names || f.Accounts[0].Name != "pay" {
		t.Fatalf("%v\n%s", err, edited)
	}
	l.Names, l.Listed = "", append(l.Listed, Listed{Called: "Shop", Account: Account{AccountID: "222222222222", SSO: &SSO{Session: "corp", RoleName: "Read"},
		Synced: &Synced{From: "corp", Role: "Read"}}})
	if d := f.Compare(l); len(d.Added) != 1 || d.Added[0].Name != "shop" {
		t.Errorf("%v", d.Added)
	}
}
