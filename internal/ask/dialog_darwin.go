package ask

import (
	"os"
	"strings"
)

// The question is an argument of the script, so that it can't be taken for a part of it.
const appleScript = `on run argv
activate
return text returned of (display dialog (item 1 of argv) with title (item 2 of argv) default answer "" with hidden answer)
end run`

// dialogs is AppleScript's. From SSH it would show on the screen of whoever sits there.
func dialogs(question string) []dialog {
	if os.Getenv("SSH_CONNECTION") != "" {
		return nil
	}
	return []dialog{{
		argv: []string{"osascript", "-e", appleScript, question, program},
		answer: func(stdout, stderr string, code int) (string, error) {
			switch {
			case code == 0:
				return firstLine(stdout), nil
			case strings.Contains(stderr, "-128"): // userCanceledErr
				return "", ErrCancelled
			default:
				return "", errUnfit
			}
		},
	}}
}
