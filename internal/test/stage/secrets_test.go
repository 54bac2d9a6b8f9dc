package stage

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"aws-accounts/internal/test/standin"
)

// marked is a secret that no AWS made: what people put into files by mistake.
const marked = "MARKSECRETof/the+user/0000000000000000000"

// secretsHome is a home where every command works and every child writes down what it sees of us: its own environment and
// arguments, and ours.
func secretsHome(t *testing.T) (*Home, *standin.Server) {
	t.Helper()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, "AWS_ACCOUNTS_KEYCHAIN=file", "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE="+marked)
	h.Write("spy", `{ env; for p in $$ $PPID; do tr '\0' ' ' <"/proc/$p/cmdline"; tr '\0' '\n' <"/proc/$p/environ" | grep -v AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE; done; } >>"$HOME/spied" 2>/dev/null`)
	h.Write("code", "000000")
	h.Accounts(`{
	"defaults": {"region": "eu-west-1"},
	"accounts": [
		{"name": "main", "account_id": "` + MainAccount + `", "mfa_serial": "` + MFASerial + `", "mfa_process": "sh $HOME/spy; cat $HOME/code"},
		{"name": "dev", "account_id": "` + DevAccount + `", "role_arn": "` + DevRole + `"},
		{"name": "strict", "account_id": "` + DevAccount + `", "role_arn": "` + MFARole + `"},
		{"name": "denied", "account_id": "` + DevAccount + `", "role_arn": "` + deniedRole + `"}
	]}`)
	return h, aws
}

// leak finds a secret in a text, as it is or in base64.
func leak(text string, aws *standin.Server) bool {
	for _, mark := range []string{marked, aws.Marker()} {
		if strings.Contains(text, mark) {
			return true
		}
		for shift := range 3 {
			coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + mark))
			if strings.Contains(text, coded[4:len(coded)-4]) {
				return true
			}
		}
	}
	return slices.ContainsFunc(aws.Secrets(), func(s string) bool { return strings.Contains(text, s) })
}

// Every command that doesn't exist to print credentials, with --debug and without, where all goes well and where each kind of
// thing goes wrong: no secret in what it says, in a file, in the arguments of anybody, or in a child's environment.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	commands := [][]string{
		{"list"}, {"list", "--json"}, {"validate"}, {"whoami"}, {"whoami", "main"}, {"whoami", "dev", "--json"}, {"assume", "dev"},
		{"assume", "strict", "--refresh"}, {"assume", "denied"}, {"process", "denied"}, {"setup", "--dry-run"}, {"setup"},
		{"exec", "dev", "--", "sh", "-c", `tr '\0' ' ' <"/proc/$$/cmdline" >>"$HOME/spied"`}, {"keys", "list"}, {"status", "dev"}, {"doctor"}, {"doctor", "dev"},
		{"log"}, {"log", "--json"}, {"clear", "--expired"}, {"nonsense"}, {"version"},
	}
	failing := [][]string{{"whoami", "main"}, {"assume", "strict", "--refresh"}, {"process", "denied"}, {"doctor", "dev"}}
	faults := []standin.Fault{{}}
	for _, kind := range []standin.Kind{standin.Reset, standin.ResetMidAnswer, standin.Truncate, standin.Throttle, standin.ServerError, standin.HTML, standin.AccessDenied} {
		faults = append(faults, standin.Fault{Operation: "*", Kind: kind})
	}
	faults = append(faults, standin.Fault{Operation: "*", Kind: standin.Refusal, Status: 403, Code: "SignatureDoesNotMatch", Message: "The Canonical String for this request should have been 'x-amz-security-token:" + marked + "'"})
	said := make(chan int, len(faults))
	t.Cleanup(func() {
		close(said)
		total := 0
		for n := range said {
			total += n
		}
		t.Logf("%d commands over %d kinds of fault: no secret in what they said, in a file, in arguments, in a child's environment", total, len(faults))
	})
	for _, f := range faults {
		t.Run(string(f.Kind), func(t *testing.T) {
			t.Parallel()
			h, aws := secretsHome(t)
			h.Write("code", aws.MFACode(MFASerial))
			h.process("dev")
			if f.Kind != "" {
				aws.Fault(f)
			}
			run := func(command ...string) {
				stdout, stderr, _ := h.Run("aws-accounts", append([]string{"--no-input"}, command...)...)
				if leak(stdout+stderr, aws) {
					t.Errorf("%v says a secret:\n%s%s", command, stdout, stderr)
				}
				if slices.Contains(command, "process") && stdout != "" {
					t.Errorf("%v writes to stdout", command)
				}
			}
			n := len(failing)
			if f.Kind == "" {
				n = 2 * len(commands)
				for _, command := range commands {
					run(command...)
					run(append([]string{"--debug"}, command...)...)
				}
			} else { // waiting for AWS takes its time: all at once
				var all sync.WaitGroup
				for _, command := range failing {
					all.Go(func() { run(append([]string{"--debug"}, command...)...) })
				}
				all.Wait()
				run("log")
				run("log", "--json")
			}
			for _, path := range filesBelow(t, h.Dir) {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Error(err)
				}
				if strings.HasSuffix(path, "/.aws/credentials") || strings.HasSuffix(path, "/spied") && f.Kind != "" {
					continue
				}
				if leak(string(data), aws) {
					t.Errorf("%s holds a secret", path)
				}
			}
			if f.Kind == "" {
				if spied, err := os.ReadFile(filepath.Join(h.Dir, "spied")); err != nil || !strings.Contains(string(spied), "USER=tester") {
					t.Errorf("the children saw nothing: %v", err)
				}
			}
			said <- n
		})
	}
}

