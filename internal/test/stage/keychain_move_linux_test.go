package stage

import (
	"strings"
	"testing"
)

// From the desktop's keychain to encrypted files and back, by one command each; the session is the same throughout.
func TestKeychainMove(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	var env []string
	for _, v := range Keyring(t).Env() {
		if !strings.HasPrefix(v, "AWS_ACCOUNTS_KEYCHAIN=") { // the accounts file is to choose
			env = append(env, v)
		}
	}
	h := NewHome(t, aws, env...)
	h.Accounts(stageAccounts)
	h.MustRun("aws-accounts", "keys", "import", "--remove")
	first := h.MustRun("aws-accounts", "process", "dev")
	for _, move := range [][]string{
		{"--to=file", "--passphrase-command=echo CORRECTHORSEBATTERYSTAPLEZ"},
		{"--to=secret-service"},
	} {
		out := h.MustRun("aws-accounts", append([]string{"keychain", "move"}, move...)...)
		if !strings.Contains(out, ": 1 access key, ") {
			t.Errorf("%s", out)
		}
		if h.MustRun("aws-accounts", "process", "dev") != first {
			t.Errorf("%s: another session", move)
		}
		h.MustRun("aws-accounts", "whoami", "main")
		if err := NoSecrets(h.Dir, aws); err != nil {
			t.Error(err)
		}
	}
	if n := aws.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d AssumeRole calls", n)
	}
}
