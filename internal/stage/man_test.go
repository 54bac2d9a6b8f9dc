package stage

import (
	"os/exec"
	"strings"
	"testing"
)

// The manual page has every command, and nothing that groff warns of.
func TestManualPage(t *testing.T) {
	t.Parallel()
	groff, err := exec.LookPath("groff")
	if err != nil {
		without(t, "man", "groff isn't on PATH")
	}
	page, err := exec.Command(Binary(t), "man").Output()
	if err != nil {
		t.Fatal(err)
	}
	rendered := func(width string) string {
		cmd := exec.Command(groff, "-ww", "-man", "-Tutf8", "-P-c", "-rLL="+width)
		cmd.Stdin = strings.NewReader(string(page))
		var warnings strings.Builder
		cmd.Stderr = &warnings
		shown, err := cmd.Output()
		if err != nil || warnings.Len() > 0 {
			t.Errorf("%v\n%s", err, &warnings)
		}
		return plain(string(shown))
	}
	text := strings.Join(strings.Fields(rendered("80n")), " ")
	lines := map[string]bool{}
	for line := range strings.SplitSeq(rendered("200n"), "\n") {
		lines[strings.TrimRight(line, " ")] = true
	}
	examples := 0
	help, err := exec.Command(Binary(t), "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, commands, _ := strings.Cut(string(help), "Commands:\n")
	found := 0
	for line := range strings.SplitSeq(commands, "\n") {
		name, _, isCommand := strings.Cut(strings.TrimSpace(line), "  ")
		if !isCommand || !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "   ") {
			continue
		}
		found++
		name, _, _ = strings.Cut(name, " [")
		name, _, _ = strings.Cut(name, " <")
		if !strings.Contains(text, "aws-accounts "+name) {
			t.Errorf("%q isn't in it", name)
		}
		help, err := exec.Command(Binary(t), append(strings.Fields(name), "--help")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		detail, _, _ := strings.Cut(string(help), "\nFlags:\n")
		detail, _, _ = strings.Cut(detail, "\nArguments:\n")
		for line := range strings.SplitSeq(detail, "\n") {
			if !strings.HasPrefix(line, "    ") {
				continue
			}
			const codeAt = "         " // a paragraph of a command's begins two columns before
			if examples++; !lines[codeAt+strings.TrimRight(line[4:], " ")] {
				t.Errorf("%s: the example %q isn't a line of it", name, strings.TrimSpace(line))
			}
		}
	}
	if found < 20 || examples < 60 {
		t.Errorf("--help has only %d commands, with %d lines of examples", found, examples)
	}
	for _, want := range []string{"aws-accounts exec -- aws sts get-caller-identity # choose the account", "eval \"$(aws-accounts env dev)\"", "[profile dev]", "ARGUMENT…"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q isn't in it", want)
		}
	}
}

// plain is a text without overstriking, which is how grotty -c writes bold.
func plain(text string) string {
	var out []rune
	for _, r := range text {
		if r == '\b' {
			out = out[:len(out)-1]
			continue
		}
		out = append(out, r)
	}
	return string(out)
}
