package dotaws

import (
	"os"
	"path/filepath"
	"testing"

	"aws-accounts/internal/awsfiles"
)

func TestBackupHoldsNoSecret(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for name, test := range map[string]struct{ config, kept string }{
		"a key": {
			"[default]\naws_access_key_id = AKIA\naws_secret_access_key = marked\nregion = eu-west-1\n",
			"[default]\naws_access_key_id = AKIA\n# aws_secret_access_key is not kept in this copy\nregion = eu-west-1\n",
		},
		"a session, CRLF, no blanks, another case": {
			"[default]\r\n AWS_SESSION_TOKEN=marked\r\nregion=x\r\n", "[default]\r\n# AWS_SESSION_TOKEN is not kept in this copy\r\nregion=x\r\n",
		},
		"a value that goes on": {
			"[default]\naws_secret_access_key =\n  mar\n  ked\nregion = x", "[default]\n# aws_secret_access_key is not kept in this copy\nregion = x",
		},
		"none": {"[default]\nregion = x\n# aws_secret_access_key\n", "[default]\nregion = x\n# aws_secret_access_key\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(path, []byte(test.config), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AWS_CONFIG_FILE", path)
			backup, err := Change(t.Context(), awsfiles.Config, func([]byte) ([]byte, error) { return []byte("new"), nil })
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadFile(backup); err != nil || string(kept) != test.kept {
				t.Errorf("the backup is %q, %v", kept, err)
			}
		})
	}
}
