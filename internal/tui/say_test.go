package tui

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"aws-accounts/internal/hint"
)

// Paths are written as people write them, where a shell takes that too.
func TestTilde(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("USERPROFILE", filepath.FromSlash("/home/me"))
	for text, want := range map[string]string{
		"/home/me/x":                           "~/x",
		"/home/me":                             "/home/me",
		"/home/meadow/x":                       "/home/meadow/x",
		"reading /home/me/a.json: it is":       "reading ~/a.json: it is",
		"`ls -ld /home/me/a` shows":            "`ls -ld ~/a` shows",
		"--accounts-file=/home/me/a":           "--accounts-file=~/a",
		"ls '/home/me/my file' /home/me/b":     "ls '/home/me/my file' ~/b",
		"/srv/home/me/x (/home/me/y)":          "/srv/home/me/x (~/y)",
		"/home/me/home/me/x":                   "~/home/me/x",
		"/home/me/a.json:2:3: and\n/home/me/b": "~/a.json:2:3: and\n~/b",
	} {
		text, want = filepath.FromSlash(text), filepath.FromSlash(want)
		if got := Tilde(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestFail(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("USERPROFILE", filepath.FromSlash("/home/me"))
	var b strings.Builder
	path := filepath.FromSlash("/home/me/")
	Fail(&b, hint.New(errors.New("reading "+path+"a.json\nand \x1b[31m"), "`aws-accounts init` makes %sa.json", path), hint.Flags("--accounts-file="+path+"b"))
	want := filepath.FromSlash("aws-accounts: reading ~/a.json\nand ?[31m\nhint: `aws-accounts --accounts-file=~/b init` makes ~/a.json\n")
	if b.String() != want {
		t.Errorf("says\n%s", b.String())
	}
}
