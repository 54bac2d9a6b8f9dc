//go:build !linux

package cache

import (
	"runtime"

	"github.com/99designs/keyring"
)

// The library has these on Linux only, so openStore does not come here.

func openSecretService(KeychainConfig) (store, error) {
	return nil, whyNot(keyring.SecretServiceBackend, runtime.GOOS)
}
func openKWallet(KeychainConfig) (store, error) {
	return nil, whyNot(keyring.KWalletBackend, runtime.GOOS)
}
func openKeyctl() store { return nil }
