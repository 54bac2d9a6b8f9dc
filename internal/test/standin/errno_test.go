package standin_test

import (
	"runtime"
	"syscall"
)

// What the system says of a connection. Go's names for it on Windows aren't what Windows says.
var connectionReset, connectionRefused = func() (reset, refused error) {
	if runtime.GOOS == "windows" {
		return syscall.Errno(10054), syscall.Errno(10061) // WSAECONNRESET, WSAECONNREFUSED
	}
	return syscall.ECONNRESET, syscall.ECONNREFUSED
}()
