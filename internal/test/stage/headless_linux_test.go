package stage

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// examples/headless.md: without a session bus, a terminal and whatever else cron leaves out, a session is kept by each of
// the keychains that can do without.
func TestHeadless(t *testing.T) {
	t.Parallel()
	for backend, prepare := range map[string]func(*testing.T, *headless){
		"file":   func(t *testing.T, h *headless) { h.Write("passphrase", "correct horse battery staple\n") },
		"keyctl": asSomebodyElse,
		"pass": func(t *testing.T, h *headless) {
			for _, program := range []string{"pass", "gpg"} {
				if _, err := exec.LookPath(program); err != nil {
					missing(t, program+" isn't installed")
				}
			}
			h.must("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "tester", "default", "default", "never")
			h.must("pass", "init", "tester")
			t.Cleanup(func() { h.must("gpgconf", "--kill", "all") })
		},
	} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := &headless{NewHome(t, aws, "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR="), Binary(t), &syscall.SysProcAttr{Setsid: true}}
			h.Accounts(headlessAccounts(t, h, backend))
			prepare(t, h)
			first := h.must(h.program, "process", "dev")
			if h.must(h.program, "process", "dev") != first || !document.MatchString(first) {
				t.Error("the session isn't kept")
			}
			if n := aws.Calls("AssumeRole"); n != 1 {
				t.Errorf("%d AssumeRole calls", n)
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
			h.must(h.program, "clear", "--all")
		})
	}
}

type headless struct {
	*Home
	program string
	as      *syscall.SysProcAttr
}

func (h *headless) must(name string, args ...string) string {
	h.t.Helper()
	cmd := h.Command(name, args...)
	cmd.SysProcAttr = h.as
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, errs.String())
	}
	return string(out)
}

// headlessAccounts is the page's accounts file, with another keychain and the test's own passphrase.
func headlessAccounts(t *testing.T, h *headless, backend string) string {
	t.Helper()
	page := example(t, "headless.md")
	_, page, _ = strings.Cut(page, "```json\n")
	page, _, _ = strings.Cut(page, "```")
	if backend == "file" {
		return strings.Replace(page, "/run/credentials/aws-accounts", h.Dir+"/passphrase", 1)
	}
	var file map[string]any
	if err := json.Unmarshal([]byte(page), &file); err != nil {
		t.Fatal(err)
	}
	file["keychain"] = map[string]string{"backend": backend}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// asSomebodyElse leaves the tester's own keys in the kernel alone.
func asSomebodyElse(t *testing.T, h *headless) {
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); err != nil {
		missing(t, "the kernel allows no keyrings here: "+err.Error())
	}
	if os.Geteuid() != 0 {
		missing(t, "only root can be another user")
	}
	const uid = 54322
	program, err := os.ReadFile(h.program)
	if err != nil {
		t.Fatal(err)
	}
	h.program = filepath.Join(h.Dir, "aws-accounts")
	writeProgram(t, h.program, string(program))
	if err := os.Chmod(filepath.Dir(h.Dir), 0o711); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(h.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.as = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: uid, Gid: uid}}
}
