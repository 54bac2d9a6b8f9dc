//go:build unix

package stage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A state folder that somebody else can change holds nothing that may be believed, and gets nothing of ours: neither log nor
// locks, notes or keychain. Credentials come all the same. A person is told, and doctor fails.
func TestStateFolderOfOthers(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, state string){
		"others can write it": func(t *testing.T, state string) {
			if err := os.Chmod(state, 0o777); err != nil {
				t.Fatal(err)
			}
		},
		"another user's": func(t *testing.T, state string) {
			if os.Geteuid() != 0 {
				t.Skip("NOT TESTED: without root no folder can be somebody else's")
			}
			if err := os.Chown(state, 4242, -1); err != nil {
				t.Fatal(err)
			}
		},
		"a link to another user's": func(t *testing.T, state string) {
			if os.Geteuid() != 0 {
				t.Skip("NOT TESTED: without root no folder can be somebody else's")
			}
			theirs := filepath.Join(t.TempDir(), "theirs")
			if err := os.Rename(state, theirs); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(theirs, state); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(theirs, 4242, -1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := NewHome(t, startStageAWS(t, ""), FileKeychain()...)
			h.Accounts(stageAccounts)
			h.MustRun("aws-accounts", "process", "dev")
			state := filepath.Join(h.Dir, ".local", "state", "aws-accounts")
			spoil(t, state)
			outside := filepath.Join(t.TempDir(), "outside")
			log := filepath.Join(state, "access_log.jsonl")
			if err := os.Remove(log); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, log); err != nil { // where the log would be written to
				t.Fatal(err)
			}
			before := tree(t, state)
			out, errs, status := h.Run("aws-accounts", "process", "dev")
			if status != 0 || !strings.HasPrefix(out, `{"Version":1,`) || errs != "" {
				t.Errorf("process: exit %d, %d bytes, stderr %q", status, len(out), errs)
			}
			if _, errs, status = h.Run("aws-accounts", "assume", "dev"); status != 0 || !strings.Contains(errs, "refusing ~/.local/state/aws-accounts: others can change it") {
				t.Errorf("assume: exit %d, stderr %q", status, errs)
			}
			if after := tree(t, state); after != before {
				t.Errorf("the folder held\n%s\nand holds\n%s", before, after)
			}
			if _, err := os.Lstat(outside); err == nil {
				t.Error("the log was written through a link")
			}
			out, _, status = h.Run("aws-accounts", "doctor")
			if status != 1 || !strings.Contains(out, "refusing ~/.local/state/aws-accounts: others can change it") {
				t.Errorf("doctor: exit %d\n%s", status, out)
			}
		})
	}
}

// tree lists what is in a folder: names, sizes and times.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			all.WriteString(strings.Join([]string{path, info.Mode().String(), info.ModTime().String()}, " ") + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
