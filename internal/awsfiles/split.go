package awsfiles

import (
	"errors"
	"strings"
)

var errQuote = errors.New("no closing quotation")

// splitPOSIX is Python's shlex.split, which botocore splits credential_process with. For what [Command] writes `sh -c`
// comes to the same words; for anything else it may not ($VAR, ~, globs).
func splitPOSIX(s string) ([]string, error) {
	var (
		words []string
		word  strings.Builder
		in    bool // inside a word, possibly an empty quoted one
	)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			if in {
				words, in = append(words, word.String()), false
				word.Reset()
			}
			continue
		case c == '\\':
			if i++; i == len(s) {
				return nil, errors.New("no escaped character")
			}
			word.WriteByte(s[i])
		case c == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, errQuote
			}
			word.WriteString(s[i+1 : i+1+end])
			i += end + 1
		case c == '"':
			for i++; ; i++ {
				if i >= len(s) {
					return nil, errQuote
				}
				if s[i] == '"' {
					break
				}
				if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
					i++
				}
				word.WriteByte(s[i])
			}
		default:
			word.WriteByte(c)
		}
		in = true
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

// splitWindows is botocore.compat._windows_shell_split: the rules of Microsoft's C runtime.
func splitWindows(s string) ([]string, error) {
	var (
		words   []string
		word    strings.Builder
		in      bool
		quoted  bool
		slashes int
	)
	flush := func() {
		for ; slashes > 0; slashes-- {
			word.WriteByte('\\')
			in = true
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			slashes++
		case c == '"':
			odd := slashes%2 == 1
			slashes /= 2
			flush()
			if in = true; odd {
				word.WriteByte('"')
			} else {
				quoted = !quoted
			}
		case (c == ' ' || c == '\t') && !quoted:
			flush()
			if in {
				words, in = append(words, word.String()), false
				word.Reset()
			}
		default:
			flush()
			word.WriteByte(c)
			in = true
		}
	}
	if quoted {
		return nil, errQuote
	}
	flush()
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
