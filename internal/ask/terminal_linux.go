package ask

import "golang.org/x/sys/unix"

const (
	getModes = unix.TCGETS
	setModes = unix.TCSETS
	noKey    = 0 // _POSIX_VDISABLE
)

func (t *terminal) flush() { unix.IoctlSetInt(t.fd, unix.TCFLSH, unix.TCIFLUSH) }
