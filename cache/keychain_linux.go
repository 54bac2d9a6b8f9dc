package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/99designs/keyring"
	"github.com/godbus/dbus"

	"aws-accounts/cache/item"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/nodbus"
)

// kwallet is KDE's store through its own interface. The library opens the wallet before anything else, which shows a
// dialog and waits: where nobody may be asked, an open wallet is made sure of first.
type kwallet struct {
	ringStore
	conn   *dbus.Conn
	unlock bool
}

// wallet is the name that KDE gives the wallet which opens with the desktop session.
const wallet = "kdewallet"

func openKWallet(cfg KeychainConfig) (store, error) {
	conn, err := dbus.SessionBus() // the library's, open already
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w := &kwallet{conn: conn, unlock: cfg.Unlock}
	w.ringStore = ringStore{ready: w.open, cfg: keyring.Config{
		AllowedBackends: []keyring.BackendType{keyring.KWalletBackend},
		ServiceName:     wallet, // to the library the wallet is the service
		KWalletAppID:    item.Service,
		KWalletFolder:   item.Service,
	}}
	return w, nil
}

func (w *kwallet) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, nodbus.Patience)
	defer cancel()
	var open bool
	err := w.conn.Object("org.kde.kwalletd5", "/modules/kwalletd5").
		CallWithContext(ctx, "org.kde.KWallet.isOpen", 0, wallet).Store(&open)
	switch name := dbusErrorName(err); {
	case name == "org.freedesktop.DBus.Error.ServiceUnknown" || name == "org.freedesktop.DBus.Error.NameHasNoOwner":
		return fmt.Errorf("%w: KWallet is not running", ErrUnavailable)
	case err != nil:
		return fmt.Errorf("%w: KWallet does not answer: %w", ErrUnavailable, err)
	case !open && !w.unlock:
		return fmt.Errorf("%w: the wallet %s is closed", ErrLocked, wallet)
	}
	return nil
}

// remove looks first: KWallet says nothing about an item that isn't there.
func (w *kwallet) remove(ctx context.Context, key string) error {
	if _, err := w.get(ctx, key); err != nil {
		return err
	}
	return w.ringStore.remove(ctx, key)
}

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
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	return err
}
