//go:build !windows

package cache

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// passwordStore makes a throwaway GPG key and a password store under it. The key's passphrase is known to nobody's agent.
func passwordStore(t testing.TB, passphrase string) (env []string) {
	t.Helper()
	for _, program := range []string{"gpg", "pass", "gpgconf"} {
		if _, err := exec.LookPath(program); err != nil {
			cannotTest(t, program+" is not installed")
		}
	}
	dir, err := os.MkdirTemp("", "gpg") // the agent's socket needs a short path
	if err != nil {
		t.Fatal(err)
	}
	env = []string{"GNUPGHOME=" + dir, "PASSWORD_STORE_DIR=" + filepath.Join(dir, "store"), "PASSWORD_STORE_GPG_OPTS="}
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	t.Cleanup(func() {
		run("gpgconf", "--kill", "all")
		os.RemoveAll(dir)
	})
	run("gpg", "--batch", "--pinentry-mode=loopback", "--passphrase", passphrase, "--quick-generate-key", "test@example.invalid", "default", "default", "never")
	run("pass", "init", "test@example.invalid")
	run("gpgconf", "--kill", "gpg-agent") // and with it the passphrase
	return env
}

func TestPass(t *testing.T) {
	t.Parallel()
	env := passwordStore(t, "")
	c := remoteConfig{Backend: "pass", Timeout: 20 * time.Second}
	roundTrip(t, func() *remote { return startRemote(t, c, env...) }, maxItem)

	r := startRemote(t, c, env...)
	data := bytes.Repeat([]byte("x"), 5000)
	r.set("session/dev", data).want(t, "", 20*time.Second)
	var readers sync.WaitGroup
	for range 20 {
		one := startRemote(t, c, env...)
		readers.Go(func() {
			if a := one.get("session/dev"); !bytes.Equal(a.Data, data) {
				t.Errorf("one of many readers: %d bytes, %s", len(a.Data), a.Text)
			}
		})
	}
	readers.Wait()

	var store string
	for _, v := range env {
		if dir, ok := strings.CutPrefix(v, "PASSWORD_STORE_DIR="); ok {
			store = dir
		}
	}
	item := filepath.Join(store, "aws-accounts", "session", "dev.gpg")
	if err := os.WriteFile(item, []byte("SECRET"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.get("session/dev").want(t, "corrupt", 20*time.Second)
	insert := exec.Command("pass", "insert", "-m", "-f", "aws-accounts/session/dev")
	insert.Env = append(os.Environ(), env...)
	insert.Stdin = strings.NewReader("SECRET of somebody\n")
	if out, err := insert.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a := r.get("session/dev")
	a.want(t, "corrupt", 20*time.Second)
	if strings.Contains(a.Text, "SECRET") {
		t.Errorf("the error quotes the item: %s", a.Text)
	}
	r.set("session/dev", []byte("new")).want(t, "", 20*time.Second)
	if a := r.get("session/dev"); string(a.Data) != "new" {
		t.Errorf("%+v", a)
	}
}

func TestPassLocked(t *testing.T) {
	t.Parallel()
	env := passwordStore(t, "a passphrase that nobody types")
	r := startRemote(t, remoteConfig{Backend: "pass", Timeout: 20 * time.Second}, env...)
	r.set("session/dev", []byte("x")).want(t, "", 20*time.Second) // the public key is enough
	a := r.get("session/dev")
	a.want(t, "locked", 20*time.Second)
	if a.Hint == "" {
		t.Error("no next step")
	}
	t.Log(a.Text, "->", a.Hint, a.Took)
}

func TestPassAbsent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := startRemote(t, remoteConfig{Backend: "pass"}, "PATH="+dir, "PASSWORD_STORE_DIR="+dir).get("session/dev")
	a.want(t, "unavailable", soon)
	if _, err := exec.LookPath("pass"); err == nil {
		r := startRemote(t, remoteConfig{Backend: "pass"}, "PASSWORD_STORE_DIR="+dir)
		r.get("session/dev").want(t, "not found", soon)
		a = r.set("session/dev", nil)
		a.want(t, "unavailable", soon)
		t.Log(a.Text, "->", a.Hint)
	}
}
