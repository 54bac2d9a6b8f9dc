package cache

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/danieljoos/wincred"

	"aws-accounts/cache/item"
)

// The real Credential Manager, which takes 2,560 bytes. Wine's takes more, so nothing larger may be in it.
func TestWincred(t *testing.T) {
	c := remoteConfig{Backend: "wincred"}
	roundTrip(t, func() *remote { return startRemote(t, c) }, maxParts*2000)

	k := OpenKeychain(KeychainConfig{})
	big := make([]byte, 9000)
	rand.Read(big)
	if err := k.Set(t.Context(), "session/big", big); err != nil {
		t.Fatal(err)
	}
	if n := ourCredentials(t); n != 6 {
		t.Errorf("9,000 bytes are in %d credentials", n)
	}
	if err := k.Remove(t.Context(), "session/big"); err != nil {
		t.Error(err)
	}
	if n := ourCredentials(t); n != 0 {
		t.Errorf("%d credentials are left", n)
	}
}

func ourCredentials(t *testing.T) (n int) {
	t.Helper()
	all, err := wincred.List()
	if err != nil && err != wincred.ErrElementNotFound {
		t.Fatal(err)
	}
	for _, c := range all {
		if !strings.Contains(c.TargetName, item.Prefix) {
			continue
		}
		n++
		if len(c.CredentialBlob) > 2560 {
			t.Errorf("%s has %d bytes", c.TargetName, len(c.CredentialBlob))
		}
		if c.Persist != wincred.PersistLocalMachine { // else a roaming profile would carry sessions to other machines
			t.Errorf("%s persists as %d", c.TargetName, c.Persist)
		}
	}
	return n
}
