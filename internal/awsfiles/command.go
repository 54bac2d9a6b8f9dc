package awsfiles

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"aws-accounts/internal/pattern"
)

var (
	plainPOSIX   = pattern.New(`^[A-Za-z0-9_@%+=:,./-]+$`)
	plainWindows = pattern.New(`^[^\s"&|<>()^;,='` + "`" + `]+$`)
	windowsRoot  = pattern.New(`^([A-Za-z]:[\\/]|\\\\[^\\/]|//[^\\/])`)
)

// Command is the value of credential_process that starts binary, an absolute path, with args. It is quoted only where
// needed, and so that all who split it agree: `sh -c`, Python's shlex and Go's reader of the file, which cuts at " #"
// and takes off quotes around a whole value; for goos "windows", Microsoft's C runtime and cmd.exe.
//
// What can't be said to all of them safely is an error. See [caveat] for what some of them still get wrong.
func Command(binary string, args []string, goos string) (string, error) {
	windows := goos == "windows"
	if windows {
		if !windowsRoot.MatchString(binary) {
			return "", fmt.Errorf("path %q is not absolute", binary)
		}
		binary = strings.ReplaceAll(binary, "/", `\`) // cmd.exe takes a slash for a switch
	} else if !strings.HasPrefix(binary, "/") {
		return "", fmt.Errorf("path %q is not absolute", binary)
	}
	words := append([]string{binary}, args...)
	quoted := make([]string, len(words))
	for i, w := range words {
		if !utf8.ValidString(w) {
			return "", fmt.Errorf("%q is not UTF-8", w)
		}
		if strings.ContainsFunc(w, unsayable) {
			return "", fmt.Errorf("%q has a control character", w)
		}
		var err error
		if windows {
			quoted[i], err = quoteWindows(w)
		} else {
			quoted[i] = quotePOSIX(w)
		}
		if err != nil {
			return "", err
		}
	}
	command := strings.Join(quoted, " ")
	if goUnquote(command) != command {
		if windows {
			return "", fmt.Errorf("%q needs quotes as the last word: put a word without blanks last", args[len(args)-1])
		}
		quoted[0] = "/" + quotePOSIX(strings.TrimPrefix(binary, "/"))
		command = strings.Join(quoted, " ")
	}
	return command, nil
}

// unsayable are control characters, and those that some reader takes for the end of a line.
func unsayable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff'
}

func quotePOSIX(w string) string {
	if plainPOSIX.MatchString(w) {
		return w
	}
	q := "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	// Closed and opened again between the two, so that Go doesn't see a comment begin.
	return strings.NewReplacer(" #", " ''#", " ;", " '';").Replace(q)
}

func quoteWindows(w string) (string, error) {
	switch {
	case strings.Contains(w, "%"):
		return "", fmt.Errorf("%q has a %%, which cmd.exe expands", w)
	case strings.Contains(w, `"`):
		return "", fmt.Errorf("%q has a quotation mark, which cmd.exe and the C runtime read differently", w)
	case strings.Contains(w, " #"), strings.Contains(w, " ;"):
		return "", fmt.Errorf("%q looks like a comment to some readers of the file", w)
	case plainWindows.MatchString(w) && w[0] != '#' && !strings.ContainsFunc(w, isSpace):
		return w, nil
	}
	// Backslashes before the closing quote would escape it.
	trailing := len(w) - len(strings.TrimRight(w, `\`))
	return `"` + w + strings.Repeat(`\`, trailing) + `"`, nil
}

// caveat says who can't run a command that [Command] made, "" when all can. On Windows, programs that start it
// through cmd.exe lose quotes in ways that no quoting helps (aws/aws-sdk-go-v2#3208), and the AWS CLI reads the file in
// the system's code page.
func caveat(command, goos string) string {
	if goos != "windows" {
		return ""
	}
	if strings.Contains(command, `"`) {
		return "the path needs quotes, which Terraform and others that start it through cmd.exe get wrong: a path without blanks works everywhere"
	}
	for i := range len(command) {
		if command[i] >= utf8.RuneSelf {
			return "the path isn't ASCII, which the AWS CLI may misread in this file: an ASCII path works everywhere"
		}
	}
	return ""
}

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
