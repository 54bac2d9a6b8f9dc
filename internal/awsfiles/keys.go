package awsfiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var keyNames = []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}

// IsKey reports whether the setting is a part of an access key.
func (s Setting) IsKey() bool { return slices.Contains(keyNames, s.Key) }

// ErrNoKeys: the profile has no aws_access_key_id in the file.
var ErrNoKeys = errors.New("no access key there")

// Keys are the profile's static keys in the credentials file. Where the readers disagree what a key is (quotes, a
// comment behind it, two different lines) that is an error with the line, since the caller means to move them: taking
// the wrong value and removing the right one would lose it.
func (p *Profile) Keys() (id, secret, token string, err error) {
	var values [3]string
	for i, key := range keyNames {
		line := 0
		for _, s := range p.Credentials {
			for _, st := range s.Settings {
				switch {
				case st.Key != key:
					continue
				case s.goProfile != s.botoPr:
					return "", "", "", fmt.Errorf("line %d: the AWS tools disagree whether [%s] is profile %s",
						s.Line, s.Header, p.Name)
				case st.By != Both || st.Nested || line > 0 && st.Value != values[i]:
					return "", "", "", fmt.Errorf("line %d: the AWS tools disagree about the value of %s", st.Line, key)
				case strings.Contains(st.Value, "\n"):
					return "", "", "", fmt.Errorf("line %d: %s goes on in the next line", st.Line, key)
				}
				line, values[i] = st.Line, st.Value
			}
		}
	}
	switch {
	case values[0] == "" && values[1] == "":
		return "", "", "", ErrNoKeys
	case values[0] == "":
		return "", "", "", errors.New("aws_access_key_id is missing")
	case values[1] == "":
		return "", "", "", errors.New("aws_secret_access_key is missing")
	}
	return values[0], values[1], values[2], nil
}

// RemoveKeys takes the lines of aws_access_key_id, aws_secret_access_key and aws_session_token out of a profile's
// sections of the credentials file, each with its continuation lines, and the header too where nothing but blank lines
// is left below it. Every other byte stays, comments and blank lines included. It fails, removing nothing, where the readers
// would see anything else go, as with an indented line below a key that may be another setting.
func RemoveKeys(old []byte, profile string) ([]byte, error) {
	d, err := parse(old, Credentials)
	if err != nil {
		return nil, err
	}
	todo := []change{{Change: Change{Profile: profile, Action: keysRemoved}, sets: []set{{replaces: keyNames}}}}
	edited, failed := d.apply(todo)
	if len(failed) > 0 {
		s, why := d.disagreement(profile)
		return nil, fmt.Errorf("line %d: %s", s.Line, why)
	}
	return edited.bytes(), nil
}

// keysRemoved is the action of [RemoveKeys].
const keysRemoved Action = "keys removed"
