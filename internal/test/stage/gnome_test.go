package stage

import "testing"

func TestKeyring(t *testing.T) {
	t.Parallel()
	k := Keyring(t)
	k.Lock()
	//lint:ignore SA2001 a keyring, not a mutex
	k.Unlock()
	k.Hang()
	k.Resume()
	k.Stop()
	k.Start()
	k.Forget()
}
