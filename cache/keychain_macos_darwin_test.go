package cache

import (
	"os"
	"testing"
)

// The default keychain of whoever runs this, so only where it is a throwaway one.
func TestMacOSKeychain(t *testing.T) {
	if os.Getenv("THROWAWAY_KEYCHAIN") != "true" {
		t.Skip("NOT TESTED: the macOS keychain, as THROWAWAY_KEYCHAIN=true doesn't say that the default one may be written")
	}
	c := remoteConfig{Backend: "keychain"}
	roundTrip(t, func() *remote { return startRemote(t, c) }, 100_000)
}
