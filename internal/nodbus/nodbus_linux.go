package nodbus

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	variable = "DBUS_SESSION_BUS_ADDRESS"
	// disabled is an address of a transport that no D-Bus library has: dialling it fails without a system call.
	disabled = "disabled:"
)

var (
	original, given = os.LookupEnv(variable)
	watch           *time.Timer
)

func init() {
	switch keychain := os.Getenv("AWS_ACCOUNTS_KEYCHAIN"); {
	case keychain != "" && keychain != "secret-service" && keychain != "kwallet": // the choice of one that isn't on the bus
		os.Setenv(variable, disabled)
	case original == "" || original == "autolaunch:":
		os.Setenv(variable, discover("/run/user/"+strconv.Itoa(os.Getuid())))
	}
	Watch()
}

// Watch begins to count, anew if it has before: who dials the bus, or asks somebody on it, has Patience from now on, which
// a bus that is well answers in less than a millisecond.
func Watch() {
	Unwatch()
	watch = time.AfterFunc(Patience, giveUp)
}

// discover is what godbus does between the variable and dbus-launch: the user's bus, or the file that older Ubuntus have.
func discover(runtimeDir string) string {
	bus := runtimeDir + "/bus"
	if _, err := os.Stat(bus); err == nil {
		return "unix:path=" + bus
	}
	session, err := os.ReadFile(runtimeDir + "/dbus-session")
	if err != nil {
		return disabled
	}
	address, found := strings.CutPrefix(string(session), variable+"=")
	address = strings.TrimRight(address, "\r\n")
	if !found || address == "" {
		return disabled
	}
	return address
}

// Unwatch ends what Watch has begun.
func Unwatch() {
	if watch != nil {
		watch.Stop()
	}
}

// giveUp ends the wait, the library's or that of process/warm, for a bus that takes the connection and then says nothing, as a
// stopped one does: without it even --help would wait for ever. The connection is the one socket that is closed on exec: no inherited one can be.
func giveUp() {
	os.Setenv(variable, disabled) // it tries again
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, entry := range open {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
			continue
		}
		if _, err := syscall.Getpeername(fd); err == nil {
			syscall.Shutdown(fd, syscall.SHUT_RDWR)
		}
	}
}

// Address returns where the library finds the session bus, or a dead address.
func Address() string { return os.Getenv(variable) }

// Restore takes a dead address out of the environment again, so that the programs we start look for a bus themselves. It is
// for an init function of a package that imports the keyring library: by then the library has decided, for good, whether there
// is a bus.
func Restore() {
	Unwatch()
	switch {
	case os.Getenv(variable) != disabled:
	case given:
		os.Setenv(variable, original)
	default:
		os.Unsetenv(variable)
	}
}
