package accounts

import (
	"reflect"
	"strings"
	"testing"
)

// FuzzLoad: whatever the bytes are, there is an answer that is safe to print, with a place that is in the file; and what is
// valid is the same after it has been written and read again.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{original, full, "\ufeff{}", "[", "{'", `{"accounts": [{"account_id": 01}]}`, "{\"a\": \"\n\"}", "/*", "//\u2028",
		`{"accounts": [{"name": "a", "policy": "{\"a\": [1, {}]}"}]}`,
		`{"accounts": [{"name": "a", "role_arn": "arn:aws:iam::111111111111:role/a", "source": "a"}]}`,
		strings.Repeat("[", 200)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f", data)
		if err != nil {
			lines := 1 + strings.Count(string(data), "\n")
			for _, line := range strings.Split(err.Error(), "\n") {
				if r, odd := firstNot(line, func(r rune) bool { return r >= ' ' && r != 0x7f && r != '\u202e' && r != 0x9b }); odd {
					t.Errorf("%U in %q", r, line)
				}
			}
			for _, p := range err.(interface{ Unwrap() error }).Unwrap().(*Problems).List {
				if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Column > len(data)+1 || p.Message == "" {
					t.Errorf("%+v in %d lines", p, lines)
				}
			}
			return
		}
		for i := range file.Accounts {
			a := &file.Accounts[i]
			if found, err := file.Find(a.Name); err != nil || found != a {
				t.Errorf("%s isn't found: %v", a.Name, err)
			}
			if chain := a.Chain(); !chain[0].IsBase() && chain[0].SSO == nil {
				t.Errorf("the chain of %s has no beginning", a.Name)
			}
			a.EffectiveDuration()
		}
		again, err := encodeJSON(file, "  ")
		if err != nil {
			t.Fatal(err)
		}
		file2, err := Parse("f", again)
		if err != nil {
			t.Fatalf("not valid any more: %v\n%s", err, again)
		}
		if !reflect.DeepEqual(comparable(file), comparable(file2)) {
			t.Errorf("not the same any more:\n%+v\n%+v", file, file2)
		}
	})
}
