package nodbus

import (
	"os"
	"strconv"
	"strings"
)

const (
	variable = "DBUS_SESSION_BUS_ADDRESS"
	// disabled is an address of a transport that no D-Bus library has: dialling it fails without a system call.
	disabled = "disabled:"
)

func init() {
	if given := os.Getenv(variable); given != "" && given != "autolaunch:" {
		return
	}
	os.Setenv(variable, discover("/run/user/"+strconv.Itoa(os.Getuid())))
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

// Restore takes the dead address out of the environment, so that the programs we start look for a bus themselves. It is for
// an init function of a package that imports the keyring library: by then the library has decided, for good, that there is no bus.
func Restore() {
	if os.Getenv(variable) == disabled {
		os.Unsetenv(variable)
	}
}
