package tui

import (
	"fmt"
	"io"
	"strings"

	"aws-accounts/internal/hint"
)

// Fail says what failed and, if it is known, the one next step. The flags are those that commands in it need.
func Fail(stderr io.Writer, err error, flags hint.Flags) {
	fmt.Fprintf(stderr, "aws-accounts: %s\n", harmlessLines(err.Error()))
	if h := hint.Of(err); h != "" {
		fmt.Fprintf(stderr, "hint: %s\n", harmlessLines(flags.In(h)))
	}
}

// harmlessLines is Harmless for what may have several lines: AWS, and programs and files of others, may be quoted in it.
func harmlessLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Harmless(lines[i])
	}
	return strings.Join(lines, "\n")
}
