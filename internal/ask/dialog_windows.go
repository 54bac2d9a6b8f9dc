package ask

import (
	_ "embed"
	"encoding/base64"
	"os"
)

// The question is a variable, so that it can't be taken for a part of the script. The answer comes in base64, as
// PowerShell writes in whatever code page it finds. There are no double quotes, which would have to be quoted.
//
//go:embed dialog_windows.ps1
var powerShell string

// dialogs is a form of PowerShell's. From SSH it would show on the screen of whoever sits there, or nowhere.
func dialogs(question string) []dialog {
	if os.Getenv("SSH_CONNECTION") != "" {
		return nil
	}
	return []dialog{{
		argv: []string{"powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-STA", "-Command", powerShell},
		env:  "AWS_ACCOUNTS_QUESTION=" + question,
		answer: func(stdout, _ string, code int) (string, error) {
			switch code {
			case 0:
				answer, err := base64.StdEncoding.DecodeString(stdout)
				if err != nil {
					return "", errUnfit
				}
				return string(answer), nil
			case 2:
				return "", ErrCancelled
			default:
				return "", errUnfit
			}
		},
	}}
}
