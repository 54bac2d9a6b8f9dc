package cache

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"aws-accounts/internal/test/stage"
)

// BenchmarkKeychain opens each keychain in a fresh process and reads one item of 1.5 KB, as a warm `process` does. The time
// includes the process itself, which "nothing" shows.
func BenchmarkKeychain(b *testing.B) {
	item := bytes.Repeat([]byte("x"), 1500)
	bench := func(name, backend, dir string, env ...string) {
		b.Run(name, func(b *testing.B) {
			c := remoteConfig{Backend: backend, Dir: dir, Passphrase: testPassphrase, Timeout: time.Minute}
			if backend != "" {
				startRemote(b, c, env...).set("benchmark/item", item).want(b, "", time.Minute)
			}
			for b.Loop() {
				b.StopTimer()
				cmd := exec.Command(os.Args[0], "-test.run=^TestKeychainOnce$")
				cmd.Env = append(append(os.Environ(), "KEYCHAIN_ONCE="+backend, "KEYCHAIN_DIR="+dir), env...)
				b.StartTimer()
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
			if backend != "" {
				startRemote(b, c, env...).remove("benchmark/item")
			}
		})
	}
	env := stage.Keyring(b).Env()
	bench("nothing", "", "", env...)
	bench("secret-service", "secret-service", "", env...)
	bench("file", "file", filepath.Join(b.TempDir(), "store"), env...)
	bench("keyctl", "keyctl", "", env...)
	bench("pass", "pass", "", append(passwordStore(b, ""), env...)...)
}

// TestKeychainOnce is the process that BenchmarkKeychain measures.
func TestKeychainOnce(t *testing.T) {
	backend, given := os.LookupEnv("KEYCHAIN_ONCE")
	if backend != "" {
		k := OpenKeychain(KeychainConfig{Backend: backend, Dir: os.Getenv("KEYCHAIN_DIR"), Timeout: time.Minute,
			Passphrase: by(testPassphrase)})
		if _, err := k.Get(t.Context(), "benchmark/item"); err != nil {
			t.Fatal(err)
		}
	}
	if given {
		os.Exit(0)
	}
}
