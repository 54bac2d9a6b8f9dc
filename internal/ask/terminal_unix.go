//go:build !windows

package ask

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"aws-accounts/internal/tui"
)

// terminal is the process's controlling terminal, opened anew: what we set on the descriptor is ours alone, and only the
// modes of the device are shared.
type terminal struct{ fd int }

// openTerminal fails where a question would not be seen or would stop us: without a terminal, and in a job that isn't in
// its foreground (SIGTTIN, SIGTTOU).
func openTerminal() (*terminal, error) {
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	t := &terminal{fd}
	if !t.foreground() {
		t.close()
		return nil, unix.ENOTTY
	}
	return t, nil
}

func (t *terminal) close() { unix.Close(t.fd) }

// forChild is the terminal for a child to write to. It is opened anew: ours doesn't block, and programs give up a message
// that would have to wait.
func (t *terminal) forChild() (*os.File, error) {
	fd, err := unix.Open("/dev/tty", unix.O_WRONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "/dev/tty"), nil
}

func (t *terminal) width() int { return tui.Terminal(uintptr(t.fd)).Width }

func (t *terminal) foreground() bool {
	group, err := unix.IoctlGetInt(t.fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// id tells terminals apart: each is the controlling terminal of one session.
func (t *terminal) id() uint {
	id, _ := unix.Getsid(0)
	return uint(id)
}

func (t *terminal) ask(ctx context.Context, prompt string, echo bool) (answer string, err error) {
	err = t.attended(func() error {
		answer, err = t.askOnce(ctx, prompt, echo)
		return err
	})
	return answer, err
}

// attended asks in the foreground only, and again after Ctrl-Z.
func (t *terminal) attended(ask func() error) error {
	for {
		if !t.foreground() { // since we waited for our turn, or were continued by `bg`
			return ErrNobody
		}
		if err := ask(); err != errSuspended {
			return err
		}
		suspend()
	}
}

func (t *terminal) askOnce(ctx context.Context, prompt string, echo bool) (answer string, err error) {
	suspendKey := byte(noKey)
	err = t.with(ctx, func(modes *unix.Termios) {
		modes.Lflag |= unix.ICANON | unix.ISIG | unix.ECHO | unix.ECHOE | unix.ECHOK
		if !echo {
			modes.Lflag &^= unix.ECHO | unix.ECHONL
		}
		modes.Iflag |= unix.ICRNL
		// Ctrl-Z ends a line, so that we can restore the modes before we stop. To catch the signal instead would lose it for
		// the rest of our life: Go doesn't give SIGTSTP its default action back.
		suspendKey = modes.Cc[unix.VSUSP]
		modes.Cc[unix.VEOL], modes.Cc[unix.VSUSP] = suspendKey, noKey
	}, func(wake *waker) (ending string, err error) {
		if err := t.write(prompt, wake); err != nil {
			return farewell(err), err
		}
		answer, err = t.readLine(wake, suspendKey)
		switch {
		case err != nil:
			return farewell(err), err
		case !echo:
			ending = "\n"
		}
		return ending, nil
	})
	return answer, err
}

// with gives f the terminal with its modes changed, and restores those it had however f ends. Then it shows the ending.
func (t *terminal) with(ctx context.Context, change func(*unix.Termios), f func(*waker) (ending string, err error)) error {
	before, err := unix.IoctlGetTermios(t.fd, getModes)
	if err != nil {
		return ErrNobody
	}
	wake, err := newWaker(ctx)
	if err != nil {
		return err
	}
	defer wake.stop()

	modes := *before
	modes.Oflag |= unix.OPOST | unix.ONLCR
	change(&modes)
	if err := unix.IoctlSetTermios(t.fd, setModes, &modes); err != nil {
		return ErrNobody
	}
	// What was typed before the question was meant for something else, and has been shown.
	t.flush()
	ending := ""
	defer func() {
		// Nor should the rest of what was pasted land in the shell.
		t.flush()
		t.restore(before)
		unix.Write(t.fd, []byte(ending))
	}()
	ending, err = f(wake)
	return err
}

// restore sets the modes even if the shell has taken the terminal back meanwhile, which would otherwise stop us for ever.
func (t *terminal) restore(modes *unix.Termios) {
	if !t.foreground() {
		signal.Ignore(unix.SIGTTOU)
	}
	unix.IoctlSetTermios(t.fd, setModes, modes)
}

// keep returns what brings the modes back that the terminal has now.
func (t *terminal) keep() (restore func()) {
	modes, err := unix.IoctlGetTermios(t.fd, getModes)
	if err != nil {
		return func() {}
	}
	return func() { t.restore(modes) }
}

// write waits where the terminal is still busy with somebody's output: a prompt must not get lost.
func (t *terminal) write(text string, wake *waker) error {
	for rest := []byte(text); len(rest) > 0; {
		if err := t.ready(wake, true, 0); err != nil {
			return err
		}
		n, err := unix.Write(t.fd, rest)
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return ErrNobody
		}
		rest = rest[max(n, 0):]
	}
	return nil
}

func (t *terminal) readLine(wake *waker, suspendKey byte) (string, error) {
	var line []byte
	defer func() { clear(line) }()
	chunk := make([]byte, 4096) // the longest line that a terminal takes
	defer clear(chunk)
	for {
		if err := t.ready(wake, false, 0); err != nil {
			return "", err
		}
		n, err := unix.Read(t.fd, chunk)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
		case err != nil || n == 0: // Ctrl-D, or the terminal is gone
			return "", ErrCancelled
		default:
			if suspendKey != noKey && chunk[n-1] == suspendKey {
				return "", errSuspended
			}
			line = append(line, chunk[:n]...)
			if before, _, whole := bytes.Cut(line, []byte("\n")); whole {
				return string(before), nil
			}
		}
	}
}

