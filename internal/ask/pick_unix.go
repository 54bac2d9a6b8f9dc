//go:build !windows

package ask

import (
	"context"

	"golang.org/x/sys/unix"

	"aws-accounts/internal/tui"
)

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
