package stage

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"aws-accounts/cache/item"
)

// A passphrase typed once opens the file keychain to every program for a while; weak and wrong ones may be typed again.
func TestPassphraseAtTheTerminal(t *testing.T) {
	t.Parallel()
	h := NewHome(t, startStageAWS(t, ""), "AWS_ACCOUNTS_KEYCHAIN=file", "NO_COLOR=1")
	h.Accounts(stageAccounts)
	h.MustRun("aws-accounts", "setup")
	lock := func() {
		if wrapped, err := item.ReadWrappedKey(h.Dir + "/.local/state/aws-accounts/keychain"); err == nil {
			item.Forget(wrapped.ID)
		}
	}
	t.Cleanup(lock)
	const typed = "a passphrase of four words"
	end := func(cmd *exec.Cmd) {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}

	cmd := h.Command("aws-accounts", "assume", "dev")
	terminal := onTerminal(t, cmd)
	terminal.await(t, "Nothing else opens it: don't lose it\r\n")
	terminal.answer(t, "[Y/n] ", "n")
	terminal.answer(t, "Passphrase of the keychain: ", "hunter2")
	terminal.answer(t, "The same passphrase again, since the keychain is new: ", "hunter2")
	terminal.await(t, "too easy to guess")
	terminal.answer(t, "Passphrase of the keychain: ", typed)
	terminal.answer(t, "again, since the keychain is new: ", "a passphrase of for words")
	terminal.await(t, "differ")
	terminal.answer(t, "Passphrase of the keychain: ", typed)
	terminal.answer(t, "again, since the keychain is new: ", typed)
	if _, err := item.Kept("none"); err == nil {
		t.Fatal("the kernel keeps what nobody has given it")
	}
	terminal.await(t, "stays open to your programs for 8 hours\r\n")
	end(cmd)
	first, ok := h.process("dev").credentials()
	if again, _ := h.process("dev").credentials(); !ok || again.AccessKeyId != first.AccessKeyId {
		t.Error("it is not open")
	}

	// Locked, nobody who can't be asked opens it.
	lock()
	locked, _ := h.process("dev").credentials()
	if locked.AccessKeyId == first.AccessKeyId {
		t.Error("it isn't locked")
	}
	cmd = h.Command("aws-accounts", "assume", "dev")
	terminal = onTerminal(t, cmd)
	terminal.answer(t, "Passphrase of the keychain: ", "wrong")
	terminal.await(t, "does not open")
	terminal.answer(t, "Passphrase of the keychain: ", "wrong again")
	terminal.answer(t, "Passphrase of the keychain: ", typed)
	terminal.await(t, "8 hours")
	end(cmd)
	if again, _ := h.process("dev").credentials(); again.AccessKeyId != first.AccessKeyId {
		t.Error("what was stored is gone")
	}
	h.MustRun("aws-accounts", "clear", "--all")
	cmd = h.Command("aws-accounts", "assume", "dev")
	terminal = onTerminal(t, cmd)
	for range 3 {
		terminal.answer(t, "Passphrase of the keychain: ", "wrong")
	}
	end(cmd) // the session is handed out all the same
}

// One that is made for the person is shown once, and opens the keychain.
func TestPassphraseIsMade(t *testing.T) {
	t.Parallel()
	h := NewHome(t, startStageAWS(t, ""), "AWS_ACCOUNTS_KEYCHAIN=file")
	h.Accounts(stageAccounts)
	cmd := h.Command("aws-accounts", "init", "--yes", "--keychain=file")
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "[Y/n] ", "")
	terminal.await(t, "stays open")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, terminal.shown())
	}
	made := regexp.MustCompile(`the passphrase is ([A-Z2-7]{26})\r`).FindStringSubmatch(terminal.shown())
	if made == nil {
		t.Fatalf("the terminal shows %q", terminal.shown())
	}
	first, _ := h.process("dev").credentials()
	h.MustRun("aws-accounts", "clear", "main")
	wrapped, err := item.ReadWrappedKey(h.Dir + "/.local/state/aws-accounts/keychain")
	if err != nil {
		t.Fatal(err)
	}
	item.Forget(wrapped.ID)
	if got, ok := h.process("dev", "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE="+made[1]).credentials(); !ok || got.AccessKeyId != first.AccessKeyId {
		t.Error("it doesn't open the keychain")
	}
	for _, path := range filesBelow(t, h.Dir) {
		if data, err := os.ReadFile(path); err != nil || strings.Contains(string(data), made[1]) {
			t.Errorf("%s has the passphrase, or %v", path, err)
		}
	}
}
