package awsfiles

import (
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"aws-accounts/internal/pattern"
)

var keyLine = pattern.New(`(?i)^\s*(?:aws_secret_access_key|aws_session_token|aws_security_token|aws_access_key_id)\s*[=:]`)

// Diff is the unified diff of a file called name, "" if nothing changes. Keys that stand in it are blotted out, their
// continuation lines too: the diff is for people, not for patch(1), and may end in a terminal's log.
func Diff(name string, old, new []byte) string {
	return udiff.Unified(name, name, blotted(old), blotted(new))
}

// blotted works on the whole file: a part of it, as a diff shows, may begin in the middle of a key.
func blotted(file []byte) string {
	lines := strings.SplitAfter(string(file), "\n")
	inKey := false
	for i, l := range lines {
		text := strings.TrimRight(l, "\r\n")
		end := l[len(text):]
		switch m := keyLine.FindString(text); {
		case m != "":
			lines[i], inKey = m+" ****"+end, true
		case inKey && text == "": // the key may go on
		case inKey && strings.TrimLeft(text, " \t") != text:
			lines[i] = "    ****" + end
		default:
			inKey = false
		}
	}
	return strings.Join(lines, "")
}
