// Package usage understands what people type: what they mean by a command line that the grammar doesn't have, and what is wrong
// with one that nobody can mean, in one voice.
package usage

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// Meant is the command line that is meant: `help COMMAND` is `COMMAND --help`, and `ls` is `list`.
func Meant(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(Meant(args[1:]), "--help")
	case args[0] == "ls":
		return append([]string{"list"}, args[1:]...)
	}
	return args
}

// said are kong's texts, as regular expressions, and ours for the same. A test tries each.
var said = [][2]string{
	{`^unexpected argument (.*?)(?:, did you mean .*)?$`, `unexpected argument "$1"`},
	{`^unknown flag (\S+), did you mean (.*)\?$`, `unknown flag $1: did you mean $2?`},
	{`^expected one of (.*)$`, `which command? one of $1`},
	{`^expected "<name>.*"$`, `which account?`},
	{`^expected "<([\w-]+)>.*"$`, `which $1?`},
	{`^missing flags: (.*)$`, `$1 is missing`},
	{`^(--[\w-]+): expected .* but got "EOL".*$`, `$1 needs a value`},
	{`^(--[\w-]+): expected a valid .* but got (".*?").*$`, `$1 is a number, not $2`},
	{`^(--[\w-]+): bool value must be .* but got (".*?").*$`, `$1 can be true or false, not $2`},
	{`^(?:<([\w-]+)>|(--\S+?)(?:=\S+)?) must be one of (.*) but got (".*")$`, `$1$2 can be $3, not $4`},
}

// Explain says what is wrong with a command line, and one next step. names are the accounts that begin with a prefix.
func Explain(err error, names func(prefix string) []string) error {
	program := "aws-accounts"
	var node *kong.Node
	if p, ok := errors.AsType[*kong.ParseError](err); ok {
		node = cmp.Or(p.Context.Selected(), p.Context.Model.Node)
		program = node.FullPath()
	}
	text := err.Error()
	for _, s := range said {
		if kongs := regexp.MustCompile(s[0]); kongs.MatchString(text) {
			text = strings.ReplaceAll(kongs.ReplaceAllString(text, s[1]), `,""`, "")
			text = strings.ReplaceAll(text, `","`, `", "`)
			break
		}
	}
	if word, ok := strings.CutPrefix(text, "unexpected argument "); ok && node != nil && len(node.Children) > 0 {
		return unknown(strings.Trim(word, `"`), node, names)
	}
	if text == "which account?" {
		return hint.Usage(errors.New(text), "`aws-accounts list` shows the names")
	}
	return hint.Usage(errors.New(tui.Harmless(text)), "`%s --help` shows how", program)
}

// unknown is for a word where a command should be.
func unknown(word string, node *kong.Node, names func(prefix string) []string) error {
	isAccount := func(name string) bool { return strings.EqualFold(name, word) }
	if node.Type == kong.ApplicationNode && slices.ContainsFunc(names(word), isAccount) {
		return hint.Usage(fmt.Errorf("%s is an account, and no command says what to do with it", tui.Quote(word)),
			"`aws-accounts assume %s` gets its session; exec, env and console use it", word)
	}
	var commands []string
	for _, c := range node.Children {
		if !c.Hidden {
			commands = append(commands, c.Name)
		}
	}
	meant := accounts.DidYouMean(word, commands)
	for _, leaf := range node.Leaves(true) {
		if leaf.Name == word { // it is there, one level down
			meant = ": did you mean " + tui.Quote(strings.TrimPrefix(leaf.FullPath(), node.FullPath()+" ")) + "?"
		}
	}
	err := fmt.Errorf("unknown command %s%s", tui.Quote(word), meant)
	if node.Type == kong.CommandNode {
		err = fmt.Errorf("%s: %w", node.Name, err)
	}
	return hint.Usage(err, "`%s --help` shows the commands", node.FullPath())
}
