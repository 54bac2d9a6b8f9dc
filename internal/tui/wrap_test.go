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
