package accounts

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

const devEntry = `{"name": "dev", "role_arn": "arn:aws:iam::987654321098:role/R"}`

var devAccount = Account{Name: "dev", RoleARN: "arn:aws:iam::987654321098:role/R"}

func TestAddAndRemove(t *testing.T) {
	for _, c := range []struct{ name, old, new string }{
		{"one line", `{"accounts": [{"name": "main"}]}`, `{"accounts": [{"name": "main"}, ` + devEntry + `]}`},
		{"none yet", `{"accounts": []}`, "{\"accounts\": [\n    " + devEntry + "\n  ]}"},
		{"an account a line", "{\n  \"accounts\": [\n    {\"name\": \"main\"}\n  ]\n}\n", "{\n  \"accounts\": [\n    {\"name\": \"main\"},\n    " + devEntry + "\n  ]\n}\n"},
		{"trailing comma and comments", "{\"accounts\": [\n  {\"name\": \"main\"}, // mine\n  // the end\n]}",
			"{\"accounts\": [\n  {\"name\": \"main\"}, // mine\n  " + devEntry + ",\n  // the end\n]}"},
		{"a comment behind the last", "{\"accounts\": [\n  // first\n  {\"name\": \"main\"} // mine\n]}",
			"{\"accounts\": [\n  // first\n  {\"name\": \"main\"}, // mine\n  " + devEntry + "\n]}"},
		{"a field a line", "{\n\t\"accounts\": [\n\t\t{\n\t\t\t\"name\": \"main\"\n\t\t}\n\t]\n}",
			"{\n\t\"accounts\": [\n\t\t{\n\t\t\t\"name\": \"main\"\n\t\t},\n\t\t{\n\t\t\t\"name\": \"dev\",\n\t\t\t\"role_arn\": \"arn:aws:iam::987654321098:role/R\"\n\t\t}\n\t]\n}"},
		{"CRLF", "{\"accounts\": [\r\n  {\"name\": \"main\"} // mine\r\n]}", "{\"accounts\": [\r\n  {\"name\": \"main\"}, // mine\r\n  " + devEntry + "\r\n]}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Add("f", []byte(c.old), devAccount)
			if err != nil || string(got) != c.new {
				t.Fatalf("%v\n%s\nwant\n%s", err, got, c.new)
			}
			back, err := Remove("f", got, "DEV")
			if err != nil || string(back) != c.old {
				t.Errorf("not as it was: %v\n%s\nwant\n%s", err, back, c.old)
			}
		})
	}
}

func TestRemove(t *testing.T) {
	const a, b, c = `{"name": "a"}`, `{"name": "b"}`, `{"name": "c"}`
	for _, x := range []struct{ old, name, new string }{
		{`{"accounts": [` + a + `, ` + b + `, ` + c + `]}`, "a", `{"accounts": [` + b + `, ` + c + `]}`},
		{`{"accounts": [` + a + `,` + b + `]}`, "b", `{"accounts": [` + a + `]}`},
		{`{"accounts": [` + a + `,]}`, "a", `{"accounts": []}`},
		{"{\"accounts\": [\n  // one\n  " + a + ", // its own\n  " + b + "\n]}", "a", "{\"accounts\": [\n  // one\n  " + b + "\n]}"},
		{"{\"accounts\": [\n  " + a + ",\n\n  " + b + " // last\n]}", "b", "{\"accounts\": [\n  " + a + "\n]}"},
		{"{\"accounts\": [\n  " + a + " // why\n  , " + b + "\n]}", "a", "{\"accounts\": [ // why\n   " + b + "\n]}"},
	} {
		if got, err := Remove("f", []byte(x.old), x.name); err != nil || string(got) != x.new {
			t.Errorf("%v\n%s\nwant\n%s", err, got, x.new)
		}
	}
	if _, err := Remove("f", []byte(`{"accounts": [{"name": "main"}]}`), "man"); err == nil || !strings.Contains(err.Error(), `did you mean "main"`) {
		t.Errorf("%v", err)
	}
	// Both or none: a role can go together with its source only.
	both := `{"accounts": [{"name": "x", "sso": {"session": "s", "role_name": "R"}, "account_id": "123456789012"}, {"name": "dev", "source": "x", "role_arn": "arn:aws:iam::987654321098:role/R"}],
 "sso_sessions": [{"name": "s", "start_url": "https://x.awsapps.com/start", "region": "eu-west-1"}]}`
	if _, err := Remove("f", []byte(both), "x"); err == nil {
		t.Error("the source of dev is gone")
	}
	if _, err := Remove("f", []byte(both), "x", "dev"); err != nil {
		t.Error(err)
	}
}

