package stage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-accounts/internal/nodbus"
	"aws-accounts/internal/test/standin"
)

// traced by the runtime: the packages that were initialised, in their order, behind what the command wrote itself.
func (h *Home) initialised(args ...string) (stdout string, packages []string) {
	h.t.Helper()
	cmd := h.Command("aws-accounts", args...)
	cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1")
	var out, trace strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &trace
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("%v: %s", err, trace.String())
	}
	for _, line := range regexp.MustCompile(`(?m)^init (\S+) @`).FindAllStringSubmatch(trace.String(), -1) {
		packages = append(packages, line[1])
	}
	return out.String(), packages
}

// warmOnKeyring is a home whose next call for dev is a warm one, and what that should answer.
func warmOnKeyring(t *testing.T) (h *Home, aws *standin.Server, keyring *GNOMEKeyring, first string) {
	t.Helper()
	aws, keyring = startStageAWS(t, ""), Keyring(t)
	h = NewHome(t, aws, keyring.Env()...)
	h.Accounts(stageAccounts)
	return h, aws, keyring, h.MustRun("aws-accounts", "process", "dev")
}

// tooLate says which packages were initialised that a warm call needs none of, "" if there are none.
func tooLate(packages []string) string {
	for _, p := range packages {
		if strings.HasPrefix(p, "github.com/99designs") || strings.HasPrefix(p, "github.com/alecthomas") ||
			strings.Contains(p, "aws-sdk-go-v2/service/") || p == "net/http" {
			return p + " is initialised"
		}
	}
	if n := len(packages); n < 10 || n > 80 {
		return fmt.Sprintf("%d packages are initialised", n)
	}
	return ""
}

// A warm call ends before anything of AWS's SDK, kong or the keyring library is initialised, and says what the way says that
// other commands take.
func TestWarmCallsNeedNoSDK(t *testing.T) {
	t.Parallel()
	for keychain, env := range map[string]func(t *testing.T) []string{
		"secret-service": func(t *testing.T) []string { return Keyring(t).Env() },
		"file":           func(*testing.T) []string { return FileKeychain() },
	} {
		t.Run(keychain, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, env(t)...)
			h.Accounts(stageAccounts)
			first := h.MustRun("aws-accounts", "process", "dev")
			if usual := h.MustRun("aws-accounts", "process", "--no-input", "dev"); usual != first {
				t.Error("the usual way gives another answer")
			}
			for _, args := range [][]string{{"process", "dev"}, {"process", "DEV"},
				{"process", "--accounts-file=" + filepath.Join(h.Dir, ".config/aws-accounts/accounts.json"), "dev"}} {
				answer, packages := h.initialised(args...)
				if answer != first {
					t.Errorf("%q: %s", args, answer)
				}
				if late := tooLate(packages); late != "" {
					t.Errorf("%q: %s", args, late)
				}
			}
			if n := aws.Calls("AssumeRole"); n != 1 {
				t.Errorf("%d AssumeRole", n)
			}
		})
	}
}

// Whoever has just written the files waits for no parsing of them either, and nothing has to be written once the step of the file
// system's clock is over that could hide a second change. And nobody is given what was right before.
func TestWarmRightAfterAChange(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	first := h.MustRun("aws-accounts", "process", "dev")
	for _, wait := range []time.Duration{0, Settling} {
		time.Sleep(wait)
		answer, packages := h.initialised("process", "dev")
		if late := tooLate(packages); answer != first || late != "" {
			t.Errorf("after %v it answers as before: %v; %s", wait, answer == first, late)
		}
	}
	h.Accounts(strings.ReplaceAll(stageAccounts, DevAccount, ProdAccount))
	if other := h.MustRun("aws-accounts", "process", "dev"); !strings.Contains(other, ProdAccount) {
		t.Error("a changed accounts file hands out the old session")
	}
}

// Where the note says that a session lies, something else may lie by now, or nothing. It's found all the same, and noted anew.
func TestASessionThatLiesElsewhere(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	keyring := Keyring(t)
	h := NewHome(t, aws, keyring.Env()...)
	h.Accounts(stageAccountsWith(`{"name": "prod", "account_id": "` + ProdAccount + `", "role_arn": "` + ProdRole + `"}`))
	first := h.MustRun("aws-accounts", "process", "dev")
	h.MustRun("aws-accounts", "process", "prod")
	note := filepath.Join(h.Dir, h.Own("dev.item"))
	right, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(h.Dir, h.Own("prod.item")))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"another's": string(theirs), "nothing there": `"/org/freedesktop/secrets/collection/login/999"`, "no item": `"/org/freedesktop/secrets"`,
		"no path": `"x"`, "no JSON": "x", "empty": "", "not a path at all": `"/org/freedesktop/secrets/collection/log in/é"`,
	} {
		if err := os.WriteFile(note, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if answer := h.MustRun("aws-accounts", "process", "dev"); answer != first {
			t.Errorf("%s: another answer", name)
		}
		if now, err := os.ReadFile(note); err != nil || string(now) != string(right) {
			t.Errorf("%s: noted is %q, %v", name, now, err)
		}
	}
	keyring.Stop()
	keyring.Start()
	if answer, packages := h.initialised("process", "dev"); answer != first || len(packages) > 80 {
		t.Error("not found at once by the next daemon")
	}
	if n := aws.Calls("AssumeRole"); n != 2 {
		t.Errorf("%d AssumeRole", n)
	}
	h.MustRun("aws-accounts", "clear", "dev")
	if _, err := os.Stat(note); err == nil {
		t.Error("a note of nothing is left")
	}
}

