package awsfiles

import (
	"slices"
	"testing"
)

// What each of the two makes of headers and beginnings that others write: tried on botocore 1.43 and aws-sdk-go-v2.
func TestViews(t *testing.T) {
	for name, c := range map[string]struct {
		config, credentials string
		toGo, toBotocore    []string // the profiles
	}{
		"[Default]":                 {"[Default]\nregion = x\n", "", []string{"Default"}, nil},
		"[DEFAULT]":                 {"[DEFAULT]\nregion = x\n", "", []string{"DEFAULT"}, nil},
		"[DEFAULT] in credentials":  {"", "[DEFAULT]\nregion = x\n", []string{"DEFAULT"}, nil},
		"[Default] in credentials":  {"", "[Default]\nregion = x\n", []string{"Default"}, []string{"Default"}},
		"a mark before a profile":   {"\xef\xbb\xbf[profile a]\nregion = x\n[profile b]\nregion = x\n", "", []string{"b"}, []string{"b"}},
		"a mark before a comment":   {"\xef\xbb\xbf# c\n[profile a]\nregion = x\n", "", []string{"a"}, []string{"a"}},
		"a tab":                     {"[profile\ta]\nregion = x\n", "", []string{"a"}, []string{"a"}},
		"quotes":                    {"[profile 'a b']\nregion = x\n", "", []string{"'a b'"}, []string{"a b"}},
		"profile in credentials":    {"", "[profile a]\nregion = x\n", nil, []string{"profile a"}},
		"a header behind a comment": {"[profile a] # c\nregion = x\n", "", []string{"a"}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := Profiles([]byte(c.config), []byte(c.credentials))
			if err != nil {
				t.Fatal(err)
			}
			for r, want := range map[Reader][]string{Go: c.toGo, Botocore: c.toBotocore} {
				var seen []string
				for _, name := range files.Names() {
					if p, _ := files.Profile(name); p.Seen(r) {
						seen = append(seen, name)
					}
				}
				if !slices.Equal(seen, want) {
					t.Errorf("the %s sees %q, want %q", r, seen, want)
				}
			}
			agrees(t, []byte(c.config), []byte(c.credentials))
		})
	}
}

// A section of Identity Center is found by what each reader takes for its name.
func TestSSOSession(t *testing.T) {
	for header, want := range map[string]Reader{
		"sso-session corp": Both, "sso-session\tcorp": Both, "sso-session   corp": Both, `sso-session "corp"`: Botocore, "sso-session x": 0,
	} {
		files, err := Profiles([]byte("["+header+"]\nsso_region = x\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []Reader{Go, Botocore, Both} {
			if found := files.SSOSession(r, "corp") != nil; found != (want&r == r) {
				t.Errorf("[%s] to the %s: %v", header, r, found)
			}
		}
	}
}