func TestSet(t *testing.T) {
	const role = `"role_arn": "arn:aws:iam::987654321098:role/R"`
	for _, c := range []struct {
		old    string
		fields []Field
		new    string
	}{
		{`{"accounts": [{"name": "dev", ` + role + `}]}`, []Field{{"description", `"Dev"`}}, `{"accounts": [{"name": "dev", ` + role + `, "description": "Dev"}]}`},
		{`{"accounts": [{"name": "dev", ` + role + ` /* x */, "description": "Old" /* y */}]}`, []Field{{"description", `"Dev"`}}, `{"accounts": [{"name": "dev", ` + role + ` /* x */, "description": "Dev" /* y */}]}`},
		{`{"accounts": [{"name": "dev", ` + role + `, "description": "Old"}]}`, []Field{{"description", ""}}, `{"accounts": [{"name": "dev", ` + role + `}]}`},
		{`{"accounts": [{"name": "dev", ` + role + `}]}`, []Field{{"description", ""}, {"duration", ""}}, `{"accounts": [{"name": "dev", ` + role + `}]}`},
		{"{\"accounts\": [{\n  \"name\": \"dev\", // hers\n  " + role + "\n}]}", []Field{{"account_id", `"987654321098"`}},
			"{\"accounts\": [{\n  \"name\": \"dev\", // hers\n  \"account_id\": \"987654321098\",\n  " + role + "\n}]}"},
		{`{"accounts": [{"name": "dev", ` + role + `, "session_tags": { "a":"b" }}]}`, []Field{{"session_tags", `{"a": "b"}`}}, `{"accounts": [{"name": "dev", ` + role + `, "session_tags": { "a":"b" }}]}`},
		// Only together they are right.
		{`{"accounts": [{"name": "dev", "account_id": "987654321098", ` + role + `}]}`,
			[]Field{{"account_id", `"111111111111"`}, {"role_arn", `"arn:aws:iam::111111111111:role/R"`}},
			`{"accounts": [{"name": "dev", "account_id": "111111111111", "role_arn": "arn:aws:iam::111111111111:role/R"}]}`},
	} {
		if got, err := Set("f", []byte(c.old), "dev", c.fields...); err != nil || string(got) != c.new {
			t.Errorf("%v\n%s\nwant\n%s", err, got, c.new)
		}
	}
	if _, err := Set("f", []byte(`{"accounts": [{"name": "dev"}]}`), "dev", Field{"duration", `"1y"`}); err == nil {
		t.Error("a year is no duration")
	}
}

func TestSetKeychain(t *testing.T) {
	for old, want := range map[string]string{
		Empty: "{\n  \"keychain\": {\"backend\": \"keyctl\"},\n  \"accounts\": []\n}\n",
		`{"accounts": [], "keychain": {"backend": "file"}}`:   `{"accounts": [], "keychain": {"backend": "keyctl"}}`,
		`{"accounts": [], "keychain": {"backend":"keyctl"} }`: `{"accounts": [], "keychain": {"backend":"keyctl"} }`,
	} {
		if got, err := SetKeychain("f", []byte(old), Keychain{Backend: "keyctl"}); err != nil || string(got) != want {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want)
		}
	}
}

