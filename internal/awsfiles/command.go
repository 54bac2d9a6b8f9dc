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
func splitPOSIX(s string) ([]string, error) { return splitWords(s, false) }

// splitWindows is botocore.compat._windows_shell_split: the rules of Microsoft's C runtime.
func splitWindows(s string) ([]string, error) { return splitWords(s, true) }

func splitWords(s string, windows bool) (words []string, err error) {
	var word strings.Builder
	in, quote := false, byte(0) // inside a word, possibly an empty quoted one
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t' || !windows && (c == '\r' || c == '\n')):
			if in {
				words, in = append(words, word.String()), false
				word.Reset()
			}
			continue
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\'' && !windows):
			quote = c
		case c == '\\' && windows: // an escape only before a quotation mark
			end := i + len(s[i:]) - len(strings.TrimLeft(s[i:], `\`))
			slashes := s[i:end]
			if i = end - 1; end < len(s) && s[end] == '"' {
				odd := len(slashes)%2 == 1
				if slashes = slashes[:len(slashes)/2]; odd {
					slashes += `"`
					i = end
				}
			}
			word.WriteString(slashes)
		case c == '\\' && quote != '\'':
			if i++; i == len(s) {
				return nil, errors.New("no escaped character")
			}
			if quote == '"' && s[i] != '"' && s[i] != '\\' {
				word.WriteByte(c)
			}
			word.WriteByte(s[i])
		default:
			word.WriteByte(c)
		}
		in = true
	}
	if quote != 0 {
		return nil, errQuote
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

const binaryName = "aws-accounts"

// stanzaOf says whether a section is a stanza of ours, and of which account: each of its credential_process lines starts
// our program with `process NAME`. The program is known by its base name, in whatever directory, however quoted, with
// flags in between, behind `env` and assignments; so a stanza written by hand is ours like one that setup wrote. There
// is no marker comment: it would say nothing that the command doesn't, and outlive it.
func stanzaOf(s *Section) (account string, ok bool) {
	for _, st := range s.Settings {
		if st.Key != keyProcess {
			continue
		}
		a, calls := accountOf(st.Value)
		if !calls || ok && a != account {
			return "", false
		}
		account, ok = a, true
	}
	return account, ok
}

// accountOf takes a command apart by either platform's rules: a file may come from the other one.
func accountOf(command string) (string, bool) {
	for _, split := range []func(string) ([]string, error){splitPOSIX, splitWindows} {
		if words, err := split(command); err == nil {
			if a, ok := ourCommand(words); ok {
				return a, true
			}
		}
	}
	return "", false
}

var assignment = pattern.New(`^[A-Za-z_][A-Za-z0-9_]*=`)

// IsAccountName reports whether s can be an account's name: one word of a command that means nothing to any shell.
func IsAccountName(s string) bool {
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_.@+-", r))
	}
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, odd) && !strings.ContainsRune("_.@+-", rune(s[0]))
}

// ourCommand: [env [-flags]] [VAR=value…] aws-accounts [flags] process [flags] NAME
func ourCommand(words []string) (account string, ok bool) {
	i := 0
	if i < len(words) && isProgram(words[i], "env") {
		for i++; i < len(words) && strings.HasPrefix(words[i], "-"); i++ {
			if words[i] == "-u" || words[i] == "--unset" || words[i] == "-C" || words[i] == "--chdir" {
				i++
			}
		}
	}
	for i < len(words) && assignment.MatchString(words[i]) {
		i++
	}
	if i >= len(words) || !isProgram(words[i], binaryName) {
		return "", false
	}
	words = words[i+1:]
	var positional []string
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case w == "--accounts-file": // the one flag of `process` that takes its value as the next word
			i++
		case len(w) > 1 && w[0] == '-':
		default:
			positional = append(positional, w)
		}
	}
	if len(positional) < 2 || positional[0] != "process" || !IsAccountName(positional[1]) {
		return "", false
	}
	return positional[1], true
}

func isProgram(word, name string) bool {
	if i := strings.LastIndexAny(word, `/\`); i >= 0 {
		word = word[i+1:]
	}
	return strings.EqualFold(word, name) || strings.EqualFold(word, name+".exe")
}

// mentionsUs is wider than ours: `sh -c '… aws-accounts process x …'`, a wrapper, a command that has lost its account.
// Nobody's stanza is rewritten for it, but credentials must not be looked for behind it: that could start us again
// without end.
func mentionsUs(command string) bool {
	return mention.MatchString(strings.NewReplacer("'", "", `"`, "").Replace(command))
}

var mention = pattern.New(`(?i)(^|[^a-z0-9._-])` + binaryName + `(\.exe)?($|[^a-z0-9._-])`)
