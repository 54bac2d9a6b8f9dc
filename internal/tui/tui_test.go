package tui

import (
	"strings"
	"testing"
)

func table() *Table {
	return &Table{Header: []string{"NAME", "EMPTY", "ROLE", "DESCRIPTION"}, Shrink: []int{3, 2}, Rows: [][]Cell{
		{{Text: "dev", Style: Bold}, {}, {Text: "Administrator"}, {Text: "Development"}},
		{{Text: "日本"}, {}, {Text: "Ä"}, {Text: "with\x1b[31m colour\nand\u202ereversed"}},
	}}
}

func TestTableFitsTheScreen(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "NAME  ROLE           DESCRIPTION\ndev   Administrator  Development\n日本  Ä              with?[31m colour?and?reversed\n"},
		{40, "NAME  ROLE           DESCRIPTION\ndev   Administrator  Development\n日本  Ä              with?[31m colour?a…\n"},
		{25, "NAME  ROLE\ndev   Administrator\n日本  Ä\n"},
		{12, "NAME  ROLE\ndev   Admin…\n日本  Ä\n"},
		{5, "NAME\ndev\n日本\n"},
		{3, "dev\n  …\n  …\n日本\n  Ä\n  …\n"},
	} {
		var b strings.Builder
		if err := table().Write(&b, Screen{Width: c.width}); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("at %d:\n%s\nwant\n%s", c.width, b.String(), c.want)
		}
	}
}

func TestTableTellsAllOnANarrowScreen(t *testing.T) {
	for _, c := range []struct {
		width, above int
		want         string
	}{
		{0, 0, "TIME   NAME     WHAT                                          BY\n12:00  main     ok                                            aws\n12:01  dev-one  not allowed to assume a role in this account  aws\n"},
		{80, 0, "TIME   NAME     WHAT                                          BY\n12:00  main     ok                                            aws\n12:01  dev-one  not allowed to assume a role in this account  aws\n"},
		{50, 0, "TIME   NAME     WHAT\n12:00  main     ok\n12:01  dev-one  not allowed to assume a role in\n                this account\n"},
		{50, 1, "12:01  dev-one  not allowed to assume a role in\n                this account\n"},
		{30, 0, "12:00\n  main\n  ok\n  aws\n12:01\n  dev-one\n  not allowed to assume a role\n  in this account\n  aws\n"},
		{12, 1, "12:01\n  dev-one\n  not\n  allowed to\n  assume a\n  role in\n  this\n  account\n  aws\n"},
	} {
		table := &Table{Header: []string{"TIME", "NAME", "WHAT", "BY"}, Shrink: []int{3, 2}, Wrap: 2, Above: c.above, Rows: [][]Cell{
			{{Text: "12:00"}, {Text: "main"}, {Text: "ok"}, {Text: "aws"}},
			{{Text: "12:01"}, {Text: "dev-one"}, {Text: "not allowed to assume a role in this account"}, {Text: "aws"}},
		}}
		var b strings.Builder
		if err := table.Write(&b, Screen{Width: c.width}); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("at %d:\n%s\nwant\n%s", c.width, b.String(), c.want)
		}
	}
}

func TestColourOnlyWhereItShows(t *testing.T) {
	var b strings.Builder
	table().Write(&b, Screen{Width: 80, Colour: true})
	if !strings.Contains(b.String(), "\x1b[1mdev\x1b[0m") {
		t.Errorf("%q", b.String())
	}
	if ScreenOf(&b) != (Screen{}) {
		t.Error("a buffer is no terminal")
	}
}

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"plain Ünïcödé 日本":             "plain Ünïcödé 日本",
		"\x1b]0;title\a\r\n\t":         "?]0;title????",
		"a\u202eb\u2066c\u200bd\ufffd": "a?b?cd?",
		"\u2028x\u0085":                "x?",
	} {
		if got := Harmless(in); got != want {
			t.Errorf("Harmless(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("日本語", 3)
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 1 || most > 1000 {
			return
		}
		if got := Cut(s, most); Width(got) > most {
			t.Errorf("Cut(%q, %d) = %q", s, most, got)
		}
	})
}