// Whatever the file looks like: an account that is added is in it, the others are as they were, and without it the file is
// what it was to the byte. An edit that changes nothing is byte-identical.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte(`{"accounts": [{"name": "main", "account_id": "123456789012"}]}`))
	f.Add([]byte("{\"accounts\": [\n{\n\"name\"\n:\"main\"//x\n, /*y*/},// z\n]}"))
	f.Add([]byte("\ufeff{\"accounts\": [{\"name\": \"main\"} /* a */ /* b */\n, /* c */]}"))
	f.Add([]byte("{\"accounts\": [{\"name\": \"a\",\r\n \"description\": \"x\"} // c\r\n, {\"name\": \"b\"}]}"))
	f.Add([]byte(`{"accounts": []}`))
	f.Add([]byte("{\"accounts\": [{\"name\": \"a\"},{\"name\": \"b\"}, {\"name\": \"c\"} // c\n,\n{\"name\": \"d\"} /* d */ // e\n]}"))
	f.Add([]byte("{\"accounts\": [\n  {\"name\": \"a\"}, // a\n  {\"name\": \"b\"},\n  // on c\n  {\"name\": \"c\"},\n  {\"name\": \"d\"}, {\"name\": \"e\"},\n]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before, err := Parse("f", data)
		if err != nil {
			return
		}
		fresh := Account{Name: "fresh", Credentials: &Credentials{Profile: "x"}, Description: "y"}
		e, err := newEntry(fresh)
		if err != nil {
			t.Fatal(err)
		}
		got, err := add("f", data, e, false)
		if err != nil {
			return // one more base account can leave a role without its source
		}
		after, err := Parse("f", got)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range before.Accounts {
			if !sameEntry(a, after.Accounts[i]) {
				t.Errorf("%+v became %+v", a, after.Accounts[i])
			}
		}
		if last := after.Accounts[len(after.Accounts)-1]; !sameEntry(last, fresh) {
			t.Errorf("%+v", last)
		}
		for _, field := range []Field{{"description", `"y"`}, {"region", ""}} {
			if same, err := Set("f", got, "fresh", field); err != nil || !bytes.Equal(same, got) {
				t.Errorf("nothing to do, but: %v\n%q\n%q", err, got, same)
			}
		}
		back, err := Remove("f", got, "fresh")
		if err != nil {
			t.Fatal(err)
		}
		if len(before.Accounts) > 0 && !bytes.Equal(back, data) {
			t.Errorf("not as it was:\n%q\n%q\n%q", data, got, back)
		}
		region, err := Set("f", data, "main", Field{"region", `"eu-west-1"`})
		if err != nil {
			return
		}
		if _, set := before.Find("main"); set == nil {
			if a, _ := before.Find("main"); a.Region == "" {
				if back, err := Set("f", region, "main", Field{"region", ""}); err != nil || !bytes.Equal(back, data) {
					t.Errorf("not as it was: %v\n%q\n%q\n%q", err, data, region, back)
				}
			}
		}
		var half []string
		var rest []Account
		for i, a := range before.Accounts {
			if i%3 == 1 {
				rest = append(rest, a)
			} else {
				half = append(half, a.Name)
			}
		}
		for _, names := range [][]string{half, before.names()} {
			if less, err := Remove("f", data, names...); err == nil {
				now, err := Parse("f", less)
				if err != nil || len(names) == len(half) && len(half) < len(before.Accounts) && !reflect.DeepEqual(now.Accounts, rest) {
					t.Errorf("%v: %q without %q", err, less, names)
				}
			}
		}
		for _, a := range before.Accounts {
			if less, err := Remove("f", data, a.Name); err == nil {
				if now, err := Parse("f", less); err != nil || len(now.Accounts) != len(before.Accounts)-1 {
					t.Errorf("%v: %q", err, less)
				}
			}
		}
	})
}
