package awsfiles

import (
	"errors"
	"strings"
	"testing"
)

func keys(t *testing.T, credentials []byte, profile string) (id, secret, token string, err error) {
	t.Helper()
	files, err := Profiles(nil, credentials)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := files.Profile(profile)
	return p.Keys()
}

func TestKeys(t *testing.T) {
	files := testFiles(t, "credentials")
	for _, c := range []struct{ file, profile, want string }{
		{"plain", "default", "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY "},
		{"plain", "role", "no access key there"},
		{"plain", "absent", "no access key there"},
		{"plain", "old", "line 11: aws_session_token goes on in the next line"},
		{"crlf", "dev", "AKIAI44QH8DHBEXAMPLE je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY "},
		{"odd", "default", "line 4: the AWS tools disagree about the value of aws_access_key_id"},
		{"odd", "q", "line 11: the AWS tools disagree about the value of aws_access_key_id"},
		{"odd", "dev", "no access key there"},
	} {
		id, secret, token, err := keys(t, files[c.file], c.profile)
		got := id + " " + secret + " " + token
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s %s: %s", c.file, c.profile, got)
		}
	}
	if _, _, _, err := keys(t, []byte("[a]\naws_access_key_id = x\n"), "a"); err == nil || errors.Is(err, ErrNoKeys) {
		t.Error(err)
	}
}

func TestRemoveKeys(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		refused        bool
	}{
		{"plain", "[a]\naws_access_key_id = x\naws_secret_access_key = y\n\n[b]\naws_access_key_id = z\n", "\n[b]\naws_access_key_id = z\n", false},
		{"other settings stay", "[a]\r\nAWS_ACCESS_KEY_ID=x\r\n\tregion = y\r\naws_secret_access_key\t:\ty\r\n", "", true},
		{"settings", "[a]\r\nregion = y\r\nAWS_ACCESS_KEY_ID=x\r\naws_secret_access_key\t:\ty\r\n", "[a]\r\nregion = y\r\n", false},
		{"comments stay", "[a] # hi\n# one\naws_access_key_id = x # why\n", "[a] # hi\n# one\n", false},
		{"continuation", "[a]\naws_session_token = x\n  more\n\n\tand more\n# c\nregion = y\n", "[a]\n\n# c\nregion = y\n", false},
		{"doubles", "[a]\naws_access_key_id = x\naws_access_key_id = y\n[a]\naws_session_token = z", "", false},
		{"indented", "[a]\n  aws_access_key_id = x\n  aws_secret_access_key = y\n  region = z\n", "[a]\n  region = z\n", false},
		{"nested", "[a]\ns3 =\n  aws_access_key_id = x\naws_access_key_id = y\n", "[a]\ns3 =\n  aws_access_key_id = x\n", false},
		{"only as Go sees it", "[a]\nregion = x\n  aws_access_key_id = y\n", "", true},
		{"other keys", "[a]\naws_access_key_id_old = x\n# aws_access_key_id = y\naws_security_token = z\n", "[a]\naws_access_key_id_old = x\n# aws_access_key_id = y\naws_security_token = z\n", false},
		{"other section", "[profile a]\naws_access_key_id = x\n[A]\naws_access_key_id = y\n", "[profile a]\naws_access_key_id = x\n[A]\naws_access_key_id = y\n", false},
		{"no final newline", "[b]\nx = y\n[a]\naws_access_key_id = x", "[b]\nx = y\n", false},
		{"next header for Go only", "[a]\naws_access_key_id = x\n\t[default]\nb = c\n", "", true},
		{"header for Go only", "[ a ]\naws_access_key_id = x\n", "", true},
		{"bom", "\xef\xbb\xbf[a]\naws_access_key_id = x\n", "\xef\xbb\xbf[a]\naws_access_key_id = x\n", false},
		{"bom before a comment", "\xef\xbb\xbf# c\n[a]\naws_access_key_id = x\n", "\xef\xbb\xbf# c\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := RemoveKeys([]byte(c.old), "a")
			if c.refused {
				if err == nil {
					t.Errorf("got %q", got)
				}
				return
			}
			if err != nil || string(got) != c.new {
				t.Errorf("got %q, %v, want %q", got, err, c.new)
			}
		})
	}
}

// What can't be decided must not say a value in its error.
func TestRemoveKeysErrorIsNoSecret(t *testing.T) {
	_, err := RemoveKeys([]byte("[a]\naws_access_key_id = SECRET\n  SECRET=SECRET\n"), "a")
	if err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Error(err)
	}
}