// Secrets in the wrong place, or said by the programs that we ask: no error quotes them.
func TestSecretsInTheWrongPlace(t *testing.T) {
	t.Parallel()
	const account = `{"accounts": [{"name": "main", "account_id": "` + MainAccount + `"%s}, {"name": "dev", "role_arn": "` + DevRole + `"}]%s}`
	for name, c := range map[string]struct {
		accounts string
		files    map[string]string
	}{
		"a field of the accounts file": {accounts: fmt.Sprintf(account, `, "aws_secret_access_key": "`+marked+`"`, "")},
		"the key of an account":        {accounts: fmt.Sprintf(account, `, "credentials": {"secret_access_key": "`+marked+`"}`, "")},
		"an accounts file cut short":   {accounts: fmt.Sprintf(account, `, "external_id": "`+marked, "")[:120] + marked},
		"not JSON at all":              {accounts: "aws_secret_access_key = " + marked},
		"an mfa_process that prints it": {accounts: fmt.Sprintf(account, `, "mfa_serial": "`+MFASerial+`", "mfa_process": "cat $HOME/secret"`, ""),
			files: map[string]string{"secret": marked}},
		"an mfa_process that fails with it": {accounts: fmt.Sprintf(account, `, "mfa_serial": "`+MFASerial+`", "mfa_process": "cat $HOME/secret >&2; exit 3"`, ""),
			files: map[string]string{"secret": marked}},
		"a passphrase_command that fails with it": {accounts: fmt.Sprintf(account, "", `, "keychain": {"backend": "file", "passphrase_command": "cat $HOME/secret >&2; exit 3"}`),
			files: map[string]string{"secret": marked}},
		"a credential_process that prints it": {accounts: fmt.Sprintf(account, "", ""),
			files: map[string]string{".aws/credentials": "", ".aws/config": "[default]\ncredential_process = cat HOME/secret\n", "secret": `{"SecretAccessKey": "` + marked + `"`}},
		"a credential_process that prints half": {accounts: fmt.Sprintf(account, "", ""),
			files: map[string]string{".aws/credentials": "", ".aws/config": "[default]\ncredential_process = cat HOME/secret\n", "secret": `{"Version": "` + marked + `"}`}},
		"a credential_process that fails with it": {accounts: fmt.Sprintf(account, "", ""),
			files: map[string]string{".aws/credentials": "", ".aws/config": "[default]\ncredential_process = sh -c 'cat HOME/secret; cat HOME/secret >&2; exit 1'\n", "secret": marked}},
		"a credentials file without a section": {accounts: fmt.Sprintf(account, "", ""),
			files: map[string]string{".aws/credentials": "aws_secret_access_key = " + marked + "\n"}},
		"a credentials file with half a key": {accounts: fmt.Sprintf(account, "", ""),
			files: map[string]string{".aws/credentials": "[default]\naws_secret_access_key = " + marked + "\n"}},
		"a section of the credentials file": {accounts: fmt.Sprintf(account, "", ""),
			files: map[string]string{".aws/credentials": "[default\n" + marked + "\n= " + marked + "\n"}},
		"a web identity token": {accounts: fmt.Sprintf(account, `, "credentials": {"web_identity_token_file": "HOME/secret", "role_arn": "`+MachineRole+`"}`, ""),
			files: map[string]string{"secret": marked}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			keychain := FileKeychain()
			if strings.Contains(name, "passphrase") {
				keychain = nil
			}
			h := NewHome(t, aws, keychain...)
			h.Accounts(strings.ReplaceAll(c.accounts, "HOME/", h.Dir+"/"))
			for name, text := range c.files {
				h.Write(name, strings.ReplaceAll(text, "HOME/", h.Dir+"/"))
			}
			for _, command := range [][]string{{"process", "main"}, {"process", "dev"}, {"assume", "dev"}, {"whoami"}, {"list"}, {"validate"},
				{"setup"}, {"keys", "import"}, {"doctor", "dev"}, {"log"}} {
				stdout, stderr, _ := h.Run("aws-accounts", append([]string{"--no-input", "--debug"}, command...)...)
				if strings.Contains(stdout+stderr, marked) {
					t.Errorf("%v says it:\n%s%s", command, stdout, stderr)
				}
			}
			if data, err := os.ReadFile(filepath.Join(h.Dir, stateDir, "access_log.jsonl")); err == nil && strings.Contains(string(data), marked) {
				t.Errorf("the log says it:\n%s", data)
			}
		})
	}
}

