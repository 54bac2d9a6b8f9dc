package stage

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aws-accounts/internal/nodbus"
	"aws-accounts/internal/private"
)

// document is all that `process dev` writes to stdout.
var document = regexp.MustCompile(`^\{"Version":1,"AccessKeyId":"ASIA[A-Z0-9]+","SecretAccessKey":"[^"]+","SessionToken":"[^"]+",` +
	`"Expiration":"[0-9-]+T[0-9:]+Z","AccountId":"` + DevAccount + `"\}\n$`)

// Fifty at once with nothing stored make one AssumeRole and get the same session.
func TestColdStarts(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, Keyring(t).Env()...)
	h.Accounts(stageAccounts)

	const n = 50
	var answers [n]string
	var wg sync.WaitGroup
	began := time.Now()
	for i := range n {
		wg.Go(func() {
			stdout, stderr, status := h.Run("aws-accounts", "process", "dev")
			answers[i] = stdout
			if status != 0 || stderr != "" {
				t.Errorf("exit %d, stderr %q", status, stderr)
			}
		})
	}
	wg.Wait()
	t.Logf("%d cold starts at once took %v", n, time.Since(began).Round(time.Millisecond))
	if !document.MatchString(answers[0]) {
		t.Errorf("not one document of credentials, but %d bytes", len(answers[0]))
	}
	if len(slices.Compact(answers[:])) != 1 {
		t.Error("the answers differ")
	}
	if got := aws.Calls("AssumeRole"); got != 1 {
		t.Errorf("%d AssumeRole calls", got)
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// keychainTime is the longest that a keychain in whatever state may keep the credentials back.
const keychainTime = nodbus.Patience + 5*time.Second

// Trouble with the keychain is no reason to withhold credentials, and costs its patience at most. It is noted in the log;
// nothing is kept elsewhere instead.
func TestKeychainTrouble(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		trouble func(*GNOMEKeyring)
		env     []string // instead of the keyring's bus
	}{
		{name: "locked", trouble: (*GNOMEKeyring).Lock},
		{name: "hanging", trouble: (*GNOMEKeyring).Hang},
		{name: "daemon gone", trouble: (*GNOMEKeyring).Stop},
		{name: "no login collection", trouble: (*GNOMEKeyring).Forget},
		{name: "no session bus", env: []string{"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=/nonexistent"}},
		{name: "dead session bus", env: []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent"}},
		{name: "no such keychain", env: []string{"AWS_ACCOUNTS_KEYCHAIN=shoebox"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			env := test.env
			if test.trouble != nil {
				keyring := Keyring(t)
				test.trouble(keyring)
				env = keyring.Env()
			}
			h := NewHome(t, aws, env...)
			h.Accounts(stageAccounts)

			began := time.Now()
			stdout, stderr, status := h.Run("aws-accounts", "process", "dev")
			took := time.Since(began)
			t.Logf("took %v", took.Round(time.Millisecond))
			if status != 0 || !document.MatchString(stdout) || stderr != "" {
				t.Errorf("exit %d, %d bytes on stdout, stderr %q", status, len(stdout), stderr)
			}
			if took > keychainTime {
				t.Errorf("took %v", took)
			}
			if log := accessLog(t, h); !slices.ContainsFunc(log, func(e logEntry) bool { return e.Outcome == "trouble" && e.Error != "" }) {
				t.Errorf("no trouble in the log: %+v", log)
			} else {
				t.Logf("the log says: %+v", log)
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}

// A session that was stored before the keychain came into trouble is found again when that is over.
func TestKeychainComesBack(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	keyring := Keyring(t)
	h := NewHome(t, aws, keyring.Env()...)
	h.Accounts(stageAccounts)
	first := h.MustRun("aws-accounts", "process", "dev")
	for _, trouble := range []struct{ begin, end func() }{
		{keyring.Lock, keyring.Unlock},
		{keyring.Stop, keyring.Start},
	} {
		trouble.begin()
		if h.MustRun("aws-accounts", "process", "dev") == first {
			t.Error("the keychain was in no trouble")
		}
		trouble.end()
		if h.MustRun("aws-accounts", "process", "dev") != first {
			t.Error("the stored session isn't found again")
		}
	}
}

type logEntry struct{ Account, Outcome, Error, Caller string }

func accessLog(t *testing.T, h *Home) (entries []logEntry) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.Dir, ".local", "state", "aws-accounts", "access_log.jsonl"))
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(data)) {
		var e logEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("a line of the log: %v", err)
		}
		entries = append(entries, e)
	}
	return entries
}

