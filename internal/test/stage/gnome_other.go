//go:build !linux

package stage

import "testing"

// GNOMEKeyring exists on Linux only.
type GNOMEKeyring struct{}

// Keyring skips the test: there is no Secret Service on this system.
func Keyring(t testing.TB) *GNOMEKeyring {
	missing(t, "the Secret Service is for Linux")
	return nil
}

func (*GNOMEKeyring) Env() []string { return nil }
func (*GNOMEKeyring) Lock()         {}
func (*GNOMEKeyring) Unlock()       {}
func (*GNOMEKeyring) Forget()       {}
func (*GNOMEKeyring) Hang()         {}
func (*GNOMEKeyring) HangBus()      {}
func (*GNOMEKeyring) Resume()       {}
func (*GNOMEKeyring) Stop()         {}
func (*GNOMEKeyring) Start()        {}
func (*GNOMEKeyring) Revive() bool  { return false }
