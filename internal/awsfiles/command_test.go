package awsfiles

import (
	"bytes"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		goos, binary string
		args         []string
		want         string // "" is an error
	}{
		{"linux", "/usr/bin/aws-accounts", []string{"process", "dev"}, "/usr/bin/aws-accounts process dev"},
		{"linux", "/usr/bin/aws-accounts", []string{"process", "me@x.y+z_-"}, "/usr/bin/aws-accounts process me@x.y+z_-"},
		{"darwin", "/My Apps/aws-accounts", []string{"process", "dev"}, "'/My Apps/aws-accounts' process dev"},
		{"linux", "/it's/aws-accounts", []string{"process", "dev"}, `'/it'\''s/aws-accounts' process dev`},
		{"linux", "/a #b/aws-accounts", []string{"process", "dev"}, `'/a ''#b/aws-accounts' process dev`},
		{"linux", "/a b/aws-accounts", []string{"process", "c d"}, `/'a b/aws-accounts' process 'c d'`},
		{"linux", "/$HOME/`x`/aws-accounts", []string{"process", "dev"}, "'/$HOME/`x`/aws-accounts' process dev"},
		{"linux", "/a", []string{"", "#x"}, "/a '' '#x'"},
		{"linux", "/~x", nil, "/'~x'"}, // quotes around it all would be Go's to take off
		{"linux", "~/aws-accounts", nil, ""},
		{"linux", "aws-accounts", nil, ""},
		{"linux", "/a\nb", nil, ""},
		{"linux", "/a\u2028b", nil, ""},
		{"linux", "/a\xffb", nil, ""},
		{"linux", "/a", []string{"x\r"}, ""},
		{"windows", `C:\bin\aws-accounts.exe`, []string{"process", "dev"}, `C:\bin\aws-accounts.exe process dev`},
		{"windows", `C:/bin/aws-accounts.exe`, []string{"process", "dev"}, `C:\bin\aws-accounts.exe process dev`},
		{"windows", `\\srv\a b\aws-accounts.exe`, []string{"process", "dev"}, `"\\srv\a b\aws-accounts.exe" process dev`},
		{"windows", `C:\Program Files\x.exe`, []string{"--accounts-file", `D:\x y\`, "process", "dev"}, `"C:\Program Files\x.exe" --accounts-file "D:\x y\\" process dev`},
		{"windows", `C:\x.exe`, []string{"#x", "process", "c#"}, `C:\x.exe "#x" process c#`}, // found by fuzzing
		{"windows", `C:\x.exe`, []string{"\u2000"}, "C:\\x.exe \"\u2000\""},                  // found by fuzzing
		{"windows", `C:\a&b\x.exe`, []string{"process", "dev"}, `"C:\a&b\x.exe" process dev`},
		{"windows", `C:\a b\x.exe`, []string{"c d"}, ""},
		{"windows", `C:\%TEMP%\x.exe`, nil, ""},
		{"windows", `C:\a #b\x.exe`, nil, ""},
		{"windows", `C:\x.exe`, []string{`a"b`}, ""},
		{"windows", `x.exe`, nil, ""},
		{"windows", `/x.exe`, nil, ""},
		{"windows", `C:x.exe`, nil, ""},
	} {
		got, err := Command(c.binary, c.args, c.goos)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s %q %q: got %s, %v; want %s", c.goos, c.binary, c.args, got, err, c.want)
		}
	}
}

func TestCaveat(t *testing.T) {
	for command, warns := range map[string]bool{
		`C:\x.exe process dev`:     false,
		`"C:\a b\x.exe" process x`: true,
		`C:\José\x.exe process x`:  true,
	} {
		if got := caveat(command, "windows"); (got != "") != warns {
			t.Errorf("%s: %q", command, got)
		}
		if got := caveat(command, "linux"); got != "" {
			t.Errorf("%s: %q", command, got)
		}
	}
}

