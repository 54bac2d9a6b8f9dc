package stage

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The manual page of a release has every command with its examples and flags, and nothing that groff warns of.
func TestManualPage(t *testing.T) {
	t.Parallel()
	groff, err := exec.LookPath("groff")
	if err != nil {
		without(t, "man", "groff isn't on PATH")
	}
	page, err := exec.Command("go", "run", "aws-accounts/internal/man", Binary(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	help := func(command ...string) string {
		cmd := exec.Command(Binary(t), append(command, "--help")...)
		cmd.Env = append(os.Environ(), "COLUMNS=72") // as in the page
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
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
	_, commands, _ := strings.Cut(help(), "Commands:\n")
	found, indented := 0, 0
	for line := range strings.SplitSeq(commands, "\n") {
		name, _, isCommand := strings.Cut(strings.TrimSpace(line), "  ")
		if !isCommand || !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "   ") {
			continue
		}
		found++
		if !strings.Contains(text, "aws-accounts "+name) {
			t.Errorf("%q isn't in it", name)
		}
		for line := range strings.SplitSeq(help(strings.Fields(name)...), "\n") {
			if !strings.HasPrefix(line, "  ") {
				continue
			}
			const paragraph = "       " // begins there
			if indented++; !lines[paragraph+strings.TrimRight(line, " ")] {
				t.Errorf("%s: %q isn't a line of it", name, strings.TrimSpace(line))
			}
		}
	}
	if found < 20 || indented < 300 {
		t.Errorf("--help has only %d commands, with %d lines of examples and flags", found, indented)
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
