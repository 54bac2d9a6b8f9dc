package main

import (
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTry(t *testing.T) {
	t.Setenv("TMPDIR", "/tmp") // the path is in the transcript: as short as a user's
	before := os.Environ()
	var out strings.Builder
	err := try(t.Context(), &out)
	t.Logf("%s", out.String())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(before, "\n") != strings.Join(os.Environ(), "\n") {
		t.Error("it changed its environment")
	}
	rows := 0
	for line := range strings.Lines(out.String()) {
		rows += 1 + (utf8.RuneCountInString(line)-2)/80
	}
	if rows > 60 {
		t.Errorf("%d rows of 80 columns are more than a screen", rows)
	}
	_, dir, _ := strings.Cut(out.String(), "happens in ")
	dir, _, _ = strings.Cut(dir, ",")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there", dir)
	}
	if !strings.HasSuffix(out.String(), next) {
		t.Error("it doesn't say what to do next")
	}
}
