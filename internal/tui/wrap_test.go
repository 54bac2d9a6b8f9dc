package tui

import (
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, []string{""}},
		{"no limit at all", 0, []string{"no limit at all"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"  one   two ", 7, []string{"one two"}},
		{"a/path/that/is/long ok", 5, []string{"a/path/that/is/long", "ok"}},
		{"then type `one two`, and so on", 12, []string{"then type", "`one two`,", "and so on"}},
		{"(`one two`) three", 11, []string{"(`one two`)", "three"}},
		{"type `one two three four`", 10, []string{"type `one", "two three", "four`"}},
		{"an odd ` mark", 6, []string{"an odd", "` mark"}},
		{"日本 日本", 5, []string{"日本", "日本"}},
	} {
		if got := Wrap(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q at %d: %q", c.text, c.width, got)
		}
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 10, ""},
		{"  file     as it is,  without a limit\n", 0, "  file     as it is,  without a limit\n"},
		{"one two three\n\n", 7, "one two\nthree\n\n"},
		{"open this:\n\n  https://corp.example/device?code=AB\n", 12, "open this:\n\nhttps://corp.example/device?code=AB\n"},
		{"left   [profile x] in line 3", 20, "left   [profile x]\n       in line 3"},
		{"  file     under a passphrase\n  pass     gpg", 24, "  file     under a\n           passphrase\n  pass     gpg"},
		{"changed  ~/.aws/config is it", 14, "changed\n~/.aws/config\nis it"},
		{"a-long-label  and its text", 12, "a-long-label\nand its text"},
		{"one two", 1, "one\ntwo"},
	} {
		if got := Fold(c.text, c.width); got != c.want {
			t.Errorf("%q at %d: %q", c.text, c.width, got)
		}
	}
}
