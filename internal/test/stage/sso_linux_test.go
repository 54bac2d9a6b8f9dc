package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

// Over SSH there is a terminal and no browser: `process` shows the code there, once for all that wait, and neither on its
// standard output nor error.
func TestSSOAtTheTerminal(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(ssoAccounts())
	cmd := h.Command("sh", "-c", `for i in 0 1 2 3 4; do aws-accounts process audit$i >out$i 2>err$i & done; wait`)
	y := onTerminal(t, cmd)
	y.answer(t, "/device?user_code=", "")
	waiting := aws.PendingDevices()
	if len(waiting) != 1 {
		t.Fatalf("%d codes wait", len(waiting))
	}
	if err := aws.ApproveDevice(waiting[0]); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(y.shown(), "needs you to sign in to corp: open this link"); n != 1 {
		t.Errorf("asked %d times:\n%s", n, y.shown())
	}
	for _, i := range "01234" {
		out, _ := os.ReadFile(filepath.Join(h.Dir, "out"+string(i)))
		errs, _ := os.ReadFile(filepath.Join(h.Dir, "err"+string(i)))
		if !document.Match(out) || len(errs) > 0 {
			t.Errorf("audit%c: %d bytes on stdout, stderr %q", i, len(out), errs)
		}
		os.Remove(filepath.Join(h.Dir, "out"+string(i)))
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}
