package awsfiles

import (
	"strings"

	"aws-accounts/internal/pattern"
)

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

var (
	assignment  = pattern.New(`^[A-Za-z_][A-Za-z0-9_]*=`)
	accountName = pattern.New(`^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$`)
)

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
	if len(positional) < 2 || positional[0] != "process" || !accountName.MatchString(positional[1]) {
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
func mentionsUs(command string) bool { return mentions(command, 3) }

func mentions(command string, depth int) bool {
	for _, split := range []func(string) ([]string, error){splitPOSIX, splitWindows} {
		words, err := split(command)
		if err != nil {
			words = strings.Fields(command)
		}
		for _, w := range words {
			// the program may hang on an operator of the shell, as in `a;aws-accounts`
			for _, part := range strings.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune(";|&()`$\"'=", r) }) {
				if isProgram(strings.TrimSpace(part), binaryName) {
					return true
				}
			}
			if depth > 0 && w != command && strings.ContainsAny(w, " \t") && mentions(w, depth-1) {
				return true
			}
		}
	}
	return false
}
