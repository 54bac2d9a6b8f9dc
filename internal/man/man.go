// Package man makes the manual page from what --help says, so that neither says less than the other.
package man

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// Command is the hidden `aws-accounts man`: writes the page, for whoever packages the program.
//
//	aws-accounts man | man -l -
type Command struct{}

// Run writes it in the macros of man(7), which groff and mandoc read.
func (Command) Run(ctx *kong.Context, stdout io.Writer) error {
	_, err := io.WriteString(stdout, page(ctx.Model))
	return err
}

func page(app *kong.Application) string {
	p := &printer{}
	p.macro("TH", strings.ToUpper(app.Name), "1", "", app.Name, "User Commands")
	p.macro("SH", "NAME")
	p.text(app.Name + " - " + app.Help)
	p.macro("SH", "SYNOPSIS")
	p.bold(app.Name, "COMMAND [ARGUMENT…] [FLAG…]")
	p.macro("SH", "FLAGS OF ALL COMMANDS")
	p.flags(app.Flags)
	p.macro("SH", "COMMANDS")
	p.commands(app.Node)
	p.macro("SH", "EXIT STATUS")
	p.text("0 for success, 1 for a failure, 2 for wrong usage, 130 if you chose no account; of exec the command's own, 127 if it isn't found, and 126 if it can't be started.")
	p.macro("SH", "ENVIRONMENT")
	for _, v := range variables {
		p.macro("TP")
		p.bold(v.name, "")
		p.text(v.what)
	}
	p.macro("SH", "FILES")
	for _, f := range files {
		p.macro("TP")
		p.bold(f.name, "")
		p.text(f.what)
	}
	p.macro("SH", "SEE ALSO")
	p.text("aws(1), https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html")
	return p.String()
}

// What no command's help is about.
var variables = []struct{ name, what string }{
	{"AWS_ACCOUNTS_FILE", "The accounts file, where --accounts-file isn't given."},
	{"AWS_ACCOUNTS_KEYCHAIN", "The keychain: secret-service, kwallet, keyctl, pass, file, keychain or wincred. It goes before what the accounts file chooses."},
	{"AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE", "The passphrase of the keychain file."},
	{"AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE", "The files of the AWS CLI, where they aren't in ~/.aws."},
	{"XDG_CONFIG_HOME, XDG_STATE_HOME", "Where the files below are, instead of ~/.config and ~/.local/state."},
	{"NO_COLOR", "If it is set, there is no colour."},
}

var files = []struct{ name, what string }{
	{"~/.config/aws-accounts/accounts.json", "The accounts file. aws-accounts schema describes it."},
	{"~/.aws/config", "The profiles that setup writes."},
	{"~/.local/state/aws-accounts/access_log.jsonl", "The access log, which aws-accounts log shows."},
}

type printer struct{ strings.Builder }

func (p *printer) commands(node *kong.Node) {
	for _, c := range node.Children {
		if c.Hidden || c.Type != kong.CommandNode {
			continue
		}
		if len(c.Children) == 0 {
			p.command(c)
		}
		p.commands(c)
	}
}

func (p *printer) command(c *kong.Node) {
	arguments := ""
	for _, a := range c.Positional {
		arguments += " " + strings.ReplaceAll(strings.ToUpper(a.Summary()), " ...", "…")
	}
	p.macro("SS", strings.TrimSpace(c.FullPath()+strings.NewReplacer("<", "", ">", "").Replace(arguments)))
	p.text(c.Help)
	p.detail(c.Detail)
	for _, a := range c.Positional {
		p.macro("TP")
		p.bold(strings.ToUpper(a.Name), "")
		p.text(a.Help)
	}
	p.flags(c.Flags)
}

func (p *printer) flags(flags []*kong.Flag) {
	for _, f := range flags {
		if f.Hidden {
			continue
		}
		name := "--" + f.Name
		if f.Tag.Negatable != "" {
			name = "--[no-]" + f.Name
		}
		if !f.IsBool() {
			name += "=" + f.FormatPlaceHolder()
		}
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", " + name
		}
		p.macro("TP")
		p.bold(name, "")
		p.text(f.Help)
	}
}

// detail writes a text whose indented lines stand as they are.
func (p *printer) detail(text string) {
	verbatim, blank := false, true
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		indented := strings.HasPrefix(line, "  ")
		switch {
		case line == "":
			blank = true
			continue
		case indented && !verbatim:
			p.WriteString(".PP\n.RS 2\n.nf\n")
		case indented && blank:
			p.WriteString(".sp\n")
		case verbatim && !indented:
			p.WriteString(".fi\n.RE\n.PP\n")
		case blank:
			p.WriteString(".PP\n")
		}
		verbatim, blank = indented, false
		p.text(strings.TrimPrefix(line, "  "))
	}
	if verbatim {
		p.WriteString(".fi\n.RE\n")
	}
}

func (p *printer) macro(name string, arguments ...string) {
	p.WriteString("." + name)
	for _, a := range arguments {
		p.WriteString(` "` + strings.ReplaceAll(escaped(a), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

func (p *printer) bold(text, plain string) {
	p.WriteString(`\fB` + escaped(text) + `\fR ` + escaped(plain) + "\n")
}

func (p *printer) text(line string) { p.WriteString(`\&` + escaped(line) + "\n") }

// escaped is text as it is: a backslash, and a hyphen that one may copy, have names of their own, and so has what isn't ASCII.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\\':
			b.WriteString(`\e`)
		case strings.ContainsRune("-'`^~", r):
			b.WriteString(map[rune]string{'-': `\-`, '\'': `\(aq`, '`': `\(ga`, '^': `\(ha`, '~': `\(ti`}[r])
		case r > '~':
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
