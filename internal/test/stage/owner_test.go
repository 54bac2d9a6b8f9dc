package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// An item in the keychain belongs to its accounts file: two files with the same names don't share, evict or replace each other's
// sessions and keys.
func TestTwoAccountsFiles(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	h.Write("other.json", strings.Replace(stageAccounts, DevRole, MFARole, 1))
	other := "--accounts-file=" + filepath.Join(h.Dir, "other.json")
	first := h.MustRun("aws-accounts", "process", "dev")
	if g, stderr, _ := h.Run("aws-accounts", "process", other, "dev"); g != "" || !strings.Contains(stderr, "OnlyWithMFA") {
		t.Errorf("the other file's dev: %q, stderr %q", g, stderr)
	}
	h.Write("other.json", stageAccounts)
	theirs := h.MustRun("aws-accounts", "process", other, "dev")
	if theirs == first {
		t.Error("the two files share a session")
	}
	for range 3 { // neither pushes the other out
		if h.MustRun("aws-accounts", "process", "dev") != first || h.MustRun("aws-accounts", "process", other, "dev") != theirs {
			t.Error("a session is gone")
		}
	}
	h.MustRun("aws-accounts", "clear", "--all")
	if h.MustRun("aws-accounts", "process", other, "dev") != theirs {
		t.Error("clear --all forgot the other file's session")
	}

	h.MustRun("aws-accounts", "keys", "import", "default")
	if _, stderr, status := h.Run("aws-accounts", other, "keys", "remove", "main", "--yes"); status == 0 || !strings.Contains(stderr, "no access key in the keychain") {
		t.Errorf("the other file removes the key: exit %d, %q", status, stderr)
	}
	h.MustRun("aws-accounts", "whoami", "main")
}

// A session of an emulator is never handed out for AWS, nor the other way round, and alternating between the two is no less warm.
func TestTwoEndpoints(t *testing.T) {
	t.Parallel()
	one, two := standin.Start(t, World()), standin.Start(t, World())
	h := NewHome(t, one, FileKeychain()...)
	h.Accounts(stageAccounts)
	elsewhere := &Home{t: t, Dir: h.Dir, Env: append(append([]string{}, h.Env...), two.Env()...)}
	first := h.MustRun("aws-accounts", "process", "dev")
	if out, _, status := elsewhere.Run("aws-accounts", "process", "dev"); status == 0 || out != "" {
		t.Errorf("the other endpoint, which doesn't know the key: exit %d, %q", status, out)
	}
	if h.MustRun("aws-accounts", "process", "dev") != first {
		t.Error("the first endpoint's session is gone")
	}
}

// Whoever moves or renames the accounts file keeps what is in the keychain, and is told.
func TestAMovedAccountsFile(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	h.MustRun("aws-accounts", "keys", "import", "default", "--remove")
	first := h.MustRun("aws-accounts", "process", "dev")
	to := filepath.Join(h.Dir, "dotfiles", "aws.json")
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(h.Dir, ".config/aws-accounts/accounts.json"), to); err != nil {
		t.Fatal(err)
	}
	h.MustRun("aws-accounts", "--accounts-file="+to, "validate") // it needs no keychain
	locked := &Home{t: t, Dir: h.Dir, Env: append(append([]string{}, h.Env...), "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE=wrong")}
	if _, stderr, _ := locked.Run("aws-accounts", "--accounts-file="+to, "keys", "list"); !strings.Contains(stderr, "still belongs to the old place") {
		t.Errorf("that nothing could move along isn't said: %q", stderr)
	}
	h.MustRun("aws-accounts", "--accounts-file="+to, "list")
	if got := h.MustRun("aws-accounts", "process", "--accounts-file="+to, "dev"); got != first {
		t.Error("the session didn't move along")
	}
	if out := h.MustRun("aws-accounts", "--accounts-file="+to, "keys", "list"); !strings.Contains(out, "main") {
		t.Errorf("the key didn't move along: %q", out)
	}
	if out := h.MustRun("aws-accounts", "log"); !strings.Contains(out, "was moved to") {
		t.Errorf("the log says nothing of it: %q", out)
	}
}
