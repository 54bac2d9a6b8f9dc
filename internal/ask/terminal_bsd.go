//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package ask

import "golang.org/x/sys/unix"

const (
	getModes = unix.TIOCGETA
	setModes = unix.TIOCSETA
	noKey    = 0xff // _POSIX_VDISABLE
	read     = 1    // FREAD of sys/fcntl.h
)

func (t *terminal) flush() { unix.IoctlSetPointerInt(t.fd, unix.TIOCFLUSH, read) }
