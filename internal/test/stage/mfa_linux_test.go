package stage

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const mfaAccountsFile = `{
	"defaults": {"region": "eu-west-1"},
	"accounts": [
		{"name": "main", "account_id": "123456789012", "mfa_serial": "` + MFASerial + `"},
		{"name": "dev", "account_id": "987654321098", "role_arn": "` + DevRole + `"},
		{"name": "strict", "account_id": "987654321098", "role_arn": "` + MFARole + `"}
	]
}`

const mfaPrompt = "MFA code of alice for main: "

// Every client, started at a terminal with its output going elsewhere: the prompt appears on the terminal, once, nothing of
// it on stdout or stderr, and the command succeeds. What it leaves serves all the roles of the source.
func TestMFAAtTheTerminalOfEachClient(t *testing.T) {
	t.Parallel()
	for _, c := range clients {
		if c.mute { // it gives the question no terminal that differs from the others'
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program, _ := c.find(t)
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(mfaAccountsFile)
			h.MustRun("aws-accounts", "setup")
			if c.prepare != nil {
				c.prepare(t, h, false)
			}

			line := c.commands[0].line(program, "dev", aws)
			cmd := h.Command(line[0], line[1:]...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			terminal := onTerminal(t, cmd)
			terminal.answer(t, mfaPrompt, aws.MFACode(MFASerial))
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
			}
			if !strings.Contains(stdout.String(), c.commands[0].shows) || strings.Contains(stdout.String(), "MFA") {
				t.Errorf("stdout is %q", &stdout)
			}
			if stderr.Len() > 0 {
				t.Errorf("stderr is %q", &stderr)
			}
			if shown := terminal.shown(); strings.Count(shown, mfaPrompt) != 1 {
				t.Errorf("the terminal shows %q", shown)
			}
			if n := aws.Calls("GetSessionToken"); n != 1 {
				t.Errorf("%d sessions with MFA", n)
			}

			h.MustRun("aws-accounts", "process", "strict")
			if n := aws.Calls("GetSessionToken"); n != 1 {
				t.Errorf("another role wanted another code")
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}

// Two accounts of one MFA source, started at the same moment in two terminals: one of them asks, and both have what they need.
func TestMFAOfTwoTerminals(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, Keyring(t).Env()...)
	h.Accounts(mfaAccountsFile)
	a, b := h.Command("aws-accounts", "process", "dev"), h.Command("aws-accounts", "process", "strict")
	var outA, outB, errA, errB bytes.Buffer
	a.Stdout, a.Stderr, b.Stdout, b.Stderr = &outA, &errA, &outB, &errB
	first, second := onTerminal(t, a), onTerminal(t, b)
	select {
	case <-first.more:
	case <-second.more:
		first, second = second, first
	case <-time.After(20 * time.Second):
		t.Fatal("nobody is asked")
	}
	first.answer(t, mfaPrompt, aws.MFACode(MFASerial))
	for i, cmd := range []interface{ Wait() error }{a, b} {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v\n%s%s", i, err, &errA, &errB)
		}
	}
	if shown := second.shown(); shown != "" {
		t.Errorf("the other terminal shows %q", shown)
	}
	for _, out := range []string{outA.String(), outB.String()} {
		if !strings.HasPrefix(out, `{"Version":1,`) || !strings.HasSuffix(out, "}\n") {
			t.Errorf("stdout is %q", out)
		}
	}
	if errA.Len()+errB.Len() > 0 {
		t.Errorf("stderr is %q, %q", &errA, &errB)
	}
	if n := aws.Calls("GetSessionToken"); n != 1 {
		t.Errorf("%d sessions with MFA", n)
	}
}
