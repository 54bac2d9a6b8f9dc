package ask

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cmd.exe gets mfa_process and passphrase_command as they are written, quotes and all.
func TestCommandOfCmd(t *testing.T) {
	script := filepath.Join(t.TempDir(), "with blanks.bat")
	if err := os.WriteFile(script, []byte("@echo off\r\necho code %1\r\necho more\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &Asker{Never: true}
	for command, want := range map[string]string{
		"echo 123456":            "123456",
		"echo one& echo two":     "one",
		`"` + script + `" "1 2"`: `code "1 2"`,
	} {
		if got, err := a.Command(t.Context(), command); got != want || err != nil {
			t.Errorf("%s: %q, %v", command, got, err)
		}
	}
	for command, want := range map[string]string{
		"exit 3":                "exit status 3",
		"no-such-program --now": "command not found",
		"rem":                   "printed nothing",
	} {
		if got, err := a.Command(t.Context(), command); got != "" || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", command, got, err)
		}
	}
}
