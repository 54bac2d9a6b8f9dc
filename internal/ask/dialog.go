package ask

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"aws-accounts/internal/private"
)

// A dialog is a program of the desktop that asks for one secret and writes it to its standard output.
//
// The programs are run by hand, not through a library. What differs between them is a line each, while what matters here
// is how they are started and ended (in a session of their own, with none of our files, all of it killed when the time is
// up), which github.com/twpayne/go-pinentry and github.com/ncruces/zenity both leave as it comes.
type dialog struct {
	argv  []string
	stdin string
	env   string // one more variable, unless ""
	// answer judges what the program did. errUnfit means that it couldn't show its dialog.
	answer func(stdout, stderr string, code int) (string, error)
}

var errUnfit = errors.New("no dialog")

// onDesktop asks by the first dialog that works here.
func onDesktop(parent context.Context, question string) (string, error) {
	ctx, stop := untilKilled(parent)
	defer stop()
	for _, d := range dialogs(question) {
		if _, err := exec.LookPath(d.argv[0]); err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, d.argv[0], d.argv[1:]...)
		cmd.Env = private.Environment()
		if d.env != "" {
			cmd.Env = append(cmd.Env, d.env)
		}
		alone(cmd)
		stdout, stderr, err := run(cmd, d.stdin, nil)
		if ctx.Err() != nil {
			return "", ended(ctx)
		}
		answer, err := d.answer(stdout, stderr, exitCode(err))
		if err == errUnfit {
			continue
		}
		if answer = strings.TrimSpace(answer); err == nil && answer == "" {
			err = ErrCancelled
		}
		return answer, err
	}
	return "", fmt.Errorf("%w: no terminal and no desktop", ErrNobody)
}

// untilKilled ends also with the signals that would end us and leave a child behind.
func untilKilled(ctx context.Context) (context.Context, func()) {
	signals := []os.Signal{os.Interrupt}
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	return signal.NotifyContext(ctx, signals...)
}
