package cache

import (
	"crypto/rand"
	"os"
	"os/exec"
	"strconv"
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

// The first read of a process loads advapi32, for which a stack may have to grow, and so move, with the answer's place on it.
// wincred 1.1.2, which the library asks for, then finds nothing there and panics. A process takes one depth of the stack.
func TestWincredFirstRead(t *testing.T) {
	const name = "aws-accounts test of the first read"
	if depth, err := strconv.Atoi(os.Getenv("WINCRED_DEPTH")); err == nil {
		read := make(chan string)
		go atDepth(depth, func() {
			c, err := wincred.GetGenericCredential(name)
			if err != nil {
				t.Error(err)
				c = &wincred.GenericCredential{}
			}
			read <- string(c.CredentialBlob)
		})
		if got := <-read; got != "secret" {
			t.Errorf("read %q", got)
		}
		return
	}

	c := wincred.NewGenericCredential(name)
	c.CredentialBlob = []byte("secret")
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	defer c.Delete()
	for depth := 0; depth < 120; depth += 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWincredFirstRead$")
		cmd.Env = append(os.Environ(), "WINCRED_DEPTH="+strconv.Itoa(depth))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%d calls deep: %v\n%.500s", depth, err, out)
		}
	}
}

//go:noinline
func atDepth(calls int, f func()) byte {
	var frame [64]byte
	if calls == 0 {
		f()
	} else {
		frame[calls%len(frame)] = atDepth(calls-1, f)
	}
	return frame[0]
}