// Text from outside that wants to run, to forge a stanza or to paint the terminal: it can do none of that, in any command.
func TestHostileText(t *testing.T) {
	t.Parallel()
	hostile := []string{
		"\x1b[2J\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07", "a\nb", "a\r\n[profile forged]\ncredential_process = touch HOME/owned", "$(touch HOME/owned)",
		"`touch HOME/owned`", "'; touch HOME/owned; '", "\"; touch HOME/owned; \"", "| touch HOME/owned", "%COMSPEC%", "\u202eevil\u2066", "\u009b31m", "\x00", "\x7f",
		"]\n[profile forged]", "# [profile forged]", "-rf", "--help", "../../x", strings.Repeat("x", 100_000), "\xff\xfe", "a b", "\u2028[profile forged]",
	}
	quote := func(s string) string { // JSON with all of it, even what JSON doesn't allow
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	escaped := func(s string) string {
		var b strings.Builder
		b.WriteByte('"')
		for _, r := range s {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		b.WriteByte('"')
		return b.String()
	}
	aws := startStageAWS(t, "")
	runs := 0
	t.Cleanup(func() {
		t.Logf("%d runs with hostile text: nothing ran, nothing forged, no control byte came out", runs)
	})
	for field, template := range map[string]string{
		"name":        `{"accounts": [{"name": %s, "account_id": "` + MainAccount + `"}]}`,
		"description": `{"accounts": [{"name": "main", "account_id": "` + MainAccount + `", "description": %s}]}`,
		"role":        `{"accounts": [{"name": "main"}, {"name": "dev", "role_arn": %s}]}`,
		"profile":     `{"accounts": [{"name": "main"}, {"name": "dev", "role_arn": "` + DevRole + `", "profile": %s}]}`,
		"region":      `{"accounts": [{"name": "main"}, {"name": "dev", "role_arn": "` + DevRole + `", "region": %s}]}`,
		"prefix":      `{"defaults": {"profile_prefix": %s}, "accounts": [{"name": "main"}, {"name": "dev", "role_arn": "` + DevRole + `"}]}`,
		"external id": `{"accounts": [{"name": "main"}, {"name": "dev", "role_arn": "` + DevRole + `", "external_id": %s}]}`,
		"credentials": `{"accounts": [{"name": "main", "credentials": {"profile": %s}}, {"name": "dev", "role_arn": "` + DevRole + `"}]}`,
		"field":       `{"accounts": [{"name": "main", %s: 1}]}`,
	} {
		h := NewHome(t, aws, FileKeychain()...)
		for i, text := range hostile {
			text = strings.ReplaceAll(text, "HOME", h.Dir)
			value := escaped(text)
			if i%2 == 0 {
				value = quote(text)
			}
			h.Accounts(fmt.Sprintf(template, value))
			h.Write(".aws/config", "")
			for _, command := range [][]string{{"list"}, {"setup"}, {"process", "dev"}} {
				if len(text) > 1000 && command[0] != "list" {
					continue
				}
				stdout, stderr, _ := h.Run("aws-accounts", append([]string{"--no-input"}, command...)...)
				runs++
				harmless(t, field+": "+strings.Join(command, " "), stdout+stderr)
			}
			config, err := os.ReadFile(filepath.Join(h.Dir, ".aws/config"))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(config)) {
				if strings.HasPrefix(strings.TrimSpace(line), "[") && strings.Contains(line, "forged") {
					t.Errorf("%s: a forged stanza:\n%s", field, config)
				}
				if strings.HasPrefix(line, "credential_process") && strings.Contains(line, "touch") {
					t.Errorf("%s: a forged command:\n%s", field, config)
				}
			}
			if _, err := os.Lstat(filepath.Join(h.Dir, "owned")); err == nil {
				t.Fatalf("%s: %q was run", field, text)
			}
		}
	}

	// Given on the command line, and in what AWS answers.
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	for _, text := range hostile {
		if strings.Contains(text, "\x00") || len(text) > 1000 {
			continue
		}
		text = strings.ReplaceAll(text, "HOME", h.Dir)
		for _, command := range [][]string{{"process", "--", text}, {"assume", "--", text}, {"whoami", "--", text}, {"setup", "--", text}, {"clear", "--", text}, {"log", "--account=" + text},
			{"setup", "--dry-run", "--profile-prefix=" + text}} {
			stdout, stderr, _ := h.Run("aws-accounts", append([]string{"--no-input"}, command...)...)
			runs++
			harmless(t, strings.Join(command[:1], " ")+" "+fmt.Sprintf("%q", text), stdout+stderr)
		}
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }) {
			continue // not in XML
		}
		clear := aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.Refusal, Status: 400, Code: "ValidationError", Message: text})
		for _, command := range [][]string{{"process", "dev"}, {"assume", "dev"}, {"log"}} {
			stdout, stderr, _ := h.Run("aws-accounts", append([]string{"--no-input"}, command...)...)
			runs++
			harmless(t, "AWS says: "+command[0], stdout+stderr)
		}
		clear()
	}
}

// harmless: nothing in it moves a cursor, changes a colour or turns text around.
func harmless(t *testing.T, where, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s: not UTF-8: %.300q", where, text)
		return
	}
	if i := strings.IndexFunc(text, func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029')
	}); i >= 0 {
		t.Errorf("%s: a control character: %.300q", where, text[max(0, i-60):])
	}
	if strings.Contains(text, "\n[profile forged]") {
		t.Errorf("%s: a line that isn't ours: %.300q", where, text)
	}
}
