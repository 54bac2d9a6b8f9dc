package item

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// A store key that was opened is kept in the kernel's keyring of the user, in memory that is never swapped out, until its time is
// up or the user's last process has ended.

const keyType = "user" // any bytes, as keyrings(7) calls it

func keptAs(id string) string { return Service + " " + id }

// Kept returns the key of an opened store: ErrNotFound if it isn't kept.
func Kept(id string) (*StoreKey, error) {
	serial, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, keyType, keptAs(id), 0)
	if err != nil {
		return nil, ErrNotFound
	}
	var key StoreKey
	if n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, serial, key[:], 0); err != nil || n != keySize {
		return nil, ErrNotFound
	}
	return &key, nil
}

// Keep keeps the key of an opened store for KeptFor, and reports whether the kernel does, which containers mostly forbid.
//
// Who adds a key to the user's keyring may change it only if the session's keyring leads there, which that of cron or su doesn't.
// So it is made in the thread's own, which always may, and then linked.
func Keep(id string, key *StoreKey) bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const all = 0x3f3f0000 // for the possessor and for every process of the user
	serial, err := unix.AddKey(keyType, keptAs(id), key[:], unix.KEY_SPEC_THREAD_KEYRING)
	if err != nil {
		return false
	}
	if _, err = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, serial, int(KeptFor.Seconds()), 0, 0); err == nil {
		if err = unix.KeyctlSetperm(serial, all); err == nil {
			_, err = unix.KeyctlInt(unix.KEYCTL_LINK, serial, unix.KEY_SPEC_USER_KEYRING, 0, 0)
		}
	}
	unix.KeyctlInt(unix.KEYCTL_UNLINK, serial, unix.KEY_SPEC_THREAD_KEYRING, 0, 0)
	return err == nil
}

// Forget has the kernel forget a key that Keep has kept.
func Forget(id string) {
	if serial, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, keyType, keptAs(id), 0); err == nil {
		unix.KeyctlInt(unix.KEYCTL_UNLINK, serial, unix.KEY_SPEC_USER_KEYRING, 0, 0)
	}
}
