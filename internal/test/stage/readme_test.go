package stage

import (
	"bufio"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// TestREADME does what the README and the pages beside the examples tell: it runs the commands of each ```console block, in
// order and in one home for each page, and they must write what is there. Times and IDs may differ, and `…` stands for
// anything. Comments say what comes before a block:
//
//	<!-- before: sh command -->   with $EXAMPLES, $ACCOUNTS, $CONFIG and $CREDENTIALS; $KEY and $EXPIRED are credentials
//	<!-- clock: 20m -->           AWS's clock is so far ahead of ours from now on
//	<!-- needs: kubectl -->       the block is left out where that program isn't there
func TestREADME(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../../examples/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(pages, "../../../README.md") {
		t.Run(strings.TrimPrefix(path, "../../../"), func(t *testing.T) {
			t.Parallel()
			followPage(t, path)
		})
	}
	readme, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"accounts.json", "aws-config"} { // what is shown is what is there
		shown, _, _ := strings.Cut(example(t, name), "[profile prod]")
		if _, dev, ok := strings.Cut(shown, "[profile dev]"); ok {
			shown = "[profile dev]" + strings.TrimRight(dev, "\n") + "\n```"
		}
		if !strings.Contains(string(readme), shown) {
			t.Errorf("the README doesn't show examples/%s as it is", name)
		}
	}
}

func followPage(t *testing.T, path string) {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	aws := standin.Start(t, exampleWorld())
	h := NewHome(t, aws, FileKeychain()...)
	aliases := lookalikes(t, h, aws)
	h.Accounts("") // makes its folder
	key := aws.Key(User)
	id, secret, token := aws.Issue(DevRole, "alice")
	h.Env = append(h.Env,
		"ACCOUNTS="+filepath.Join(h.Dir, ".config/aws-accounts/accounts.json"),
		"CONFIG="+filepath.Join(h.Dir, ".aws/config"), "CREDENTIALS="+filepath.Join(h.Dir, ".aws/credentials"),
		"KEY="+key.ID+" "+key.Secret, "EXPIRED="+id+" "+secret+" "+token)

	var command, want string
	commands, line := 0, 0
	check := func() {
		if command == "" {
			return
		}
		commands++
		got, _ := h.combined("sh", "-c", command)
		if got = readable(aliases.Replace(got)); !matchesREADME(got, readable(want)) {
			t.Errorf("%s, before line %d: $ %s\nwrites\n%s\nand not\n%s", path, line, command, got, readable(want))
		}
		command, want = "", ""
	}
	inside, leftOut := false, false
	for lines := bufio.NewScanner(file); lines.Scan(); {
		line++
		text := lines.Text()
		switch {
		case text == "```console":
			inside = true
		case inside && text == "```":
			check()
			inside, leftOut = false, false
		case inside && leftOut:
		case inside && strings.HasPrefix(text, "$ "):
			check()
			command = text[2:]
		case inside:
			want += text + "\n"
		case strings.HasPrefix(text, "<!-- needs: "):
			leftOut = lacks(t, strings.TrimSuffix(strings.TrimPrefix(text, "<!-- needs: "), " -->"))
		case strings.HasPrefix(text, "<!-- before: "):
			before := strings.TrimSuffix(strings.TrimPrefix(text, "<!-- before: "), " -->")
			if out, status := h.combined("sh", "-c", before); status != 0 {
				t.Fatalf("%s:%d: exit %d\n%s", path, line, status, out)
			}
		case strings.HasPrefix(text, "<!-- clock: "):
			d, err := time.ParseDuration(strings.TrimSuffix(strings.TrimPrefix(text, "<!-- clock: "), " -->"))
			if err != nil {
				t.Fatalf("%s:%d: %v", path, line, err)
			}
			aws.SetClockOffset(d)
		}
	}
	if commands < 5 && path == "../../../README.md" {
		t.Errorf("only %d commands were found", commands)
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// lacks reports whether a program isn't there, which CI doesn't take but for those that .ci/stage couldn't install.
func lacks(t *testing.T, program string) bool {
	if _, err := exec.LookPath(program); err == nil {
		return false
	}
	t.Run(program, func(t *testing.T) { without(t, program, program+" isn't on PATH") })
	return true
}

// lookalikes puts an AWS CLI first on PATH that talks to the stand-in, as older ones don't know AWS_ENDPOINT_URL, and
// returns what makes paths those of the README.
func lookalikes(t *testing.T, h *Home, aws *standin.Server) *strings.Replacer {
	cli, err := exec.LookPath("aws")
	if err != nil {
		without(t, "awscli2", "the AWS CLI isn't on PATH")
	}
	bin := t.TempDir()
	writeProgram(t, filepath.Join(bin, "aws"), "#!/bin/sh\nexec "+cli+" --endpoint-url "+aws.URL()+" \"$@\"\n")
	examples, err := filepath.Abs("../../../examples")
	if err != nil {
		t.Fatal(err)
	}
	h.Env = append(h.Env, "EXAMPLES="+examples,
		"PATH="+strings.Join([]string{bin, filepath.Dir(Binary(t)), os.Getenv("PATH")}, string(os.PathListSeparator)))
	login := "alice"
	if u, err := user.Current(); err == nil {
		login = u.Username
	}
	return strings.NewReplacer(h.Dir, "/home/alice", "(file)", "(secret-service)", Binary(t), "/usr/local/bin/aws-accounts",
		"Role/"+login+"\n", "Role/alice\n", ":"+login+"\n", ":alice\n")
}

var changeable = []struct {
	pattern *regexp.Regexp
	to      string
}{
	{regexp.MustCompile(`\b(AKIA|ASIA|AIDA|AROA)[A-Z0-9]{16,}`), "${1}…"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`), "DATE"},
	{regexp.MustCompile(`\b\d\d:\d\d(:\d\d)?\b`), "TIME"},
	{regexp.MustCompile(`\b(\d+h)?\d+m left`), "SOME left"},
	{regexp.MustCompile(`  +`), "  "}, // columns are as wide as what is in them
	{regexp.MustCompile(` +\n`), "\n"},
}

// readable is text without what differs from one run to the next.
func readable(text string) string {
	text += "\n"
	for _, c := range changeable {
		text = c.pattern.ReplaceAllString(text, c.to)
	}
	return strings.Trim(text, "\n") + "\n"
}

func matchesREADME(got, want string) bool {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*") + "$").MatchString(got)
}

// The tests that SECURITY.md names are there.
func TestSecurityClaims(t *testing.T) {
	t.Parallel()
	claims, err := os.ReadFile("../../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	err = filepath.WalkDir("../../..", func(path string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			data, readErr := os.ReadFile(path)
			tests.Write(data)
			err = readErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+)`").FindAllStringSubmatch(string(claims), -1) {
		if !strings.Contains(tests.String(), "\nfunc "+name[1]+"(") {
			t.Errorf("SECURITY.md names %s, which isn't there", name[1])
		}
	}
	for _, name := range regexp.MustCompile("`TestTranscripts` \\(([a-z_, ]+)\\)").FindAllStringSubmatch(string(claims), -1) {
		for transcript := range strings.SplitSeq(name[1], ", ") {
			if _, err := os.Stat(filepath.Join("testdata", transcript+".txtar")); err != nil {
				t.Errorf("SECURITY.md names a transcript that isn't there: %v", err)
			}
		}
	}
}
