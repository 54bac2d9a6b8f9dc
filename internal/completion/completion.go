// Package completion completes command lines in shells: commands, flags and their values from the grammar, names of
// accounts from the accounts file.
//
// The shells' scripts know nothing but how to ask the hidden command `complete`, so that they never grow old. It must feel
// instant with 10,000 accounts: it opens no keychain, asks nobody, and doesn't parse the file.
package completion

import (
	"embed"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"aws-accounts/accounts"
)

type candidate struct{ Word, Help string }

// Complete is the hidden `aws-accounts complete SHELL -- WORD…`: the words after the program's name, the last of them the
// one to complete, maybe empty.
type Complete struct {
	Shell string   `arg:""`
	Words []string `arg:"" optional:""`
}

// Run writes a candidate a line, for zsh, fish and PowerShell with what it means behind a tab. It never fails: there would
// be nobody to read why.
func (c *Complete) Run(ctx *kong.Context, r *accounts.Reader, stdout io.Writer) error {
	words := c.Words
	if len(words) == 0 {
		words = []string{""}
	}
	last := len(words) - 1
	words[last] = strings.TrimSpace(words[last]) // PowerShell can't pass an empty word, but a blank
	list := candidates(ctx.Model.Node, words, r.Names)
	var b strings.Builder
	for _, w := range list {
		b.WriteString(w.Word)
		if c.Shell != "bash" && w.Help != "" {
			b.WriteString("\t" + w.Help)
		}
		b.WriteByte('\n')
	}
	io.WriteString(stdout, b.String())
	return nil
}

// candidates are what the last of words can become. names gives the accounts that begin with a prefix.
func candidates(root *kong.Node, words []string, names func(prefix string) []string) []candidate {
	node := root
	flags := visible(node)
	position := 0
	var value *kong.Flag // the flag whose value comes next
	last := words[len(words)-1]
	for _, w := range words[:len(words)-1] {
		switch {
		case value != nil:
			value = nil
		case w == "--":
			return nil // what follows is another program's
		case strings.HasPrefix(w, "-") && len(w) > 1:
			if name, _, has := strings.Cut(w, "="); !has {
				if f := find(flags, name); f != nil && !f.IsBool() {
					value = f
				}
			}
		default:
			if child := childOf(node, w); child != nil {
				node = child
				flags = append(flags, visible(node)...)
			} else {
				position++
			}
		}
	}

	if value != nil {
		return valuesOf(value.Value, "", last, names)
	}
	if name, rest, has := strings.Cut(last, "="); has && strings.HasPrefix(name, "-") {
		if f := find(flags, name); f != nil {
			return valuesOf(f.Value, name+"=", rest, names)
		}
		return nil
	}
	var out []candidate
	if strings.HasPrefix(last, "-") {
		for _, f := range flags {
			word := "--" + f.Name
			if strings.HasPrefix(word, last) && !slices.ContainsFunc(words[:len(words)-1], func(w string) bool { return w == word || strings.HasPrefix(w, word+"=") }) {
				out = append(out, candidate{word, f.Help})
			}
			if no := "--no-" + f.Name; f.Tag.Negatable != "" && strings.HasPrefix(no, last) {
				out = append(out, candidate{no, f.Help})
			}
		}
		return out
	}
	for _, child := range node.Children {
		if child.Type == kong.CommandNode && !child.Hidden && strings.HasPrefix(child.Name, last) {
			out = append(out, candidate{child.Name, child.Help})
		}
	}
	if n := len(node.Positional); n > 0 {
		arg := node.Positional[min(position, n-1)]
		if position < n || arg.IsCumulative() {
			out = append(out, valuesOf(arg, "", last, names)...)
		}
	}
	return out
}

func visible(n *kong.Node) []*kong.Flag {
	return slices.DeleteFunc(slices.Clone(n.Flags), func(f *kong.Flag) bool { return f.Hidden })
}

func find(flags []*kong.Flag, word string) *kong.Flag {
	for _, f := range flags {
		if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}

func childOf(n *kong.Node, word string) *kong.Node {
	for _, child := range n.Children {
		if child.Type == kong.CommandNode && (child.Name == word || slices.Contains(child.Aliases, word)) {
			return child
		}
	}
	return nil
}

// valuesOf: an argument or flag called name, names, account or source takes the name of an account.
func valuesOf(v *kong.Value, before, prefix string, names func(string) []string) (out []candidate) {
	if v.Enum != "" {
		for _, e := range strings.Split(v.Enum, ",") {
			if e = strings.TrimSpace(e); e != "" && strings.HasPrefix(e, prefix) {
				out = append(out, candidate{Word: before + e})
			}
		}
		return out
	}
	switch v.Name {
	case "name", "names", "account", "source":
		for _, n := range names(prefix) {
			out = append(out, candidate{Word: before + n})
		}
	}
	return out
}

// Command is `aws-accounts completion SHELL`: the script for a shell.
type Command struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"bash, zsh, fish or powershell."`
}

// Run writes the script.
func (c *Command) Run(stdout io.Writer) error {
	script, err := scripts.ReadFile("scripts/" + c.Shell)
	if err == nil {
		_, err = stdout.Write(script)
	}
	return err
}

// In bash's, words are read from the line, since it cuts them at = and :, and gives back only what is behind the last.
//
//go:embed scripts
var scripts embed.FS
