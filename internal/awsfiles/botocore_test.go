// Wine has no Python; what botocore reads is the same everywhere.

//go:build !windows

package awsfiles

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// botocoreReads reads each file of its standard input as botocore does, and splits each command.
const botocoreReads = `
import base64, json, os, sys, tempfile
import botocore.exceptions
from botocore.compat import compat_shell_split
from botocore.configloader import build_profile_map, raw_config_parse
todo, done = json.load(sys.stdin), {"files": [], "commands": []}
with tempfile.TemporaryDirectory() as dir:
    path = os.path.join(dir, "f")
    for b in todo["files"] or []:
        with open(path, "wb") as f:
            f.write(base64.b64decode(b))
        try:
            raw = raw_config_parse(path, parse_subsections=False)
            done["files"].append({"raw": raw, "profiles": build_profile_map(raw)["profiles"]})
        except botocore.exceptions.ConfigParseError:
            done["files"].append({"refused": True})
for c, platform in todo["commands"] or []:
    try:
        done["commands"].append(compat_shell_split(c, platform))
    except ValueError:
        done["commands"].append(None)
json.dump(done, sys.stdout)
`

type botocoreFile struct {
	Refused       bool
	Raw, Profiles map[string]map[string]string
}

func botocore(t *testing.T, files [][]byte, commands [][2]string) (out struct {
	Files    []botocoreFile
	Commands [][]string
}) {
	t.Helper()
	if err := exec.Command("python3", "-c", "import botocore").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3 with botocore is needed in CI: %v", err)
		}
		t.Skipf("NOT TESTED against botocore: python3 with botocore is missing (%v); `pip install botocore`", err)
	}
	in, err := json.Marshal(map[string]any{"files": files, "commands": commands})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("python3", "-X", "utf8", "-c", botocoreReads)
	c.Stdin = bytes.NewReader(in)
	c.Stderr = os.Stderr
	b, err := c.Output()
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil || len(out.Files) != len(files) || len(out.Commands) != len(commands) {
		t.Fatalf("botocore: %v", err)
	}
	return out
}

// variants are the test files, and others made of their pieces, the same at each run.
func variants(t testing.TB, n int) (files [][]byte) {
	var pieces []string
	for _, dir := range []string{"config", "credentials"} {
		all := testFiles(t, dir)
		var names []string
		for name := range all {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			files = append(files, all[name])
			pieces = append(pieces, strings.SplitAfter(string(all[name]), "\n")...)
		}
	}
	pieces = append(pieces, "\n", " ", "\t", "  ", "]", "[", "=", ":", "#", ";", "'", "\"", " # c\n", "\u00a0", "\x1c", "[default]\n", "region", "x", "\\")
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		var b strings.Builder
		if r.IntN(4) > 0 {
			b.WriteString("[default]\n")
		}
		for range 1 + r.IntN(8) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		files = append(files, []byte(b.String()))
	}
	return files
}

