package stage

import "testing"

func TestKeyring(t *testing.T) {
	t.Parallel()
	k := Keyring(t)
	k.Lock()
	k.Unlock()
	k.Hang()
	k.Resume()
	k.Stop()
	k.Start()
	k.Forget()
}
