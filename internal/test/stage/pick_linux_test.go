package stage

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aws-accounts/internal/lock"
	"aws-accounts/internal/test/standin"
)

func pickHome(t *testing.T) *Home {
	h := NewHome(t, standin.Start(t, World()), FileKeychain()...)
	h.Env = append(h.Env, "TERM=xterm", "NO_COLOR=1")
	h.Accounts(`{"accounts": [
		{"name": "main", "account_id": "123456789012", "description": "Main AWS Account"},
		{"name": "dev", "account_id": "987654321098", "role_arn": "` + DevRole + `"},
		{"name": "prod", "account_id": "555555555555", "role_arn": "` + ProdRole + `", "description": "Live"}]}`)
	return h
}

// Without NAME one chooses at the terminal; what a shell or a pipe reads has nothing of it.
func TestAccountIsChosenAtTheTerminal(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	h.MustRun("aws-accounts", "setup") // or assume warns
	for _, c := range []struct{ command, want string }{
		{`eval "$(aws-accounts env --shell sh)" && echo $AWS_ACCOUNTS_NAME`, "prod\n"},
		{`aws-accounts exec -- sh -c 'echo $AWS_ACCOUNTS_NAME "$@"' sh -- x | cat`, "prod -- x\n"},
		{`aws-accounts exec --server -- sh -c 'echo $AWS_ACCOUNTS_NAME'`, "prod\n"},
		{`aws-accounts assume | head -1 | cut -d, -f1`, "prod: account 555555555555\n"},
		{`aws-accounts console --print | cut -c1-4`, "http\n"},
	} {
		cmd := h.Command("sh", "-c", c.command)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		terminal := onTerminal(t, cmd)
		terminal.answer(t, "3 of 3", "live")
		if err := cmd.Wait(); err != nil || stderr.Len() > 0 || stdout.String() != c.want {
			t.Errorf("%s: %v, %q %s", c.command, err, &stdout, &stderr)
		}
		terminal.await(t, "\x1b[Jaws-accounts: Account: prod\r\n")
	}
}

// Ctrl-C says nothing, as nobody wonders why, and starts nothing.
func TestNoAccountIsChosen(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	cmd := h.Command("aws-accounts", "exec", "--", "echo", "started")
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "3 of 3", "\x03")
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 130 || both.Len() > 0 {
		t.Errorf("%v %s", cmd.ProcessState, &both)
	}
}

func TestNobodyToChooseAnAccount(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	for _, command := range []string{"assume", "exec -- true", "env", "console", "serve", "assume --no-input"} {
		cmd := exec.Command(Binary(t), strings.Fields(command)...)
		cmd.Env, cmd.Dir = h.Env, h.Dir
		alone(cmd)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run()
		if cmd.ProcessState.ExitCode() != 2 || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "aws-accounts: which account? NAME is missing, and there is nobody to ask: ") ||
			!strings.HasSuffix(stderr.String(), "\nhint: `aws-accounts list` shows the names\n") {
			t.Errorf("%s: %v\n%s%s", command, cmd.ProcessState, &stdout, &stderr)
		}
	}
}

// Beside two base accounts, add asks which one a role is assumed from.
func TestAddAsksForTheSource(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	cmd := h.Command("aws-accounts", "add", "work", "--credentials-profile=work")
	terminal := onTerminal(t, cmd)
	terminal.answer(t, `Write "source": "main" into dev, prod? [Y/n] `, "")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	cmd = h.Command("aws-accounts", "add", "by-number")
	terminal = onTerminal(t, cmd)
	terminal.answer(t, "Role to assume (its ARN), or the profile of ~/.aws that it begins with: ", "987654321098")
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("a number: %v", cmd.ProcessState)
	}
	cmd = h.Command("aws-accounts", "add")
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	terminal = onTerminal(t, cmd)
	terminal.answer(t, "Name of the account, like dev: ", "new")
	terminal.answer(t, "Role to assume (its ARN), or the profile of ~/.aws that it begins with: ", DevRole)
	terminal.answer(t, `Account to assume the role from: "main", "work", or another: `, "work")
	terminal.answer(t, "Description (Enter: none): ", "")
	terminal.answer(t, "Region to work in, like eu-west-1 (Enter: none): ", "eu-wst-1")
	terminal.answer(t, `did you mean "eu-west-1"? (Enter: none): `, "eu-west-1")
	if err := cmd.Wait(); err != nil || !strings.Contains(both.String(), `"source": "work"`) || !strings.Contains(both.String(), "wrote the region eu-west-1 ") {
		t.Errorf("%v\n%s", err, &both)
	}
}

