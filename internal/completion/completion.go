// Package completion completes command lines in shells: commands, flags and their values from the grammar, names of
// accounts from the accounts file.
//
// The shells' scripts know nothing but how to ask the hidden command `complete`, so that they never grow old. It must feel
// instant with 10,000 accounts: it opens no keychain, asks nobody, and doesn't parse the file.
package completion

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
)

// candidate is a word that could stand there, and what it means.
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

// Help is shown by `completion -h`.
func (*Command) Help() string {
	return `Each for the start-up file of its shell:

  eval "$(aws-accounts completion bash)"       # ~/.bashrc
  eval "$(aws-accounts completion zsh)"        # ~/.zshrc, below compinit
  aws-accounts completion fish | source        # ~/.config/fish/config.fish

and for PowerShell in $PROFILE:

  aws-accounts completion powershell | Out-String | Invoke-Expression`
}

// Run writes the script.
func (c *Command) Run(stdout io.Writer) error {
	script, ok := scripts[c.Shell]
	if !ok {
		return hint.New(fmt.Errorf("no completion for %q", c.Shell), "`aws-accounts completion bash`, zsh, fish or powershell")
	}
	_, err := io.WriteString(stdout, script)
	return err
}

var scripts = map[string]string{"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}

// Bash cuts words at = and :, and gives back only what is behind the last of them. That is undone by reading the line.
const bash = `_aws_accounts() {
  local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT} words cur cut
  IFS=$' \t' read -r -a words <<< "$line"
  [[ $line == *[[:blank:]] ]] && words+=("")
  cur=${words[${#words[@]}-1]}
  COMPREPLY=($("${words[0]}" complete bash -- "${words[@]:1}" 2>/dev/null))
  if [[ $cur == *=* && $COMP_WORDBREAKS == *=* ]]; then
    cut=${cur%"${cur##*=}"}
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
  fi
}
complete -o default -F _aws_accounts aws-accounts
`

const zsh = `#compdef aws-accounts
_aws_accounts() {
  local -a lines words_ helps
  local line
  lines=("${(@f)$("${words[1]}" complete zsh -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    words_+=("${line%%$'\t'*}")
    helps+=("${line/$'\t'/  -- }")
  done
  (( $#words_ )) && compadd -d helps -a words_ || _files
}
if [ "$funcstack[1]" = "_aws_accounts" ]; then _aws_accounts "$@"; else compdef _aws_accounts aws-accounts; fi
`

const fish = `function __aws_accounts_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] complete fish -- $words[2..-1] 2>/dev/null
end
complete -c aws-accounts -f -a '(__aws_accounts_complete)'
`

const powershell = `Register-ArgumentCompleter -Native -CommandName aws-accounts, aws-accounts.exe -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | ForEach-Object { $_.Extent.Text })
  $rest = @($words | Select-Object -Skip 1)
  if ($wordToComplete -eq '') { $rest += ' ' }
  & $words[0] complete powershell -- @rest 2>$null | ForEach-Object {
    $word, $help = $_ -split "` + "`" + `t", 2
    if (-not $help) { $help = $word }
    [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $help)
  }
}
`
