package session

import (
	"encoding/json"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// awkward is what a quoting could trip over.
const awkward = "a b'c\"d\\e$HOME`id`$(id)!{x}*?~#;&|<>%PATH%^(\t)\n\\'\\\\' ‘’‚‛ é"

// Each form of each value, to the letter; these are contracts.
func TestForms(t *testing.T) {
	for _, c := range []struct {
		forms     Forms
		value     string
		set, want string // want is the whole of what is written, "" for an error
	}{
		{forms: Forms{Shell: "bash"}, value: "a'b", want: "unset X Y\nexport V='a'\\''b'\n"},
		{forms: Forms{Shell: "/usr/bin/zsh"}, value: "$x", want: "unset X Y\nexport V='$x'\n"},
		{forms: Forms{Shell: "fish"}, value: `a'b\c`, want: "set -gu X; set -gu Y\nset -gx V 'a\\'b\\\\c'\n"},
		{forms: Forms{Shell: "pwsh"}, value: "a'b’c$d`e", want: "Remove-Item -ErrorAction Ignore -Path Env:X,Env:Y\n$Env:V = 'a''b’’c$d`e'\n"},
		{forms: Forms{Shell: "PowerShell.exe"}, value: "v", want: "Remove-Item -ErrorAction Ignore -Path Env:X,Env:Y\n$Env:V = 'v'\n"},
		{forms: Forms{Shell: "cmd"}, value: "a b&c", want: "set \"X=\"\nset \"Y=\"\nset \"V=a b&c\"\n"},
		{forms: Forms{Shell: "cmd"}, value: "100%"},
		{forms: Forms{Shell: "cmd"}, value: `"`},
		{forms: Forms{Shell: "cmd"}, value: "a\nb"},
		{forms: Forms{Dotenv: true}, value: "wJalrXUtnFEMI/K7MDENG+bPxRfiCY==", want: "V=wJalrXUtnFEMI/K7MDENG+bPxRfiCY==\n"},
		{forms: Forms{Dotenv: true}, value: "a b"},
		{forms: Forms{Dotenv: true}, value: "a#b"},
		{forms: Forms{JSON: true}, value: `a"b`, want: `{"V":"a\"b"}` + "\n"},
	} {
		var b strings.Builder
		write, err := c.forms.writer()
		if err != nil {
			t.Errorf("%+v: %v", c.forms, err)
			continue
		}
		err = write(&b, []string{"X", "Y"}, []variable{{"V", c.value}})
		if b.String() != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v, %q: wrote %q, %v; want %q", c.forms, c.value, b.String(), err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), c.value) {
			t.Errorf("the error shows the value: %v", err)
		}
	}
}

func TestShellOfTheUser(t *testing.T) {
	for shell, want := range map[string]*syntax{"/bin/bash": posix, "/usr/bin/fish": fish, "/opt/microsoft/powershell/7/pwsh": powershell, "/bin/tcsh": nil, "/bin/\x1b[31m": nil} {
		t.Setenv("SHELL", shell)
		got, err := (&Forms{}).syntax()
		if got != want || (err != nil) != (want == nil) {
			t.Errorf("%q: %v", shell, err)
		}
		if err != nil && strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q", err)
		}
	}
}

// What is written is what the shells that are here understand: they evaluate it and say what they have then.
func TestShellsUnderstand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("TestCmdUnderstands is for here")
	}
	ran := 0
	for shell, eval := range map[string]string{"bash": `eval "$1"`, "dash": `eval "$1"`, "sh": `eval "$1"`, "zsh": `eval "$1"`, "fish": "echo $argv[2] | source", "pwsh": ""} {
		path, err := exec.LookPath(shell)
		if err != nil || eval == "" {
			continue
		}
		ran++
		t.Run(shell, func(t *testing.T) {
			forms := Forms{Shell: shell}
			write, err := forms.writer()
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := write(&b, []string{"GONE", "NEVER"}, []variable{{"V", awkward}, {"EMPTY", ""}}); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(path, "-c", eval+`; env -0`, "x", b.String())
			cmd.Env = []string{"GONE=here", "PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8"}
			if shell == "fish" { // has no $0
				cmd.Args = []string{path, "-c", "echo -- $argv[1] | source; and env -0", b.String()}
			}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			has := strings.Split(string(out), "\x00")
			for _, entry := range []string{"V=" + awkward, "EMPTY="} {
				found := false
				for _, h := range has {
					found = found || h == entry
				}
				if !found {
					t.Errorf("%q isn't in %q", entry, has)
				}
			}
			if strings.Contains(string(out), "GONE=") {
				t.Error("GONE is still there")
			}
		})
	}
	if ran == 0 {
		t.Error("no shell here to try")
	}
}

func FuzzForms(f *testing.F) {
	f.Add(awkward)
	f.Fuzz(func(t *testing.T, value string) {
		line, err := powershell.set("V", value)
		if err != nil || strings.Count(line, "'")%2 != 0 {
			t.Errorf("%q, %v", line, err)
		}
		if line, err := cmdExe.set("V", value); err == nil && strings.Count(line, `"`) != 2 {
			t.Errorf("%q", line)
		}
		if line, err := dotenv.set("V", value); err == nil && line != "V="+value {
			t.Errorf("%q", line)
		}
		var b strings.Builder
		if err := writeVariablesJSON(&b, nil, []variable{{"V", value}}); err != nil || !json.Valid([]byte(b.String())) {
			t.Errorf("%q, %v", b.String(), err)
		}
	})
}
