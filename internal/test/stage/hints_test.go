package stage

import (
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"aws-accounts/internal/test/standin"
)

// Every step that any test of this package provokes, in a transcript or by Home.Run, is typed back once, as far as it can be without
// a person: its commands are understood by the program, or by the shell, as they stand; its flags are there. What is no command is
// one of notTyped.
func init() {
	seen = func(t testing.TB, outputs ...string) {
		if wrong := typeBack(t, outputs...); wrong != "" {
			t.Errorf("%s", wrong)
		}
	}
}

// notTyped are the steps that nobody can type at a shell, by how they begin, and why.
var notTyped = []struct{ why, begins string }{
	{"somebody else has to do it", "allow|ask|the caller may assume it|tell who"},
	{"somebody has to look", "check|its id is like|run the command by (?:hand|itself)|copy both"},
	{"a file is to be edited, and what to write there is a choice",
		"correct|write|set|make them agree|move the lines|rename|name|take|if the change is right|you have|give"},
	{"it is the same command again with other words", "--|it must be|leave|say|use|choose|type|these profiles have one|the SSO sessions there are"},
	{"there is nothing to do but wait", "wait|try again"},
}

var (
	aStep       = regexp.MustCompile(`(?m)(?:^hint: |^next: |; hint: |^ +-> )(.*)$`)
	quoted      = regexp.MustCompile("`([^`]+)`")
	aFlag       = regexp.MustCompile(`(?:^|[ (` + "`" + `])(--[a-z][a-z-]+)`)
	anArgument  = regexp.MustCompile(`^(--[a-z-]+(=\S+)?|dev prod|'prod-\*'|-- sh -c '…'|cd|aws-accounts)$`)
	knownToUs   = regexp.MustCompile(`^([A-Z_]+=\S+ )?(aws|aws-accounts|chmod|chown|eval|export|ls|minisign|mkdir|openssl|rm|timedatectl|unset) `)
	alreadySeen sync.Map
)

func typeBack(t testing.TB, outputs ...string) (wrong string) {
	if runtime.GOOS == "windows" { // whose steps are for other shells
		return ""
	}
	for _, found := range aStep.FindAllStringSubmatch(strings.Join(outputs, "\n"), -1) {
		step := found[1]
		if _, again := alreadySeen.LoadOrStore(step, true); again || strings.Contains(step, "'`") { // a hostile name, within quotes
			continue
		}
		commands := quoted.FindAllStringSubmatch(step, -1)
		if len(commands) == 0 && !cannotBeTyped(step) {
			wrong += "a step without a command, and without a reason for that: " + step + "\n"
		}
		for _, c := range commands {
			if err := understood(t, c[1]); err != nil {
				wrong += fmt.Sprintf("`%s` of %q: %v\n", c[1], step, err)
			}
		}
		for _, flag := range aFlag.FindAllStringSubmatch(quoted.ReplaceAllString(step, ""), -1) {
			if !strings.Contains(allHelp(t), strings.Replace(flag[1], "--no-", "--", 1)) && !strings.Contains(allHelp(t), flag[1]) {
				wrong += fmt.Sprintf("no command has the flag %s of %q\n", flag[1], step)
			}
		}
	}
	return wrong
}

func cannotBeTyped(step string) bool {
	for _, n := range notTyped {
		if regexp.MustCompile(`^(` + n.begins + `)`).MatchString(step) {
			return true
		}
	}
	return false
}

// understood has the program, or the shell, read a command, and not do it.
func understood(t testing.TB, command string) error {
	switch ours, isOurs := strings.CutPrefix(command, "aws-accounts "); {
	case isOurs:
		ours = strings.ReplaceAll(ours, "--region=REGION", "--region=eu-west-1") // which is read as a region
		cmd := exec.Command("sh", "-c", `"$0" --help `+ours, Binary(t))
		if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "Usage: ") {
			return fmt.Errorf("%v: %s", err, out)
		}
	case anArgument.MatchString(command):
	case !knownToUs.MatchString(command):
		return fmt.Errorf("no program that is known here")
	default:
		if out, err := exec.Command("sh", "-n", "-c", command).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	return nil
}

var helpOfAll struct {
	sync.Once
	text string
}

// allHelp is what --help says of all commands.
func allHelp(t testing.TB) string {
	helpOfAll.Do(func() {
		top, _ := exec.Command(Binary(t), "--help").Output()
		for _, command := range regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?) `).FindAllStringSubmatch(string(top), -1) {
			out, _ := exec.Command(Binary(t), append(strings.Fields(command[1]), "--help")...).Output()
			helpOfAll.text += strings.ReplaceAll(string(out), "--[no-]", "--")
		}
	})
	return helpOfAll.text
}

// What has failed works once its step has been typed.
func TestStepsHelp(t *testing.T) {
	t.Parallel()
	const accounts = `{"defaults": {"region": "eu-west-1"}, "accounts": [{"name": "main", "account_id": "` + MainAccount + `"},
		{"name": "dev", "account_id": "` + DevAccount + `", "source": "main", "role_arn": "` + DevRole + `"},
		{"name": "audit", "account_id": "` + DevAccount + `", "sso": {"session": "corp", "role_name": "ReadOnly"}}],
		"sso_sessions": [{"name": "corp", "start_url": "` + StartURL + `", "region": "eu-west-1"}]}`
	for _, c := range []struct {
		name, before, command string
		step, want            string // what the step begins with that is typed, and what the command then writes
	}{
		{"no profiles", "", "aws-accounts doctor dev", "aws-accounts setup", "(?m)^All is well"},
		{"no profile", "", "aws-accounts assume dev", "aws-accounts setup", "export AWS_PROFILE=dev\n$"},
		{"others can write", "chmod 666 .config/aws-accounts/accounts.json", "aws-accounts list", "chmod", "dev"},
		{"others can read the log", "aws-accounts setup; aws-accounts process dev; chmod 644 " + stateDir + "/access_log.jsonl", "aws-accounts doctor dev", "chmod", "All is well"},
		{"a variable", "export AWS_MAX_ATTEMPTS=few", "aws-accounts whoami dev", "unset", "assumed-role"},
		{"the profile in use", "export AWS_PROFILE=dev", "aws-accounts whoami", "aws-accounts setup", "assumed-role"},
		{"not signed in", "export CI=true BROWSER='curl -sSfL -o page %s'", "aws-accounts whoami audit", "aws-accounts sso login", "assumed-role"},
		{"a key in plain text", "", "aws-accounts keys import", "aws-accounts keys import default --remove", "taken out of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := NewHome(t, standin.Start(t, World()), FileKeychain()...)
			h.Accounts(accounts)
			stdout, stderr, _ := h.Run("sh", "-c", c.before+"\n"+c.command)
			found := regexp.MustCompile("(?:hint|next|->).*?`(" + c.step + "[^`]*)`").FindStringSubmatch(stdout + "\n" + stderr)
			if found == nil {
				t.Fatalf("no such step: %s%s", stdout, stderr)
			}
			before := c.before
			if !strings.HasPrefix(before, "export ") { // what the shell that it was typed into has, too
				before = ""
			}
			stdout, stderr, _ = h.Run("sh", "-c", before+"\n"+found[1]+"\n"+c.command)
			if !regexp.MustCompile(c.want).MatchString(stdout) {
				t.Errorf("`%s` doesn't help:\n%s%s", found[1], stdout, stderr)
			}
		})
	}
}
