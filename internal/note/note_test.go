package note

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNotes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	var got map[string]int
	if Read(dir, "n", &got) {
		t.Error("read a note that isn't there")
	}
	Write(dir, "n", map[string]int{"a": 1})
	if !Read(dir, "n", &got) || got["a"] != 1 {
		t.Errorf("%v", got)
	}
	os.WriteFile(filepath.Join(dir, "n"), []byte(`{"a":`), 0o600)
	if Read(dir, "n", &got) {
		t.Error("read half a note")
	}
	Remove(dir, "n")
	if Read(dir, "n", &got) {
		t.Error("removed, and still there")
	}
}

func TestWithoutAFolderThereAreNone(t *testing.T) {
	t.Chdir(t.TempDir())
	Write("", "n", 1)
	var got int
	if Read("", "n", &got) {
		t.Error("read a note from the current folder")
	}
	if entries, _ := os.ReadDir("."); len(entries) > 0 {
		t.Errorf("the current folder holds %v", entries)
	}
}