// FuzzCommand: sh, shlex, Go's reader and botocore's reader all come back to the words that went in, and for Windows
// Microsoft's rules do.
func FuzzCommand(f *testing.F) {
	f.Add("/usr/bin/aws-accounts", "process", "dev")
	f.Add("/a #b/it's", "$HOME", " ;`x`\\")
	f.Add(`/'a"`, "~", "*?[a]{b,c}!")
	f.Add("C:\\a b\\x", `D:\x y\`, "dev")
	sh, _ := exec.LookPath("sh")
	f.Fuzz(func(t *testing.T, path, a, b string) {
		binary := "/" + path
		if got, err := Command(binary, []string{a, b}, "linux"); err == nil {
			want := []string{binary, a, b}
			if words, err := splitPOSIX(got); err != nil || !slices.Equal(words, want) {
				t.Fatalf("%q: shlex makes %q of %s", want, words, got)
			}
			if sh != "" && runtime.GOOS != "windows" {
				out, err := exec.Command(sh, "-c", `printf '%s\0' `+got).Output()
				if words := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); err != nil || !slices.Equal(words, want) {
					t.Fatalf("%q: sh makes %q of %s: %v", want, words, got, err)
				}
			}
			readsAs(t, got)
		}
		binary = `C:\` + path
		if got, err := Command(binary, []string{a, b}, "windows"); err == nil {
			want := []string{strings.ReplaceAll(binary, "/", `\`), a, b}
			if words, err := splitWindows(got); err != nil || !slices.Equal(words, want) {
				t.Fatalf("%q: Windows makes %q of %s", want, words, got)
			}
			readsAs(t, got)
		}
	})
}

func readsAs(t *testing.T, value string) {
	t.Helper()
	d, err := parse([]byte("[default]\ncredential_process = "+value+"\n"), Config)
	if err != nil || len(d.sections) != 1 || len(d.sections[0].Settings) != 1 {
		t.Fatalf("%s: not one setting", value)
	}
	if s := d.sections[0].Settings[0]; s.By != Both || s.Value != value {
		t.Fatalf("%s is read as %+v", value, d.sections[0].Settings)
	}
}

func TestOurs(t *testing.T) {
	for command, want := range map[string]string{
		"aws-accounts process dev":                                     "dev",
		"/opt/x/aws-accounts process dev":                              "dev",
		"'/a b/aws-accounts' process dev":                              "dev",
		`"/a b/aws-accounts" process "dev"`:                            "dev",
		`/a\ b/aws-accounts process dev`:                               "dev",
		`C:\tools\aws-accounts.exe process dev`:                        "dev",
		`"C:\Program Files\AWS-Accounts.exe" process dev`:              "dev",
		"aws-accounts --accounts-file /x process dev":                  "dev",
		"aws-accounts --accounts-file process process dev":             "dev",
		"aws-accounts --accounts-file=/x --debug process --no-input d": "d",
		"env aws-accounts process dev":                                 "dev",
		"/usr/bin/env -i -u X A=b aws-accounts process dev":            "dev",
		"AWS_ACCOUNTS_FILE=/x aws-accounts process dev":                "dev",
		"aws-accounts process dev # mine":                              "dev",
		"aws-accounts process":                                         "",
		"aws-accounts whoami process":                                  "",
		"aws-accounts-old process dev":                                 "",
		"my-aws-accounts process dev":                                  "",
		"aws-vault exec aws-accounts":                                  "",
		"sh -c 'aws-accounts process dev'":                             "",
		"aws-accounts process 'dev":                                    "",
		"":                                                             "",
	} {
		s := &Section{Settings: []Setting{{Key: keyProcess, Value: command}}}
		if got, ok := stanzaOf(s); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", command, got, ok)
		}
	}
	if _, ok := stanzaOf(&Section{}); ok {
		t.Error("a section without a command is ours")
	}
	if _, ok := stanzaOf(&Section{Settings: []Setting{{Key: keyProcess, Value: "aws-accounts process a"}, {Key: keyProcess, Value: "x"}}}); ok {
		t.Error("a section with somebody else's command too is ours")
	}
}

func TestMentionsUs(t *testing.T) {
	for command, want := range map[string]bool{
		"sh -c 'aws-accounts process dev'":           true,
		`sh -c "exec \"/a b/aws-accounts\" process"`: true,
		"timeout 5 /opt/aws-accounts process dev":    true,
		`cmd /c "C:\x\aws-accounts.exe process dev"`: true,
		"aws-accounts process 'dev":                  true,
		"x;aws-accounts process dev":                 true,
		"my-aws-accounts process dev":                false,
		"aws-vault exec dev":                         false,
		"":                                           false,
	} {
		if got := mentionsUs(command); got != want {
			t.Errorf("%s: %v", command, got)
		}
	}
}

func TestDiff(t *testing.T) {
	old := []byte("[default]\naws_secret_access_key = verysecret\naws_session_token=tok\n  more-of-it\nregion = x\n")
	got := Diff("~/.aws/config", old, append(bytes.Clone(old), "\n[profile dev]\n"...))
	want := "--- ~/.aws/config\n+++ ~/.aws/config\n@@ -3,3 +3,5 @@\n aws_session_token= ****\n     ****\n region = x\n+\n+[profile dev]\n"
	if got != want {
		t.Errorf("got\n%s", got)
	}
	long := []byte("[default]\naws_secret_access_key =\n    verysecret\n    more\n\n    more\n    more\nregion = x\n")
	if got := Diff("x", long, bytes.Replace(long, []byte("region = x\n"), []byte("region = y\n"), 1)); strings.Contains(got, "secret") || strings.Contains(got, "more") || !strings.Contains(got, "****") {
		t.Errorf("a diff that begins within a key:\n%s", got)
	}
	if got := Diff("x", old, old); got != "" {
		t.Errorf("got %q", got)
	}
	got = Diff("x", old, []byte("[default]\r\naws_secret_access_key = other\r\n"))
	for _, secret := range []string{"verysecret", "other", "tok", "more-of-it"} {
		if strings.Contains(got, secret+"\n") || strings.Contains(got, secret+"\r") {
			t.Errorf("%s is in\n%s", secret, got)
		}
	}
}
