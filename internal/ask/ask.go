// Package ask asks the person at the terminal.
//
// Invariant: it never reads standard input and never writes to standard output or error, which belong to whoever started
// us: the terminal device is opened by name.
package ask

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/term"
)

// ErrNobody means that there is no terminal to ask at, or that asking is forbidden.
var ErrNobody = errors.New("nobody to ask")

// Asker asks at the process's own terminal.
type Asker struct {
	Never bool // --no-input
}

// Secret asks for something that isn't shown while it is typed, until ctx ends.
func (a *Asker) Secret(ctx context.Context, question string) (string, error) {
	if a.Never {
		return "", ErrNobody
	}
	in, out, err := openTerminal()
	if err != nil {
		return "", ErrNobody
	}
	defer in.Close()
	defer out.Close()
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return "", ErrNobody
	}
	fmt.Fprintf(out, "%s: ", question)

	type answer struct {
		line []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(int(in.Fd()))
		got <- answer{line, err}
	}()
	select {
	case a := <-got:
		fmt.Fprintln(out)
		return strings.TrimSpace(string(a.line)), a.err
	case <-ctx.Done():
		term.Restore(int(in.Fd()), before) // the reader is still there and has turned the echo off
		fmt.Fprintln(out)
		return "", fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
}

// Command runs a command of the user's own, by the shell, and returns the first line that it writes. It doesn't get our
// standard output or error: callers wait for everybody who holds them.
func Command(ctx context.Context, command string) (string, error) {
	shell := []string{"sh", "-c"}
	if runtime.GOOS == "windows" {
		shell = []string{"cmd.exe", "/C"}
	}
	cmd := exec.CommandContext(ctx, shell[0], append(shell[1:], command)...)
	cmd.WaitDelay = time.Second // a grandchild may hold the pipe
	out, err := cmd.Output()
	if err != nil {
		return "", err // without the command, which may hold a secret
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimRight(line, "\r"), nil
}
