package ask

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
)

// A command that comes back to us, and so to itself, would go round until the machine is full. This variable, which
// lists what runs above us, breaks the circle.
const commandsVariable = "AWS_ACCOUNTS_COMMANDS"

// How long a command may go on when it has answered, to end by itself and say how it went.
const lingering = time.Second

var errLingers = errors.New("it has answered, and goes on")

// Command runs a command of the user's own (mfa_process, passphrase_command) by the shell and returns the first line that
// it writes, as it is.
//
// Its standard input is empty. It may ask at the terminal where we could, and not under --no-input: there, and where we
// are no job in the foreground, it runs in a session of its own. At the terminal its standard error is that terminal, as
// `ykman` says there when to touch the key; elsewhere it is shown to nobody. It is in no error and never on our own standard
// error, as it may hold what the command handles. AWS_PROFILE is taken out of its environment, since it mostly names the profile
// that started us. When ctx ends it is killed, and in a session of its own all that it started is, too; so it is when it goes
// on for long after that line.
func (a *Asker) Command(ctx context.Context, command string) (string, error) {
	mark := fmt.Sprintf("%x", sha256.Sum256([]byte(command)))[:16]
	above := strings.Fields(os.Getenv(commandsVariable))
	if slices.Contains(above, mark) {
		return "", hint.New(errors.New("it calls aws-accounts, which would run it again"),
			"let the command get its answer without an account that needs it")
	}

	ctx, stop := untilKilled(ctx)
	defer stop()
	running, answered := context.WithCancelCause(ctx)
	defer answered(nil)
	cmd := shell(running, command)
	if t, err := openTerminal(); err != nil || a.Never {
		alone(cmd)
	} else {
		defer t.close()
		release, err := a.turn(ctx, t)
		if err != nil {
			return "", err
		}
		defer release()
		defer t.keep()() // a command that is killed at its prompt leaves the echo off
		if shown, err := t.forChild(); err == nil {
			defer shown.Close()
			cmd.Stderr = shown
		}
	}
	cmd.Env = append(slices.DeleteFunc(private.Environment(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_PROFILE=") || strings.HasPrefix(v, "AWS_DEFAULT_PROFILE=")
	}), commandsVariable+"="+strings.Join(append(above, mark), " "))

	stdout, _, err := run(cmd, "", func() {
		time.AfterFunc(lingering, func() { answered(errLingers) })
	})
	if context.Cause(running) == errLingers && exitCode(err) < 0 {
		err = nil
	}
	line := firstLine(stdout)
	switch code := exitCode(err); {
	case ctx.Err() != nil:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return "", fmt.Errorf("it took too long: %w", ctx.Err())
		}
		return "", ended(ctx)
	case interrupted(err): // by the same Ctrl-C, before we were
		return "", ErrCancelled
	case code == 127 || code == 9009: // sh, cmd.exe
		return "", errors.New("command not found")
	case code > 0:
		return "", hint.New(fmt.Errorf("it ended with exit status %d", code), "run the command by itself to see what it says")
	case err != nil:
		return "", err // a signal, or no shell: without the command, which may hold a secret
	case line == "":
		return "", hint.New(errors.New("it printed nothing"), "the command's first line of output is the answer")
	}
	return line, nil
}
