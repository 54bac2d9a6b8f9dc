//go:build !windows

package session

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

var lookPath = exec.LookPath

// replace becomes the command: signals, job control and the exit status are then its own.
func replace(path string, argv, environment []string) error {
	return cannotStart(argv[0], syscall.Exec(path, argv, environment))
}

// passedOn leaves out those that stop and continue: the terminal sends them to the whole job, the two of us together.
var passedOn = []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2}

// reachesChildren reports whether the child has had the signal already: Ctrl-C and Ctrl-\ go to every process in the
// terminal's foreground, and Terraform takes a second one as an order to stop at once.
func reachesChildren(s os.Signal) bool {
	if s != unix.SIGINT && s != unix.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

func exitStatus(p *os.ProcessState) int {
	if status, ok := p.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitSignal + int(status.Signal())
	}
	return p.ExitCode()
}
