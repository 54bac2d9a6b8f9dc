//go:build !windows && !darwin

package ask

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// dialogs are pinentry, which keeps other windows from listening, else those of the desktops. Without a display there is
// none; pinentry would otherwise look for a terminal.
func dialogs(question string) []dialog {
	if os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	var all []dialog
	// The plain name is what the person or the distribution has chosen. If it needs a terminal it says so at once.
	for _, name := range []string{"pinentry", "pinentry-gnome3", "pinentry-qt", "pinentry-qt5", "pinentry-gtk", "pinentry-gtk-2",
		"pinentry-x11", "pinentry-fltk"} {
		all = append(all, pinentry(name, question))
	}
	return append(all,
		dialog{
			argv: []string{"zenity", "--entry", "--hide-text", "--title=" + program,
				// A label's escapes and its underlined letter.
				"--text=" + strings.NewReplacer(`\`, `\\`, "_", "__").Replace(question)},
			answer: func(stdout, stderr string, code int) (string, error) {
				// GTK ends with the status of a cancelled dialog, too, where it can't show any.
				if code == 1 && strings.Contains(stderr, "open display") {
					return "", errUnfit
				}
				return closedIs1(stdout, stderr, code)
			},
		},
		dialog{
			// Qt would take < and & as markup.
			argv:   []string{"kdialog", "--title", program, "--password", strings.NewReplacer("<", "?", ">", "?", "&", "&&").Replace(question)},
			answer: closedIs1,
		},
	)
}

func closedIs1(stdout, _ string, code int) (string, error) {
	switch code {
	case 0:
		return firstLine(stdout), nil
	case 1:
		return "", ErrCancelled
	default:
		return "", errUnfit
	}
}

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
