//go:build !windows && !darwin

package ask

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// The low half of a GnuPG error is its code (gpg-error.h); the high half names the program.
const (
	gpgCodeMask      = 0xffff
	gpgCanceled      = 99
	gpgFullyCanceled = 198
)

// pinentry asks through GnuPG's dialog. All that we say is known beforehand, so the conversation is one script; a pinentry
// that needs a terminal answers GETPIN with an error.
//
// The protocol: https://www.gnupg.org/documentation/manuals/assuan/Client-requests.html, and `info pinentry`.
func pinentry(name, question string) dialog {
	return dialog{
		argv: []string{name},
		stdin: fmt.Sprintf("SETTITLE %s\nSETDESC %s\nSETPROMPT Answer:\nGETPIN\nBYE\n",
			program, strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(question)),
		answer: func(stdout, _ string, _ int) (string, error) { return pinentryAnswer(stdout) },
	}
}

// pinentryAnswer reads the answers to the script: a D line for each part of the secret, or the ERR to GETPIN. Errors to
// what comes before it are a dialog that looks plainer.
func pinentryAnswer(replies string) (string, error) {
	const before = 1 + 3 // the greeting, SETTITLE, SETDESC, SETPROMPT
	var secret strings.Builder
	seen := 0
	for line := range strings.Lines(replies) {
		line = strings.TrimSuffix(line, "\n")
		keyword, rest, _ := strings.Cut(line, " ")
		switch keyword {
		case "D":
			part, err := url.PathUnescape(rest) // percent and two digits; a plus is a plus
			if err != nil {
				return "", errUnfit
			}
			secret.WriteString(part)
		case "OK":
			if seen++; seen > before {
				return secret.String(), nil
			}
		case "ERR":
			if seen++; seen <= before {
				continue
			}
			number, _, _ := strings.Cut(rest, " ")
			code, _ := strconv.ParseUint(number, 10, 32)
			if code &= gpgCodeMask; code == gpgCanceled || code == gpgFullyCanceled {
				return "", ErrCancelled
			}
			return "", errUnfit
		}
	}
	return "", errUnfit
}