// A keychain that hangs while a session is in it costs its patience once, and never the credentials.
func TestHangsWhileWarm(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(*GNOMEKeyring){"the daemon": (*GNOMEKeyring).Hang, "the bus": (*GNOMEKeyring).HangBus} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _, keyring, _ := warmOnKeyring(t)
			hang(keyring)
			g := h.process("dev")
			if _, ok := g.credentials(); !ok || g.took() > keychainTime {
				t.Errorf("exit %d after %v, stderr %q", g.status, g.took(), g.stderr)
			}
			t.Logf("after %v; the log: %+v", g.took().Round(time.Millisecond), accessLog(t, h)[1:])
		})
	}
}

// What knows no deadline doesn't keep a caller waiting for ever: here a pipe in the place of a team's signature, into which
// nobody writes.
func TestEndsByItself(t *testing.T) {
	t.Parallel()
	h := NewHome(t, startStageAWS(t, ""), FileKeychain()...)
	h.Accounts(`{"accounts_from": {"file": "team.json", "public_key": "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"}, "accounts": []}`)
	file := filepath.Join(h.Dir, ".config/aws-accounts/accounts.json")
	// Whoever opens a file that another process has a lease of waits 45 s, as for a file server that doesn't answer.
	for _, name := range []string{"team.json", "team.json.minisig"} {
		path := filepath.Join(filepath.Dir(file), name)
		if err := os.WriteFile(path, []byte(`{"accounts": []}`), 0o600); err != nil {
			t.Fatal(err)
		}
		leased, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { leased.Close() })
		if _, err := unix.FcntlInt(leased.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
			t.Skip("this file system has no leases: ", err)
		}
	}
	for name, args := range map[string][]string{
		"as in a stanza": {"process", "--accounts-file=" + file, "dev"}, "as typed": {"process", "--no-input", "--accounts-file=" + file, "dev"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			stdout, stderr, status := h.Run("aws-accounts", args...)
			took := time.Since(began)
			want := "aws-accounts: dev: not finished within 55s\nhint: `aws-accounts --accounts-file=~/.config/aws-accounts/accounts.json doctor dev` shows what doesn't answer\n"
			if status != 1 || stdout != "" || stderr != want || took < 50*time.Second || took > 70*time.Second {
				t.Errorf("exit %d after %v\n%s%s", status, took, stdout, stderr)
			}
		})
	}
}

// Files that are slow don't make the keychain look as if it were.
func TestSlowFiles(t *testing.T) {
	t.Parallel()
	h, aws, _, first := warmOnKeyring(t)
	out, err := os.Create(filepath.Join(t.TempDir(), "out")) // not a pipe: nobody waits for the end of its copying
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := h.Command("aws-accounts", "process", "dev")
	cmd.Stdout = out
	held := 0
	traced(t, cmd, func(tid int, info syscallInfo) bool {
		if info.nr == unix.SYS_OPENAT && bytes.Contains(memory(tid, info.args[1], 512), []byte("/accounts-file.json")) {
			held++
			time.Sleep(nodbus.Patience + time.Second)
		}
		return true
	})
	if answer, err := os.ReadFile(out.Name()); held != 1 || string(answer) != first {
		t.Errorf("held up %d times; another answer: %t, %v", held, string(answer) != first, err)
	}
	if n := aws.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d AssumeRole; the log: %+v", n, accessLog(t, h))
	}
}

// A note that is no file, or none of ours, keeps nobody waiting and fills no memory.
func TestOddNotes(t *testing.T) {
	t.Parallel()
	h, aws, _, first := warmOnKeyring(t)
	notes, err := filepath.Glob(filepath.Join(h.Dir, stateDir, "locks/*/accounts-file.json"))
	if err != nil || len(notes) != 1 {
		t.Fatal(notes, err)
	}
	for _, note := range []string{notes[0], filepath.Join(h.Dir, h.Own("dev.item"))} {
		for name, put := range map[string]func() error{
			"a pipe":   func() error { return unix.Mkfifo(note, 0o600) },
			"endless":  func() error { return os.Symlink("/dev/zero", note) },
			"a folder": func() error { return os.Mkdir(note, 0o700) },
			"too large": func() error {
				return errors.Join(os.WriteFile(note, nil, 0o600), os.Truncate(note, 1<<40))
			},
		} {
			if err := errors.Join(os.RemoveAll(note), put()); err != nil {
				t.Fatal(err)
			}
			if g := h.process("dev"); g.stdout != first || g.stderr != "" || g.took() > 20*time.Second {
				t.Errorf("%s, %s: exit %d after %v, stderr %q", filepath.Base(note), name, g.status, g.took(), g.stderr)
			}
		}
	}
	if n := aws.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d AssumeRole", n)
	}
}

// Whoever starts us may go away while the keychain hangs, as a terminal does: what is obtained is kept all the same.
func TestHangUpWhileWarm(t *testing.T) {
	t.Parallel()
	h, _, keyring, _ := warmOnKeyring(t)
	keyring.Hang()
	var stdout strings.Builder
	cmd := h.Command("aws-accounts", "process", "dev")
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	cmd.Process.Signal(unix.SIGHUP)
	if err := cmd.Wait(); err != nil || !document.MatchString(stdout.String()) {
		t.Errorf("%v, %d bytes", err, stdout.Len())
	}
}
