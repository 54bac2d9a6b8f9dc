package stage

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-accounts/internal/test/standin"
)

const fiveProfiles = `[default]
region = eu-west-1

[profile dev]
role_arn = ` + DevRole + `
source_profile = default

[profile dev-long]
role_arn = ` + DevRole + `
source_profile = default
duration_seconds = 7200

[profile prod]
role_arn = ` + ProdRole + `
source_profile = default

[profile prod-chained]
role_arn = ` + ProdRole + `
source_profile = dev

[profile onward]
role_arn = ` + OnwardRole + `
source_profile = dev
`

// From plaintext keys and five role profiles to a session of dev, by three times Enter and a keychain that is the desktop's.
func TestInitAsks(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, Keyring(t).Env()...)
	h.Write(".aws/config", fiveProfiles)
	cmd := h.Command("aws-accounts", "init")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "Take over 5 profiles? [Y/n] ", "")
	terminal.answer(t, "Move the access key of default into the keychain? [Y/n] ", "")
	terminal.answer(t, "Region to work in, like eu-west-1 (Enter: none): ", "")
	terminal.answer(t, "Your user has the MFA device alice. Ask for its code every 12 hours, for main and all its roles? [y/N] ", "")
	terminal.answer(t, "Write all this? [Y/n] ", "")
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	if !strings.Contains(stdout.String(), "Keychain secret-service works.") || !strings.HasSuffix(stdout.String(), "Try:\n\n  aws s3 ls --profile dev\n") {
		t.Errorf("%s", &stdout)
	}
	for _, name := range []string{"main", "dev", "dev-long", "prod", "prod-chained", "onward"} {
		h.MustRun("aws-accounts", "process", name)
	}
	if h.MustRun("cat", ".aws/credentials") != "" {
		t.Error("there is something left in ~/.aws/credentials")
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// The user's own device is found, where none of his profiles names it.
func TestInitFindsTheDevice(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Write(".aws/config", strings.ReplaceAll(fiveProfiles, "region", "#region"))
	cmd := h.Command("aws-accounts", "init", "--region=eu-west-1")
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "Take over 5 profiles? [Y/n] ", "")
	terminal.answer(t, "Move the access key of default into the keychain? [Y/n] ", "")
	terminal.answer(t, "for main and all its roles? [y/N] ", "y")
	terminal.answer(t, "Write all this? [Y/n] ", "")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(h.Dir, ".config", "aws-accounts", "accounts.json")); err != nil || !strings.Contains(string(data), `"mfa_serial": "`+MFASerial+`"`) {
		t.Errorf("%v\n%s", err, data)
	}
	if _, errs, status := h.Run("aws-accounts", "assume", "dev", "--mfa-code="+aws.MFACode(MFASerial)); status != 0 {
		t.Error(errs)
	}
}

// Enter takes the offer of one code for all roles.
func TestInitAsksForOneCode(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Write(".aws/config", strings.ReplaceAll(fiveProfiles, "source_profile = default\n", "source_profile = default\nmfa_serial = "+MFASerial+"\n"))
	cmd := h.Command("aws-accounts", "init", "--no-import-keys")
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "Take over 5 profiles? [Y/n] ", "")
	terminal.answer(t, "all 3 roles, instead of one for each role and hour? [Y/n] ", "")
	terminal.answer(t, "Region to work in, like eu-west-1 (Enter: none): ", "")
	terminal.answer(t, "Write all this? [Y/n] ", "")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if out := h.MustRun("cat", ".config/aws-accounts/accounts.json"); strings.Count(out, "mfa_serial") != 1 {
		t.Error(out)
	}
}

// Nothing is written before the last answer.
func TestInitNo(t *testing.T) {
	t.Parallel()
	aws := standin.Start(t, World())
	h := NewHome(t, aws, FileKeychain()...)
	h.Write(".aws/config", fiveProfiles)
	cmd := h.Command("aws-accounts", "init", "--take-over", "--no-import-keys")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "Region to work in, like eu-west-1 (Enter: none): ", "")
	terminal.answer(t, "Write all this? [Y/n] ", "n")
	if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "nothing was written") {
		t.Errorf("%v %s", err, &stderr)
	}
	if h.MustRun("cat", ".aws/config") != fiveProfiles {
		t.Error("the config has changed")
	}
	if _, _, status := h.Run("ls", ".config/aws-accounts/accounts.json"); status == 0 {
		t.Error("there is an accounts file")
	}
}

// Killed anywhere, what worked before works, and the next run finishes it.
func TestInitKilled(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"Keychain", "stored", "wrote", "changed", "backup", "removed"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			aws := standin.Start(t, World())
			h := NewHome(t, aws, FileKeychain()...)
			h.Write(".aws/config", fiveProfiles)
			cmd := h.Command("aws-accounts", "init", "--yes")
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewScanner(stdout); lines.Scan(); {
				if strings.HasPrefix(lines.Text(), line) {
					cmd.Process.Kill()
				}
			}
			cmd.Wait()
			for _, profile := range []string{"dev", "default", "onward"} {
				cmd := h.Command("aws-accounts", "--accounts-file=none.json", "whoami") // which makes none, where it is named
				cmd.Env = append(cmd.Env, "AWS_PROFILE="+profile)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", profile, err, out)
				}
			}
			h.MustRun("aws-accounts", "init", "--yes")
			h.MustRun("aws-accounts", "process", "onward")
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
			if strings.Contains(h.MustRun("cat", ".aws/credentials"), "aws_") || strings.Contains(h.MustRun("cat", ".aws/config"), "role_arn") {
				t.Error("it isn't finished")
			}
		})
	}
}

// The screen of init in examples/first-steps.md is a real one, but for the differences between files that it leaves out.
func TestExampleInit(t *testing.T) {
	t.Parallel()
	_, screen, _ := strings.Cut(example(t, "first-steps.md"), "<!-- init -->\n```text\n")
	screen, _, found := strings.Cut(screen, "```")
	if !found {
		t.Fatal("the page has no screen of init")
	}
	aws := standin.Start(t, World())
	h := NewHome(t, aws, Keyring(t).Env()...)
	h.Write(".aws/config", fiveProfiles)
	cmd := h.Command("aws-accounts", "init")
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stdout
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "Take over 5 profiles? [Y/n] ", "")
	terminal.answer(t, "Move the access key of default into the keychain? [Y/n] ", "")
	terminal.answer(t, "Region to work in, like eu-west-1 (Enter: none): ", "")
	terminal.answer(t, "for main and all its roles? [y/N] ", "")
	terminal.answer(t, "Write all this? [Y/n] ", "")
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stdout)
	}
	all := readable(stdout.String() + strings.ReplaceAll(terminal.shown(), "\r", ""))
	for line := range strings.Lines(screen) {
		if line = strings.TrimSuffix(readable(line), "\n"); line != "…" && !strings.HasPrefix(line, "$ ") && !strings.Contains(all, strings.TrimRight(line, " ")) {
			t.Errorf("%q isn't in\n%s", line, all)
		}
	}
}
