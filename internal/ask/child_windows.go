package ask

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/windows"
)

// alone starts the child without a console, neither ours nor a window of its own, and ends all that it started with it.
func alone(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.CreationFlags |= windows.CREATE_NO_WINDOW
	cmd.Cancel = func() error {
		kill := exec.Command("taskkill.exe", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid))
		kill.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NO_WINDOW}
		if kill.Run() != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
}

// shell passes the command as it is: cmd.exe doesn't understand the quotes that Go would add.
func shell(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /D /S /C "` + command + `"`}
	return cmd
}

// interrupted says whether Ctrl-C ended the child.
func interrupted(err error) bool {
	return uint32(exitCode(err)) == uint32(windows.STATUS_CONTROL_C_EXIT)
}
