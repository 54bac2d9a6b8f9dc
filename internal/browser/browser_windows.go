package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"

	"aws-accounts/internal/private"
)

// available refuses SSH sessions and services: session 0 has no desktop, and a browser there would run unseen.
func available() error {
	if os.Getenv("SSH_CONNECTION") != "" {
		return fmt.Errorf("%w: this is an SSH session", errNone)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err == nil && session == 0 {
		return fmt.Errorf("%w: this is a service", errNone)
	}
	return nil
}

func open(_ context.Context, url string) error {
	address, err := windows.UTF16PtrFromString(url)
	if err != nil {
		return err
	}
	defer private.HideVariables()()
	return windows.ShellExecute(0, nil, address, nil, nil, windows.SW_SHOWNORMAL)
}

func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
}

func firefoxBesidePath() []string {
	return []string{os.Getenv("ProgramFiles") + `\Mozilla Firefox\firefox.exe`}
}
