package stage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// What must never be torn, in a home.
var whole = []string{".aws/config", ".aws/credentials", ".config/aws-accounts/accounts.json"}

// Killed at each system call that touches a file: every file is the old or the new one, the next command works, the same
// command run again finishes, and what was left lying about doesn't pile up.
func TestKilledAtEachCall(t *testing.T) {
	t.Parallel()
	const ordinary = "# mine\n[default]\nregion = eu-west-1\n\n[profile other] ; keep\noutput=json\n"
	warm := func(h *Home) { h.MustRun("aws-accounts", "process", "dev") }
	for _, c := range []struct {
		name    string
		prepare func(h *Home)
		command []string
		undo    []string // and this, which writes the same files once more
	}{
		{"setup", func(h *Home) { h.Write(".aws/config", ordinary) }, []string{"setup"}, []string{"setup", "--remove"}},
		{"setup at first use", func(h *Home) {
			if err := os.RemoveAll(filepath.Join(h.Dir, ".config")); err != nil {
				h.t.Fatal(err)
			}
		}, []string{"setup"}, nil},
		{"setup --remove", func(h *Home) { h.Write(".aws/config", ordinary); h.MustRun("aws-accounts", "setup") },
			[]string{"setup", "--remove"}, []string{"setup"}},
		{"keys import --remove", func(h *Home) {}, []string{"keys", "import", "--account=main", "--remove"}, nil},
		{"add", func(h *Home) {}, []string{"add", "prod", "--role-arn=" + ProdRole}, nil},
		{"clear", warm, []string{"clear", "dev"}, nil},
		{"process, cold", func(h *Home) {}, []string{"process", "dev"}, nil},
		{"process, renewing", func(h *Home) { warm(h); h.age("dev", 5*time.Minute) }, []string{"process", "dev"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			aws := standin.Start(t, World())
			template := NewHome(t, aws, FileKeychain()...)
			template.Accounts(keysAccounts)
			c.prepare(template)
			old := contents(t, template)
			done := template.copy(t)
			done.MustRun("aws-accounts", c.command...)
			renewed := contents(t, done)

			calls := map[string]int{}
			points, left := 0, 0
			for nth := 1; ; nth++ {
				h := template.copy(t)
				call := killedAt(t, h.Command("aws-accounts", c.command...), h.Dir, nth)
				for _, name := range whole {
					data, err := os.ReadFile(filepath.Join(h.Dir, name))
					if err != nil && !os.IsNotExist(err) {
						t.Error(err)
					}
					if now := string(data); now != old[name] && now != renewed[name] {
						t.Errorf("killed at %d, %s: %s is neither the old one nor the new:\n%s", nth, call, name, now)
					}
				}
				wholeLog(t, h)
				leftovers := h.leftovers()
				left = max(left, len(leftovers))
				for _, path := range leftovers {
					if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
						t.Errorf("killed at %d, %s: %s has mode %s", nth, call, path, info.Mode())
					}
				}
				if call == "" {
					break
				}
				points++
				calls[call]++

				if c.name != "setup at first use" { // which knows only main
					if g := h.process("dev"); g.status != 0 || g.stderr != "" || !document.MatchString(g.stdout) {
						t.Errorf("killed at %d, %s: the next process: exit %d, stderr %q", nth, call, g.status, g.stderr)
					}
				}
				if !maps.Equal(contents(t, h), renewed) || c.undo != nil { // what is done already can't always be done twice
					h.MustRun("aws-accounts", c.command...)
				}
				for name, want := range renewed {
					if now := contents(t, h)[name]; now != want {
						t.Errorf("killed at %d, %s: %s isn't finished by the next run:\n%s", nth, call, name, now)
					}
				}
				if c.undo != nil {
					long := time.Now().Add(-2 * time.Hour)
					for _, path := range leftovers {
						os.Chtimes(path, long, long)
					}
					h.MustRun("aws-accounts", c.undo...)
					if l := h.leftovers(); len(l) > 0 {
						t.Errorf("killed at %d, %s: still there: %v", nth, call, l)
					}
				}
				if nth%8 == 0 {
					if err := NoSecrets(h.Dir, aws); err != nil {
						t.Errorf("killed at %d, %s: %v", nth, call, err)
					}
				}
			}
			if points == 0 {
				t.Error("no call touches a file")
			}
			t.Logf("killed at each of %d calls (%s): every file old or new, at most %d left behind at a time", points, counted(calls), left)
		})
	}
}

func counted(calls map[string]int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		list = append(list, fmt.Sprintf("%s %d", name, calls[name]))
	}
	return strings.Join(list, ", ")
}

// contents are the files that must be whole, "" where there is none.
func contents(t *testing.T, h *Home) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, name := range whole {
		data, err := os.ReadFile(filepath.Join(h.Dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all[name] = string(data)
	}
	return all
}

// wholeLog: no line of the log is torn.
func wholeLog(t *testing.T, h *Home) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.Dir, ".local/state/aws-accounts/access_log.jsonl"))
	if os.IsNotExist(err) || len(data) == 0 {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(data, []byte("\n")) {
		t.Errorf("the log ends in the middle of a line")
	}
	for line := range bytes.Lines(data) {
		if !json.Valid(line) {
			t.Errorf("a torn line in the log: %s", line)
		}
	}
}

// copy is another home that holds the same.
func (h *Home) copy(t *testing.T) *Home {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "home")
	if out, err := exec.Command("cp", "-a", h.Dir, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	other := &Home{t: t, Dir: dir, Env: slices.Clone(h.Env)}
	for i, v := range other.Env {
		if strings.HasPrefix(v, "HOME=") {
			other.Env[i] = "HOME=" + dir
		}
	}
	return other
}

// The names of files that aren't whole yet.
var inTheMaking = regexp.MustCompile(`^\.(new-|.*\.aws-accounts-[0-9]+$)`)

func (h *Home) leftovers() (paths []string) {
	filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && inTheMaking.MatchString(d.Name()) {
			paths = append(paths, path)
			if d.IsDir() {
				return fs.SkipDir
			}
		}
		return nil
	})
	return paths
}
