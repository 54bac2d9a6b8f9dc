package session

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What a session has in it, and what cmd.exe could take for more than text, without what it is refused for.
func TestCmdUnderstands(t *testing.T) {
	const value = "IQoJ/+b3Jp==&calc|<>(x) 'y' ~*?"
	forms := Forms{Shell: "cmd"}
	write, err := forms.writer()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := write(&b, []string{"GONE", "NEVER"}, []variable{{"V", value}}); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "x.bat")
	if err := os.WriteFile(script, []byte("@echo off\r\n"+strings.ReplaceAll(b.String(), "\n", "\r\n")+"set\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cmd.exe", "/D", "/C", script)
	cmd.Env = append(os.Environ(), "GONE=here")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n")
	has := map[string]bool{}
	for _, l := range lines {
		name, _, _ := strings.Cut(l, "=")
		has[l], has[name] = true, true
	}
	if !has["V="+value] || has["GONE"] || has["NEVER"] {
		t.Errorf("%q", lines)
	}
}
