package session

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"

	"aws-accounts/internal/hint"
)

// runChild runs a command with our own files, passes signals on to it, and returns its exit status as an ExitStatus.
func runChild(path string, argv, environment []string) error {
	cmd := &exec.Cmd{Path: path, Args: argv, Env: environment, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return cannotStart(argv[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			if !reachesChildren(s) {
				cmd.Process.Signal(s) // an error means that it has just ended
			}
		case err := <-ended:
			exit, ok := errors.AsType[*exec.ExitError](err)
			switch {
			case ok:
				return &hint.ExitStatus{Status: exitStatus(exit.ProcessState)}
			case err != nil:
				return cannotStart(argv[0], err)
			}
			return nil
		}
	}
}
