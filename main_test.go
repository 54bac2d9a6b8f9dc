package main

import (
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func leaves(t *testing.T) (*kong.Kong, []*kong.Node) {
	t.Helper()
	parser, err := kong.New(&grammar{}, kong.Name("aws-accounts"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}), kong.PostBuild(explain))
	if err != nil {
		t.Fatal(err)
	}
	return parser, parser.Model.Leaves(true)
}

// What --help shows can be typed as it is.
func TestGrammarOfExamples(t *testing.T) {
	for _, text := range examples(t) {
		parser, _ := leaves(t)
		if _, err := parser.Parse(text.words); err != nil {
			t.Errorf("%s --help: %q: %v", text.command, text.words, err)
		}
	}
}

// Each command but the plainest has examples, and its help fits on a terminal of 80 columns.
func TestHelp(t *testing.T) {
	has := map[string]bool{"aws-accounts version": true}
	for _, text := range examples(t) {
		has[text.command] = true
	}
	_, all := leaves(t)
	for _, section := range regexp.MustCompile(`(?m)^# (.*)`).FindAllStringSubmatch(help, -1) {
		if !slices.ContainsFunc(all, func(leaf *kong.Node) bool { return leaf.Path() == section[1] }) {
			t.Errorf("help.txt explains %s, which is no command", section[1])
		}
	}
	for _, leaf := range all {
		if !has[leaf.FullPath()] {
			t.Errorf("%s has no example", leaf.FullPath())
		}
		if strings.HasPrefix(leaf.Detail, " ") {
			t.Errorf("%s: kong takes the blanks away that its help begins with", leaf.FullPath())
		}
		for line := range strings.SplitSeq(leaf.Detail, "\n") {
			if strings.HasPrefix(line, "  ") && len([]rune(line)) > 78 { // kong indents it by two more
				t.Errorf("%s: %q is too wide by %d", leaf.FullPath(), line, len([]rune(line))-78)
			}
		}
	}
}

type example struct {
	command string // that has it in its help
	words   []string
}

var begins = regexp.MustCompile(`(?:^|[ (!/])aws-accounts `)

func examples(t *testing.T) (found []example) {
	_, all := leaves(t)
	for _, leaf := range all {
		detail := strings.ReplaceAll(leaf.Detail, "\\\n", "")
		for line := range strings.SplitSeq(detail, "\n") {
			if !strings.HasPrefix(line, "  ") {
				continue
			}
			for _, at := range begins.FindAllStringIndex(line, -1) {
				found = append(found, example{leaf.FullPath(), words(line[at[1]:])})
			}
		}
	}
	if len(found) < 50 {
		t.Errorf("only %d examples were found", len(found))
	}
	return found
}

// words are those of a command line of sh up to what isn't the command's own any more.
func words(line string) (words []string) {
	var word strings.Builder
	quote, inside := rune(0), false
	end := func() {
		if inside {
			words = append(words, word.String())
		}
		word.Reset()
		inside = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case r == ' ':
			end()
		case strings.ContainsRune("|>&;)", r), r == '#' && !inside:
			end()
			return words
		default:
			inside = true
			word.WriteRune(r)
		}
	}
	end()
	return words
}
