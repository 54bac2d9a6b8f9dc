package setup

import (
	"cmp"
	"os/exec"
	"syscall"
)

// editorCommand lets cmd.exe start it, as %EDITOR% may have arguments, but not a path with blanks, which needs no quotes here.
func editorCommand(editor, path string) *exec.Cmd {
	editor = cmp.Or(editor, "notepad.exe")
	if _, err := exec.LookPath(editor); err == nil {
		return exec.Command(editor, path)
	}
	cmd := exec.Command("cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /D /S /C "` + editor + ` "` + path + `""`}
	return cmd
}
