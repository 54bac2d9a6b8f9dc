// Command man makes the manual page of a release from what the program says with --help, so that neither says less than the
// other. It needs the program alone, which doesn't know of it.
//
//	go run ./internal/man dist/aws-accounts | man -l -
package main

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: man PROGRAM")
	}
	help := func(command ...string) ([]string, error) {
		cmd := exec.Command(args[0], append(command, "--help")...)
		cmd.Env = append(os.Environ(), "COLUMNS=72") // and the indentation
		out, err := cmd.Output()
		return strings.Split(strings.TrimSpace(string(out)), "\n\n"), err
	}
	top, err := help()
	if err != nil {
		return err
	}
	var page page
	page.macro("TH", "AWS-ACCOUNTS", "1", "", "aws-accounts", "User Commands")
	page.macro("SH", "NAME")
	page.block("aws-accounts - " + top[1])
	page.macro("SH", "SYNOPSIS")
	page.block("aws-accounts COMMAND [ARGUMENT…] [FLAG…]")
	var flags, names string
	for _, block := range top {
		if title, list, _ := strings.Cut(block, "\n"); title == "Flags:" {
			flags = block
			page.macro("SH", "FLAGS OF ALL COMMANDS")
			page.block(list)
		} else if title == "Commands:" {
			names = list
		}
	}
	page.macro("SH", "COMMANDS")
	for line := range strings.Lines(names) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "  "), "  ")
		if name = strings.TrimSpace(name); name == "" { // the second line of what the command does
			continue
		}
		blocks, err := help(strings.Fields(name)...)
		if err != nil {
			return err
		}
		page.macro("SS", strings.TrimSuffix(strings.TrimPrefix(blocks[0], "Usage: "), " [flags]"))
		for _, block := range blocks[1:] {
			if block != flags {
				page.block(block)
			}
		}
	}
	page.WriteString(rest)
	_, err = os.Stdout.WriteString(page.String())
	return err
}

// rest is what no command's help is about.
//
//go:embed rest.1
var rest string

// page is in the macros of man(7), which groff and mandoc read.
type page struct{ strings.Builder }

func (p *page) macro(name string, arguments ...string) {
	p.WriteString("." + name)
	for _, a := range arguments {
		p.WriteString(` "` + strings.ReplaceAll(escaped(a), `"`, `\(dq`) + `"`)
	}
	p.WriteByte('\n')
}

// block is a paragraph, or lines that stay as they are if some of them are indented.
func (p *page) block(text string) {
	begin, end := ".PP\n", ""
	if strings.HasPrefix(text, " ") || strings.Contains(text, "\n ") {
		begin, end = ".PP\n.nf\n", ".fi\n"
	}
	p.WriteString(begin)
	for line := range strings.SplitSeq(text, "\n") {
		p.WriteString(`\&` + escaped(line) + "\n")
	}
	p.WriteString(end)
}

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
