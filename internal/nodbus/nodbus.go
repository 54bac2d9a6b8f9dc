// Package nodbus keeps the keyring library from starting a message bus.
//
// Importing github.com/99designs/keyring dials the D-Bus session bus in an init function, whatever command was given. Where
// no bus is running (a server, a container, cron) its D-Bus library then runs `dbus-launch`, which forks a dbus-daemon that
// nobody ends, once for each of our processes, and reports the empty bus as a working keychain.
//
// Where the bus is stopped, the dial waits for ever. Where AWS_ACCOUNTS_KEYCHAIN chooses a keychain that isn't on the bus, it is in vain.
//
// This package's init runs before that one, sees to an end of the waiting, and writes down what the library would find, or that there is nothing to find.
// The order is the language's: packages that are ready are initialised in the order of their import paths, and this one,
// which needs only os and the like, is ready before anything that needs D-Bus. A test holds it. Every importer of the
// keyring library imports this package too and calls Restore.
package nodbus

import "time"

// Patience is how long a keychain's daemon, or the bus to it, may keep us waiting. One that is well answers in milliseconds, but
// the last of a thousand processes that start at once on two cores is answered after four seconds. One that hangs costs as much.
const Patience = 4 * time.Second
