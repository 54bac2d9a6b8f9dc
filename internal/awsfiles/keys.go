package awsfiles

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var keyNames = []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}

// ErrNoKeys: the profile has no aws_access_key_id in the file.
var ErrNoKeys = errors.New("no access key there")

// Keys are the static keys of a profile in the credentials file. Where the readers disagree what a key is (quotes, a
// comment behind it, two different lines) that is an error with the line, since the caller means to move them: taking
// the wrong value and removing the right one would lose it.
func Keys(credentials []byte, profile string) (id, secret, token string, err error) {
	d, err := parse(credentials, Credentials)
	if err != nil {
		return "", "", "", err
	}
	var values [3]string
	for i, key := range keyNames {
		line := 0
		for _, s := range d.sections {
			for _, st := range s.Settings {
				if st.Key != key || s.goProfile != profile && s.botoPr != profile {
					continue
				}
				switch {
				case s.goProfile != s.botoPr:
					return "", "", "", errHeader(s, profile)
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

func errHeader(s *Section, profile string) error {
	return fmt.Errorf("line %d: the AWS tools disagree whether [%s] is profile %s", s.Line, s.Header, profile)
}

// RemoveKeys takes the lines of aws_access_key_id, aws_secret_access_key and aws_session_token out of a profile's
// sections of the credentials file, each with its continuation lines, and the header too where nothing but blank lines
// is left below it. Every other byte stays, comments and blank lines included. removed counts settings, not lines; 0
// means that old is returned. It fails, removing nothing, where the readers disagree what is in the section, as with an
// indented line below a key that may be another setting.
func RemoveKeys(old []byte, profile string) (new []byte, removed int, err error) {
	d, err := parse(old, Credentials)
	if err != nil {
		return nil, 0, err
	}
	drop := make([]bool, len(d.lines))
	for _, s := range d.sections {
		if s.goProfile != profile && s.botoPr != profile {
			continue
		}
		if s.goProfile != s.botoPr {
			return nil, 0, errHeader(s, profile)
		}
		before := removed
		empty := true
		for i := s.Line; i <= s.last; i++ {
			switch isKey := slices.Contains(keyNames, keyOf(d.text(i))); {
			case drop[i], d.blank(i):
			case isKey && !d.comment(i) && s.sees(i):
				end, err := d.span(s, i, keyNames)
				if err != nil {
					return nil, 0, err
				}
				for j := i; j <= end; j++ {
					if !d.blank(j) && !d.comment(j) {
						drop[j] = true
						if slices.Contains(keyNames, keyOf(d.text(j))) {
							removed++
						}
					} else if d.comment(j) {
						empty = false
					}
				}
			default:
				empty = false
			}
		}
		if removed > before && !d.nextIsPlain(s) {
			return nil, 0, fmt.Errorf("line %d: a header to some AWS tools only, so that they disagree where [%s] ends", s.last+2, s.Header)
		}
		if empty && removed > before {
			drop[s.Line-1] = true
		}
	}
	if removed == 0 {
		return old, 0, nil
	}
	return d.without(drop), removed, nil
}

// sees: some reader takes line i for a setting of the section, not for the inside of a nested block.
func (s *Section) sees(i int) bool {
	return slices.ContainsFunc(s.Settings, func(st Setting) bool { return st.Line == i+1 })
}

// keyOf is the key of a line "key = value", "" for another kind of line.
func keyOf(t string) string {
	k, _, ok := goProperty(t)
	if !ok {
		return ""
	}
	return strings.ToLower(strings.TrimFunc(k, isSpace))
}

// span is the last line of the value that begins in line i of s. Lines below that are indented deeper belong to it
// for botocore; for Go they may be settings of their own, which is an error unless they are of the keys given.
func (d *document) span(s *Section, i int, keys []string) (int, error) {
	level, end := indent(d.text(i)), i
	for j := i + 1; j <= s.last; j++ {
		if d.blank(j) || d.comment(j) {
			continue
		}
		if indent(d.text(j)) <= level {
			break
		}
		if k := keyOf(d.text(j)); k != "" && !slices.Contains(keys, k) {
			return 0, fmt.Errorf("line %d: can't tell whether it belongs to line %d, as it is indented", j+1, i+1)
		}
		end = j
	}
	return end, nil
}

// nextIsPlain: what follows the section is a header to both readers, at the margin. Otherwise what is below it belongs
// to this section for one of them, or would to the one before if this went.
func (d *document) nextIsPlain(s *Section) bool {
	if s.last+1 >= len(d.lines) {
		return true
	}
	next := d.at[s.last+1]
	return indent(d.text(s.last+1)) == 0 && next.goName != "" && next.botoName != ""
}

func (d *document) without(drop []bool) []byte {
	out := make([]byte, 0, len(d.src))
	if len(d.lines) > 0 {
		out = append(out, d.src[:d.lines[0].start]...)
	}
	for i, l := range d.lines {
		if !drop[i] {
			out = append(out, d.src[l.start:l.next]...)
		}
	}
	return out
}
