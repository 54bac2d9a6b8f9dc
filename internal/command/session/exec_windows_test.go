package session

import (
	"os"
	"path/filepath"
	"testing"
)

// A program in the current folder is not the one that PATH leads to.
func TestCurrentFolderIsNotSearched(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "terraform.exe"), []byte("MZ"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("PATH", filepath.Join(dir, "elsewhere"))
	if path, err := findCommand("terraform"); err == nil {
		t.Errorf("found %s", path)
	}
	if _, err := findCommand(`.\terraform`); err != nil {
		t.Errorf("named with its folder: %v", err)
	}
	t.Setenv("PATH", ".")
	if _, err := findCommand("terraform"); err != nil {
		t.Errorf("PATH has the current folder: %v", err)
	}
	if _, set := os.LookupEnv("NoDefaultCurrentDirectoryInExePath"); set {
		t.Error("the command would get a variable of ours")
	}
}