var errIdle = errors.New("nothing typed")

// ready waits until the terminal can be read or written, what wake watches for, or until limit is up; 0 is none.
// It is select, as poll doesn't know terminals on macOS.
func (t *terminal) ready(wake *waker, write bool, limit time.Duration) error {
	if max(t.fd, wake.fd) >= unix.FD_SETSIZE {
		return ErrNobody
	}
	for {
		var reading, writing unix.FdSet
		reading.Set(wake.fd)
		if write {
			writing.Set(t.fd)
		} else {
			reading.Set(t.fd)
		}
		var timeout *unix.Timeval
		if limit > 0 {
			timeout = new(unix.NsecToTimeval(limit.Nanoseconds()))
		}
		n, err := unix.Select(max(t.fd, wake.fd)+1, &reading, &writing, nil, timeout)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return err
		case reading.IsSet(wake.fd):
			return <-wake.why
		case n == 0:
			return errIdle
		default:
			return nil
		}
	}
}

// waker turns the end of a context, and the signals that would end or stop us with the echo still off, into something that
// select sees.
type waker struct {
	fd   int        // readable as soon as there is a reason
	why  chan error // the reason
	stop func()
}

func newWaker(ctx context.Context) (*waker, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	caught := make(chan os.Signal, 1)
	// Ctrl-C is ours while our prompt is open, also in a job that a script started with it ignored.
	signal.Notify(caught, unix.SIGINT, unix.SIGQUIT)
	for _, s := range []syscall.Signal{unix.SIGTERM, unix.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(caught, s)
		}
	}
	done, gone := make(chan struct{}), make(chan struct{})
	why := make(chan error, 1)
	go func() {
		defer close(gone)
		select {
		case <-done:
		case <-ctx.Done():
			why <- ended(ctx)
		case <-caught:
			why <- ErrCancelled
		}
		w.Close()
	}()
	return &waker{int(r.Fd()), why, func() {
		signal.Stop(caught)
		close(done)
		<-gone
		r.Close()
	}}, nil
}

// suspend does what the terminal would have done at Ctrl-Z: it stops the whole job, and returns some time after that is
// continued. The kernel stops nobody whom no shell could continue; then it returns, too.
func suspend() {
	unix.Kill(0, unix.SIGTSTP)
	time.Sleep(100 * time.Millisecond) // the stop comes within it
}

func (t *terminal) tell(ctx context.Context, text string) error {
	if !t.foreground() { // since we waited for our turn
		return ErrNobody
	}
	wake, err := newWaker(ctx)
	if err != nil {
		return err
	}
	defer wake.stop()
	return t.write(text, wake)
}

func (t *terminal) pick(ctx context.Context, p *picker) error {
	return t.attended(func() error { return t.pickOnce(ctx, p) })
}

func (t *terminal) pickOnce(ctx context.Context, p *picker) error {
	return t.with(ctx, func(modes *unix.Termios) {
		modes.Lflag &^= unix.ICANON | unix.ISIG | unix.ECHO | unix.IEXTEN
		modes.Iflag &^= unix.ICRNL | unix.INLCR | unix.IGNCR | unix.IXON | unix.ISTRIP
		modes.Cc[unix.VMIN], modes.Cc[unix.VTIME] = 1, 0
	}, func(wake *waker) (string, error) {
		err := t.pickByKeys(p, wake)
		return p.farewell(), err
	})
}

func (t *terminal) pickByKeys(p *picker, wake *waker) error {
	chunk := make([]byte, 256)
	last := ""
	for {
		if view := p.view(tui.Terminal(uintptr(t.fd))); view != last { // the terminal may have another size than before
			if err := t.write(view, wake); err != nil {
				return err
			}
			last = view
		}
		n := 0
		err := t.ready(wake, false, p.patience())
		if err == nil {
			n, err = unix.Read(t.fd, chunk)
			switch {
			case err == unix.EINTR || err == unix.EAGAIN:
				continue
			case err != nil || n == 0: // the terminal is gone
				return ErrCancelled
			}
		} else if err != errIdle {
			return err
		}
		if done, err := p.typed(chunk[:n]); done || err != nil {
			return err
		}
	}
}
