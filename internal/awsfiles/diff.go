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
	lines := strings.SplitAfter(udiff.Unified(name, name, string(old), string(new)), "\n")
	inKey := false
	for i, l := range lines {
		if l == "" || strings.HasPrefix(l, "@@") {
			inKey = false
			continue
		}
		text := strings.TrimRight(l[1:], "\r\n")
		end := l[1+len(text):]
		switch m := keyLine.FindString(text); {
		case m != "":
			lines[i], inKey = l[:1]+m+" ****"+end, true
		case inKey && strings.TrimLeft(text, " \t") != text:
			lines[i] = l[:1] + "    ****" + end
		default:
			inKey = false
		}
	}
	return strings.Join(lines, "")
}