func TestAgreesWithBotocore(t *testing.T) {
	var files [][]byte
	for _, f := range variants(t, 1000) {
		if !bytes.Contains(bytes.ReplaceAll(f, []byte("\r\n"), nil), []byte("\r")) {
			files = append(files, f)
		}
	}
	refused := 0
	for i, real := range botocore(t, files, nil).Files {
		src := files[i]
		d, err := parse(src, Config)
		if err != nil {
			t.Fatal(err)
		}
		fatal := slices.ContainsFunc(d.problems, func(p Problem) bool { return p.By == Botocore && p.Fatal })
		if fatal != real.Refused {
			t.Fatalf("%q: botocore refuses: %v, problems: %+v", src, real.Refused, d.problems)
		}
		if real.Refused {
			refused++
			continue
		}
		all, err := Profiles(src, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, settings := range real.Profiles {
			p, ok := all.Profile(name)
			if !ok && name != "" {
				t.Fatalf("%q: botocore finds profile %q", src, name)
			}
			if name == "" {
				continue // [profile ""], which nobody can ask for
			}
			for key, want := range settings {
				got, ok := p.Get(Botocore, key)
				if strings.HasPrefix(want, "\n") {
					ok, want = ok && got.Nested, ""
				}
				if !ok || got.Value != want {
					t.Fatalf("%q: profile %q, %s: got %q, botocore says %q", src, name, key, got.Value, want)
				}
			}
		}
		for _, name := range all.Names() {
			p, _ := all.Profile(name)
			_, there := real.Profiles[name]
			if seen := slices.ContainsFunc(p.Config, func(s *Section) bool { return s.botoPr == name }); seen != there {
				t.Fatalf("%q: profile %q: botocore sees it: %v", src, name, there)
			}
			for _, s := range p.effective(Botocore) {
				for _, st := range s.Settings {
					if _, ok := real.Profiles[name][st.Key]; !ok && st.By&Botocore != 0 {
						t.Fatalf("%q: profile %q: botocore has no %s", src, name, st.Key)
					}
				}
			}
		}
	}
	t.Logf("%d files, of which botocore refuses %d", len(files), refused)
}

// What an edit writes is what botocore reads, and what it read elsewhere it reads still.
func TestBotocoreReadsEdits(t *testing.T) {
	var before, after [][]byte
	want := []Stanza{stanza("dev", "eu-west-1"), stanza("fresh", "")}
	var reports []Report
	for _, old := range variants(t, 400) {
		edited, report, err := Edit{Want: want, Remove: func(_, a string) bool { return a == "prod" }}.Apply(old)
		if err != nil {
			t.Fatal(err)
		}
		before, after, reports = append(before, old), append(after, edited), append(reports, report)
	}
	out := botocore(t, append(slices.Clone(before), after...), nil).Files
	for i, report := range reports {
		was, is := out[i], out[i+len(before)]
		if is.Refused {
			if !was.Refused {
				t.Fatalf("botocore refuses what was made of %q: %q", before[i], after[i])
			}
			continue
		}
		if was.Refused {
			continue // it held the same stanza twice
		}
		for _, c := range report.Changes {
			p, there := is.Profiles[c.Profile]
			if there == (c.Action == Removed) || there && p["credential_process"] != "/opt/aws-accounts process "+c.Account {
				t.Fatalf("%q: %+v, but botocore reads %v", after[i], c, p)
			}
			delete(is.Raw, "profile "+c.Profile)
		}
		for name, section := range is.Raw {
			for k, v := range section {
				if was.Raw[name][k] != v {
					t.Fatalf("[%s] %s is %q, was %q", name, k, v, was.Raw[name][k])
				}
			}
		}
	}
}

func TestCommandSplitsInBotocore(t *testing.T) {
	pieces := []string{"a", "/", " ", "'", `"`, `\`, "$x", "#", ";", "~", "(", "é", "=", "*", "&", " #", "-", "`"}
	r := rand.New(rand.NewPCG(3, 4))
	word := func() (w string) {
		for range r.IntN(6) {
			w += pieces[r.IntN(len(pieces))]
		}
		return w
	}
	var commands [][2]string
	var want [][]string
	for range 5000 {
		for goos, platform := range map[string]string{"linux": "linux", "windows": "win32"} {
			binary, args := map[string]string{"linux": "/", "windows": `C:\`}[goos]+word(), []string{word(), word()}
			c, err := Command(binary, args, goos)
			if err != nil {
				continue
			}
			if goos == "windows" {
				binary = strings.ReplaceAll(binary, "/", `\`)
			}
			commands, want = append(commands, [2]string{c, platform}), append(want, append([]string{binary}, args...))
		}
	}
	// And our own splitters are botocore's, on whatever is in a file.
	made := len(commands)
	for range 5000 {
		w := word() + word()
		commands = append(commands, [2]string{w, "linux"}, [2]string{w, "win32"})
	}
	for i, got := range botocore(t, nil, commands).Commands {
		if i < made {
			if !slices.Equal(got, want[i]) {
				t.Fatalf("%s: botocore makes %q, want %q", commands[i][0], got, want[i])
			}
			continue
		}
		split := splitPOSIX
		if commands[i][1] == "win32" {
			split = splitWindows
		}
		mine, err := split(commands[i][0])
		if (err != nil) != (got == nil) || err == nil && !slices.Equal(mine, got) {
			t.Fatalf("%v: botocore makes %q, we %q, %v", commands[i], got, mine, err)
		}
	}
}