// Ctrl-C isn't Enter: also at a question that Enter alone answers, nothing is added.
func TestCtrlCAtAnOptionalQuestion(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	cmd := h.Command("aws-accounts", "add")
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "Name of the account, like dev: ", "new")
	terminal.answer(t, "Role to assume (its ARN), or the profile of ~/.aws that it begins with: ", DevRole)
	terminal.await(t, "Description (Enter: none): ")
	if _, err := terminal.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it went on")
	}
	if accounts := h.MustRun("aws-accounts", "list"); strings.Contains(accounts, "new") {
		t.Errorf("it was added:\n%s", accounts)
	}
}

// What was typed into an editor isn't lost where it isn't saved. Without a terminal there is none but one that is named.
func TestEditorsTextIsKept(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{"n": "stays as it was", "y": ": unchanged"} {
		h := pickHome(t)
		h.Env = append(h.Env, "VISUAL=sed -i -e s/role_arm/role_arn/ -e t -e s/role_arn/role_arm/")
		cmd := h.Command("aws-accounts", "edit")
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		terminal := onTerminal(t, cmd)
		terminal.answer(t, "Go on editing? (No leaves the file as it was.) [Y/n] ", answer)
		cmd.Wait()
		if !strings.Contains(both.String(), want) {
			t.Errorf("%q: %v\n%s", answer, cmd.ProcessState, &both)
		}
		_, rest, kept := strings.Cut(both.String(), "hint: your text is in ")
		if file, _, _ := strings.Cut(rest, ";"); kept != (answer != "y") || kept && !strings.Contains(h.MustRun("cat", file), "role_arm") {
			t.Errorf("%q: the text is not in %q\n%s", answer, file, &both)
		}
	}
	h := pickHome(t)
	h.Env = append(h.Env, "VISUAL=", "EDITOR=")
	cmd := h.Command("aws-accounts", "edit")
	alone(cmd)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "aws-accounts: no editor can be used here: nobody to ask: no terminal\nhint: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A part of a name opens the list with it typed in; where there is nobody to ask, it is the mistake that it was.
func TestAPartOfANameIsChosenAtTheTerminal(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	cmd := h.Command("sh", "-c", "aws-accounts env --shell sh pro | grep -c AWS_ACCOUNTS_NAME=.prod")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	terminal := onTerminal(t, cmd)
	terminal.answer(t, "1 of 3", "\r")
	if err := cmd.Wait(); err != nil || stdout.String() != "1\n" || stderr.Len() > 0 {
		t.Errorf("%v, %q %s", err, &stdout, &stderr)
	}
	alone := h.Command("aws-accounts", "env", "pro", "--no-input")
	var said bytes.Buffer
	alone.Stderr = &said
	if alone.Run(); !strings.Contains(said.String(), `no account "pro"`) {
		t.Errorf("%s", &said)
	}
}

// What is said to a person ends at a word before the edge of the terminal, and names files as people do.
func TestMessagesFitTheTerminal(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	cmd := h.Command("sh", "-c", "stty cols 50 <&3; aws-accounts process nowhere >&3 2>&3; aws-accounts env --help >&3 2>&3; echo end >&3")
	terminal := onTerminal(t, cmd)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	terminal.await(t, "aws-accounts: no account \"nowhere\" in\r\n~/.config/aws-accounts/accounts.json\r\nhint: `aws-accounts list` shows the accounts\r\n")
	terminal.await(t, "Elsewhere AWS_PROFILE does the same,\r\nand doesn't expire.\r\n")
}

// Who has the variables written to the terminal has forgotten what makes them useful: that is said before they are shown.
func TestEnvWarnsBeforeItShowsSecrets(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	cmd := h.Command("sh", "-c", "SHELL=/bin/bash aws-accounts env dev >&3 2>&3")
	terminal := onTerminal(t, cmd)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	terminal.await(t, "warning: this shows secrets, and changes nothing in this shell\r\nhint: `eval \"$(aws-accounts env dev)\"` does\r\n")
	terminal.await(t, "export AWS_SECRET_ACCESS_KEY=")
}

// Somebody who waits for another process is told so.
func TestAssumeSaysThatItWaits(t *testing.T) {
	t.Parallel()
	h := pickHome(t)
	h.MustRun("aws-accounts", "process", "dev")
	locks, err := filepath.Glob(filepath.Join(h.Dir, ".local/state/aws-accounts/locks/*/dev*.lock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	release, err := lock.Acquire(t.Context(), filepath.Dir(locks[0]), strings.TrimSuffix(filepath.Base(locks[0]), ".lock"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command("sh", "-c", "aws-accounts assume dev --refresh >&3 2>&3")
	terminal := onTerminal(t, cmd)
	terminal.await(t, "waiting for another process that gets the session of dev, and may be asking something\r\n")
	release()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
