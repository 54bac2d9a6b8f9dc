//go:build !linux

package cache

import "github.com/99designs/keyring"

// The library has these on Linux only, so openStore does not come here.

func openSecretService(KeychainConfig) (store, error) {
	return nil, whyNot(keyring.SecretServiceBackend)
}
func openKWallet(KeychainConfig) (store, error) { return nil, whyNot(keyring.KWalletBackend) }
func openKeyctl() store                         { return nil }
