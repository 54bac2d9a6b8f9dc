//go:build !windows

package setup

import (
	"cmp"
	"os/exec"
)

// editorCommand lets the shell start it, as $EDITOR may have arguments (git does so).
func editorCommand(editor, path string) *exec.Cmd {
	return exec.Command("sh", "-c", cmp.Or(editor, "vi")+` "$1"`, "sh", path)
}
