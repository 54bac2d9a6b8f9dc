package cache

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/99designs/keyring"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
)

// openKeyctl uses the kernel's keyring of the user. It is gone when the user's last process is, so it is for sessions.
//
// What a process adds to the user's keyring it possesses only if its session keyring leads there, which cron, su and some
// containers don't see to; and by default the possessor alone may read a key. So the keys are made readable for every
// process of the user, which is what all the other stores amount to.
func openKeyctl() store {
	const all = keyring.KEYCTL_PERM_ALL
	return &ringStore{
		cfg: keyring.Config{
			AllowedBackends: []keyring.BackendType{keyring.KeyCtlBackend},
			ServiceName:     item.Service,
			KeyCtlScope:     "user",
			KeyCtlPerm:      keyring.GetPermissions(all, all, 0, 0),
		},
		limit:    32_700, // the kernel refuses more than 32,767 bytes
		classify: keyctlFailure,
	}
}

func keyctlFailure(err error) error {
	is := func(errno syscall.Errno) bool { // the library wraps some of them as text
		return errors.Is(err, errno) || strings.HasSuffix(err.Error(), errno.Error())
	}
	switch {
	case is(syscall.EDQUOT):
		return hint.New(fmt.Errorf("%w: the kernel's keyring of this user is full (/proc/key-users)", errTooLarge),
			"`aws-accounts clear --expired` makes room; /proc/sys/kernel/keys has the limits")
	case is(syscall.EACCES), is(syscall.EPERM):
		return fmt.Errorf("%w: %w", errDenied, err)
	}
	return err
}
