package stage

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// keyInFile writes main's key into ~/.aws/credentials again, as a tool does that needs it there.
func keyInFile(h *Home, aws *standin.Server) {
	key := aws.Key(User)
	h.Write(".aws/credentials", fmt.Sprintf("[work]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret))
}

// A key that is written down elsewhere isn't deleted unasked: whoever has it there would stop to work.
func TestRotateKnowsWhoHasTheKey(t *testing.T) {
	t.Parallel()
	h, aws := keysHome(t, World())
	keyInFile(h, aws)
	before := aws.Key(User)
	_, stderr, status := h.Run("aws-accounts", "keys", "rotate", "main")
	if status != 1 || !strings.Contains(stderr, before.ID+" is in profile work (credentials file, line 2), too") || len(aws.AccessKeys(User)) != 1 {
		t.Fatalf("exit %d, %d keys\n%s", status, len(aws.AccessKeys(User)), stderr)
	}
	h.MustRun("aws-accounts", "keys", "rotate", "main", "--keep-old")
	if keys := aws.AccessKeys(User); len(keys) != 2 || !slices.ContainsFunc(keys, func(k standin.AccessKey) bool { return k.ID == before.ID && k.Status == "Active" }) {
		t.Errorf("the old key isn't kept: %v", keys)
	}
	works(t, h)
	if out, _, _ := h.Run("aws-accounts", "doctor"); !strings.Contains(out, before.ID+" is still to be deleted") {
		t.Errorf("doctor says\n%s", out)
	}
	_, stderr, status = h.Run("aws-accounts", "keys", "rotate", "main") // which would delete it now
	if status != 1 || !strings.Contains(stderr, before.ID+" is in profile work (credentials file, line 2), too") || len(aws.AccessKeys(User)) != 2 {
		t.Fatalf("going on: exit %d, %d keys\n%s", status, len(aws.AccessKeys(User)), stderr)
	}
	h.Write(".aws/credentials", "")
	h.MustRun("aws-accounts", "keys", "rotate", "main")
	if keys := aws.AccessKeys(User); len(keys) != 1 || keys[0].ID == before.ID {
		t.Errorf("%d keys are left", len(keys))
	}
	works(t, h)

	keyInFile(h, aws)
	h.MustRun("aws-accounts", "keys", "rotate", "main", "--yes")
	works(t, h)
}

// An account that begins with the same key is given the new one.
func TestRotateGivesTheKeyToItsTwin(t *testing.T) {
	t.Parallel()
	h, aws := keysHome(t, World())
	h.Accounts(`{"accounts": [
		{"name": "main", "account_id": "` + MainAccount + `", "credentials": {"keychain": true}},
		{"name": "twin", "account_id": "` + MainAccount + `", "credentials": {"keychain": true}},
		{"name": "dev", "role_arn": "` + DevRole + `", "source": "main"}
	]}`)
	add := h.Command("aws-accounts", "keys", "add", "twin", "--from-environment")
	add.Env = append(slices.Clone(h.Env), aws.KeyEnv(User)...)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out := h.MustRun("aws-accounts", "keys", "rotate", "main"); !strings.Contains(out, `"twin" begins with the same key`) {
		t.Errorf("it says\n%s", out)
	}
	works(t, h)
	if _, stderr, status := h.Run("aws-accounts", "assume", "twin", "--refresh"); status != 0 {
		t.Error(stderr)
	}
}

// What the account doesn't begin with isn't rotated.
func TestRotateOfAnotherBeginning(t *testing.T) {
	t.Parallel()
	h, aws := keysHome(t, World())
	h.Accounts(keysAccounts)
	_, stderr, status := h.Run("aws-accounts", "keys", "rotate", "main")
	if status != 1 || !strings.Contains(stderr, "main doesn't begin in the keychain") || len(aws.AccessKeys(User)) != 1 {
		t.Errorf("exit %d\n%s", status, stderr)
	}
}

// Deleting the old key is enough: it needs not be deactivated first. Where neither is allowed both keys stay, and the log and
// doctor tell.
func TestRotateWithoutThePermission(t *testing.T) {
	t.Parallel()
	h, aws := keysHome(t, World())
	aws.SetDenials(standin.Denial{Principal: "*", Action: "iam:UpdateAccessKey"})
	h.MustRun("aws-accounts", "keys", "rotate", "main")
	if keys := aws.AccessKeys(User); len(keys) != 1 {
		t.Fatalf("%d keys are left", len(keys))
	}
	aws.SetDenials(standin.Denial{Principal: "*", Action: "iam:UpdateAccessKey"}, standin.Denial{Principal: "*", Action: "iam:DeleteAccessKey"})
	old := aws.Key(User).ID
	if _, stderr, status := h.Run("aws-accounts", "keys", "rotate", "main"); status != 1 || !strings.Contains(stderr, old+" is still to be deleted") {
		t.Errorf("exit %d\n%s", status, stderr)
	}
	if log := h.MustRun("aws-accounts", "log"); !strings.Contains(log, "iam:DeleteAccessKey") {
		t.Errorf("the log says\n%s", log)
	}
	if out, _, _ := h.Run("aws-accounts", "doctor"); !strings.Contains(out, old+" is still to be deleted") || !strings.Contains(out, "`aws-accounts keys rotate main`") {
		t.Errorf("doctor says\n%s", out)
	}
	aws.SetDenials()
	h.MustRun("aws-accounts", "keys", "rotate", "main")
	works(t, h)
}

// Whoever had to wait for another's rotation has what he wanted.
func TestRotateTogether(t *testing.T) {
	t.Parallel()
	h, aws := keysHome(t, World())
	var all sync.WaitGroup
	for i := range 4 { // of which some come when the first has made its key, and when that is in use
		all.Go(func() {
			time.Sleep(time.Duration(i) * 700 * time.Millisecond)
			h.MustRun("aws-accounts", "keys", "rotate", "main")
		})
	}
	all.Wait()
	if keys := aws.AccessKeys(User); len(keys) != 1 || aws.Calls("CreateAccessKey") != 1 {
		t.Errorf("%d made, %v", aws.Calls("CreateAccessKey"), ids(keys))
	}
	works(t, h)
}
