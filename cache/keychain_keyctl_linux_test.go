package cache

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// keyctlUser returns the credential of a user without keys of its own, so that the tester's are left alone.
func keyctlUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); err != nil {
		cannotTest(t, "the kernel allows no keyrings here: "+err.Error())
	}
	if os.Geteuid() != 0 {
		cannotTest(t, "only root can be another user, whose keys may be used up")
	}
	if _, err := os.Stat("/proc/keys"); err != nil {
		cannotTest(t, "/proc/keys cannot be read")
	}
	return &syscall.Credential{Uid: 54321, Gid: 54321}
}

// prepareProcess gives the process of TestKeychainProcess a session keyring that leads nowhere, as cron and su do: it does
// not possess the user's keys.
func prepareProcess(t *testing.T) {
	if os.Getenv("KEYCHAIN_NEW_KEYRING_SESSION") == "" {
		return
	}
	// A session keyring is a thread's and is inherited: start anew, so that all threads have the new one.
	runtime.LockOSThread()
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	os.Unsetenv("KEYCHAIN_NEW_KEYRING_SESSION")
	t.Fatal(syscall.Exec("/proc/self/exe", os.Args, os.Environ()))
}

// TestKeyctl runs both of its processes in kernel sessions of their own, as two logins would be.
func TestKeyctl(t *testing.T) {
	user := keyctlUser(t)
	program, coverage := copyOfThisTest(t, user)
	start := func() *remote {
		return startRemoteAs(t, remoteConfig{Backend: "keyctl"}, func(cmd *exec.Cmd) {
			cmd.Path, cmd.Dir = program, "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user, Setsid: true}
			cmd.Env = append(cmd.Env, "KEYCHAIN_NEW_KEYRING_SESSION=1", "GOCOVERDIR="+coverage)
		})
	}
	roundTrip(t, start, 9_000)
	removedKeysAreGone(t, user)

	r := start()
	r.set("session/large", make([]byte, 32_701)).want(t, "too large", soon)
	// A user may hold 20,000 bytes.
	var last response
	for _, key := range []string{"session/a", "session/b", "session/c"} {
		if last = r.set(key, make([]byte, 9_000)); last.Failed {
			break
		}
	}
	last.want(t, "too large", soon)
	if !strings.Contains(last.Text, "full") || last.Hint == "" {
		t.Errorf("it does not say why: %q", last.Text)
	}
	if a := r.keys(); !slices.Equal(a.Keys, []string{"session/a", "session/b"}) {
		t.Errorf("%+v", a)
	}
	for _, key := range r.keys().Keys {
		r.remove(key).want(t, "", soon)
	}
}

// copyOfThisTest is the test binary where another user may run it, and a folder for what -cover has it write when it ends: it
// may not write into go test's own, and would say so on stderr.
func copyOfThisTest(t *testing.T, user *syscall.Credential) (program, coverage string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "keyctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary, err := os.ReadFile("/proc/self/exe")
	program, coverage = filepath.Join(dir, "test"), filepath.Join(dir, "coverage")
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(program, binary, 0o755),
		os.Mkdir(coverage, 0o700), os.Chown(coverage, int(user.Uid), int(user.Gid))); err != nil {
		t.Fatal(err)
	}
	return program, coverage
}

func TestKeyctlFailure(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]error{
		syscall.EDQUOT: errTooLarge,
		errors.New("adding key to session failed: disk quota exceeded"): errTooLarge,
		syscall.EACCES: ErrDenied,
	} {
		if got := keyctlFailure(err); !errors.Is(got, want) {
			t.Errorf("%v: %v", err, got)
		}
	}
	if err := keyctlFailure(syscall.EINVAL); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}

// removedKeysAreGone waits for the kernel to hand back the room of keys that were removed, which it does in its own time.
func removedKeysAreGone(t *testing.T, user *syscall.Credential) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		users, err := os.ReadFile("/proc/key-users") // 54321:     6 6/6 6/200 62/20000
		if err != nil {
			t.Fatal(err)
		}
		_, rest, any := strings.Cut(string(users), fmt.Sprintf("%d: ", user.Uid))
		line, _, _ := strings.Cut(rest, "\n")
		held, _, _ := strings.Cut(line[strings.LastIndex(line, " ")+1:], "/")
		switch n, err := strconv.Atoi(held); {
		case !any || err == nil && n < 1000:
			return
		case time.Since(began) > 30*time.Second:
			t.Fatalf("the user still holds %q: %v", line, err)
		}
	}
}