// The environment of a caller says what it says: dev's credentials begin with the base account all the same, and nothing
// goes round in circles.
func TestCallersEnvironment(t *testing.T) {
	t.Parallel()
	path, _ := findAWSCLI(t, "2")
	aws := startStageAWS(t, "")
	keyring := Keyring(t)
	for _, test := range []struct {
		name   string
		env    []string
		option string
		starts int
	}{
		{"AWS_PROFILE", []string{"AWS_PROFILE=dev"}, "", 1},
		{"AWS_DEFAULT_PROFILE", []string{"AWS_DEFAULT_PROFILE=dev"}, "", 1},
		{"keys of nobody", []string{"AWS_ACCESS_KEY_ID=AKIANOBODY", "AWS_SECRET_ACCESS_KEY=nothing", "AWS_SESSION_TOKEN=nothing"}, "--profile=dev", 1},
		{"a profile that isn't there", []string{"AWS_PROFILE=gone"}, "--profile=dev", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := NewHome(t, aws, append(keyring.Env(), test.env...)...)
			h.Accounts(stageAccounts)
			starts := setUpCounted(t, h)
			h.MustRun("aws-accounts", "clear", "dev")
			line := []string{path, "sts", "get-caller-identity", "--output=text", "--endpoint-url=" + aws.URL()}
			if test.option != "" {
				line = append(line, test.option)
			}
			output, status := h.combined(line...)
			if status != 0 || !strings.Contains(output, DevAccount) {
				t.Errorf("exit %d\n%s", status, output)
			}
			if got := starts.since(); got != test.starts {
				t.Errorf("started us %d times, not %d", got, test.starts)
			}
		})
	}
}

// What `process` ignores, a program that it starts would ignore as well: a pipeline there could never end.
func TestProgramsHeedSignals(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	h.Write(".aws/credentials", "")
	h.Write(".aws/config", "[default]\ncredential_process = sh "+h.Dir+"/endless\n")
	h.Write("endless", "while :; do echo no document; done | head -1; echo ended >>"+h.Dir+"/ended")
	accounts := filepath.Join(h.Dir, ".config/aws-accounts/accounts.json")
	for n, args := range [][]string{{"process", "dev"}, {"process", "--accounts-file", accounts, "dev"}} {
		if stdout, stderr, status := h.Run("timeout", append([]string{"20", "aws-accounts"}, args...)...); status != 1 || stdout != "" {
			t.Errorf("%v: exit %d, stderr %q", args, status, stderr)
		}
		if ended, _ := os.ReadFile(filepath.Join(h.Dir, "ended")); len(ended) != (n+1)*len("ended\n") {
			t.Errorf("%v: its pipeline didn't end", args)
		}
	}
}

// The passphrase opens every account: no program that this one starts is to have it.
func TestProgramsGetNoPassphrase(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, append(FileKeychain(), "AWS_ACCOUNTS_SERVE_TOKEN="+strings.Repeat("t", 32))...)
	h.Accounts(stageAccounts)
	h.Write(".aws/credentials", "")
	h.Write("show", `env >"$HOME/$1.env"`)
	h.Write(".aws/config", "[default]\ncredential_process = sh "+h.Dir+"/show credential_process\n")
	for program, args := range map[string][]string{
		"credential_process": {"aws-accounts", "process", "dev"},
	} {
		seen := filepath.Join(h.Dir, strings.Fields(program)[0]+".env")
		os.Remove(seen)
		h.Run(args[0], args[1:]...)
		environment, err := os.ReadFile(seen)
		if err != nil || !strings.Contains(string(environment), "\nHOME=") {
			t.Errorf("%s wasn't started, or has no environment: %v", program, err)
		}
		for _, name := range private.Variables {
			if strings.Contains(string(environment), name) {
				t.Errorf("%s has %s", program, name)
			}
		}
	}
}

// A base account whose profile would start us again is an error, not a circle: whether the profile is a stanza of ours, or a
// program of the user's stands between.
func TestCircle(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	keyring := Keyring(t)
	for _, test := range []struct {
		name, profile, config string
		starts                int
		says                  string
	}{
		{"a stanza of ours", "dev", "", 1, "calls aws-accounts itself"},
		// What the second of us says goes to the script, of which nothing is shown: it could be a secret. It leaves word.
		{"through a script", "wrapped", "[profile wrapped]\ncredential_process = sh HOME/wrapper\n", 2, `the profile "wrapped" it begins with calls aws-accounts itself`},
		{"through a source_profile", "above", "[profile above]\nrole_arn = " + DevRole + "\nsource_profile = dev\n", 1, "calls aws-accounts itself"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := NewHome(t, aws, keyring.Env()...)
			h.Accounts(stageAccounts)
			if test.config != "" {
				h.Write(".aws/config", strings.ReplaceAll(test.config, "HOME", h.Dir))
			}
			starts := setUpCounted(t, h)
			h.Accounts(strings.ReplaceAll(stageAccounts, `"name": "main",`, fmt.Sprintf(`"name": "main", "credentials": {"profile": %q},`, test.profile)))
			h.Write("wrapper", "exec '"+starts.program+"' process dev")
			stdout, stderr, status := h.Run(starts.program, "process", "dev")
			if status != 1 || stdout != "" || !strings.Contains(stderr, test.says) || !strings.Contains(stderr, "\nhint: ") {
				t.Errorf("exit %d, %d bytes on stdout, stderr\n%s", status, len(stdout), stderr)
			}
			if got := starts.since(); got != test.starts {
				t.Errorf("started us %d times, not %d", got, test.starts)
			}
			if got := aws.Calls("AssumeRole"); got != 0 {
				t.Errorf("%d AssumeRole calls", got)
			}
		})
	}
}
