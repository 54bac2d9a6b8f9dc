package stage

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// nobody is the user who runs us where the tests are root's, to whom nothing is forbidden.
const nobody = 65534

// unprivileged gives the home to nobody, if it is root's, and returns what makes a command nobody's.
func (h *Home) unprivileged(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		return func(*exec.Cmd) {}
	}
	program := filepath.Join(t.TempDir(), "aws-accounts") // where nobody can start it
	data, err := os.ReadFile(Binary(t))
	if err == nil {
		writeProgram(t, program, string(data))
		err = os.Chmod(filepath.Dir(h.Dir), 0o755) // t.TempDir is the user's alone
	}
	if err != nil {
		t.Fatal(err)
	}
	h.give(t, h.Dir, nobody)
	return func(cmd *exec.Cmd) {
		if cmd.Path == Binary(t) {
			cmd.Path = program
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
}

func (h *Home) give(t *testing.T, path string, uid int) {
	t.Helper()
	err := filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, uid, uid)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Where locks, log and keychain can't be written, or lie in somebody else's hands, credentials come all the same; and where
// the log can be written, it says what is wrong.
func TestPlacesThatFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, h *Home)
		env   []string
		says  string // in the log, "" if there is none
	}{
		{name: "a read-only home", spoil: func(t *testing.T, h *Home) { h.chmod(t, ".", 0o500) }},
		{name: "a read-only state folder", spoil: func(t *testing.T, h *Home) { h.mkdir(t, stateDir); h.chmod(t, stateDir, 0o500) }},
		{name: "no HOME", env: noHome(t)},
		{name: "a home that isn't there", env: []string{"HOME=/proc/nowhere"}},
		{name: "a log that is a folder", spoil: func(t *testing.T, h *Home) { h.mkdir(t, stateDir+"/access_log.jsonl") }},
		{name: "a log of another user's", spoil: func(t *testing.T, h *Home) {
			h.Write(stateDir+"/access_log.jsonl", "")
			h.chmod(t, stateDir+"/access_log.jsonl", 0o400)
		}},
		{name: "a log on a full disk", spoil: func(t *testing.T, h *Home) {
			h.mkdir(t, stateDir)
			if err := os.Symlink("/dev/full", filepath.Join(h.Dir, stateDir, "access_log.jsonl")); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "a lock of another user's", says: "locking dev: ", spoil: func(t *testing.T, h *Home) {
			h.Write(h.Own("dev.lock"), "")
			h.chmod(t, h.Own("dev.lock"), 0)
		}},
		{name: "locks that are a file", says: "locking dev: ", spoil: func(t *testing.T, h *Home) { h.Write(stateDir+"/locks", "") }},
		{name: "a keychain folder that is read-only", says: "keeping the session of dev: keychain file: ", spoil: func(t *testing.T, h *Home) {
			h.mkdir(t, stateDir+"/keychain")
			h.chmod(t, stateDir+"/keychain", 0o500)
		}},
		{name: "a keychain folder that others can write", says: "can be written by other users", spoil: func(t *testing.T, h *Home) {
			h.mkdir(t, stateDir+"/keychain")
			h.chmod(t, stateDir+"/keychain", 0o777)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Env = append(h.Env, "AWS_ACCOUNTS_FILE="+filepath.Join(h.Dir, ".config/aws-accounts/accounts.json"),
				"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(h.Dir, ".aws/credentials"), "AWS_CONFIG_FILE="+filepath.Join(h.Dir, ".aws/config"))
			h.Accounts(stageAccounts)
			if c.spoil != nil {
				c.spoil(t, h)
			}
			as := h.unprivileged(t)
			h.Env = append(h.Env, c.env...)
			for range 2 {
				_, done := h.begin("dev", as)
				if g := <-done; g.status != 0 || g.stderr != "" || !document.MatchString(g.stdout) {
					t.Errorf("exit %d, stderr %q", g.status, g.stderr)
				}
			}
			if c.says != "" {
				if log := accessLog(t, h); !slices.ContainsFunc(log, func(e logEntry) bool { return e.Outcome == "trouble" && strings.Contains(e.Error, c.says) }) {
					t.Errorf("the log doesn't say %q: %+v", c.says, log)
				}
			}
			if err := NoSecrets(h.Dir, aws); err != nil {
				t.Error(err)
			}
		})
	}
}

// A file that can't be read or written says so in one sentence, with a step.
func TestFilesThatFail(t *testing.T) {
	t.Parallel()
	const accounts = ".config/aws-accounts/accounts.json"
	for _, c := range []struct {
		name     string
		spoil    func(t *testing.T, h *Home)
		commands string
		hint     string
	}{
		{"an accounts file that is a folder", func(t *testing.T, h *Home) { h.mkdir(t, "folder") },
			"process dev --accounts-file folder|init --yes --accounts-file folder|setup --accounts-file folder", "name an accounts file with --accounts-file or AWS_ACCOUNTS_FILE, or leave both out"},
		{"an accounts file that is a pipe", func(t *testing.T, h *Home) { h.pipe(t, "pipe") },
			"process dev --accounts-file pipe|init --yes --accounts-file pipe|list --accounts-file pipe", "name an accounts file with "},
		{"an accounts file that can't be read", func(t *testing.T, h *Home) { h.chmod(t, accounts, 0) },
			"process dev|init --yes|list|add x --role-arn=" + ProdRole, "`ls -ld HOME/" + accounts + "` shows what it is and whose; `chmod u+rwX HOME/" + accounts + "` opens it to you if it is yours"},
		{"a folder of the accounts file that can't be written", func(t *testing.T, h *Home) { h.chmod(t, ".config/aws-accounts", 0o500) },
			"add x --role-arn=" + ProdRole + "|edit dev --duration=2h|list --accounts-file=HOME/.config/aws-accounts/new.json", "`ls -ld HOME/.config/aws-accounts` shows "},
		{"an AWS config that is a folder", func(t *testing.T, h *Home) { h.mkdir(t, ".aws/config") },
			"process dev|whoami main|setup|init --yes", "HOME/.aws/config is a folder: name a file"},
		{"an AWS config that can't be read", func(t *testing.T, h *Home) { h.Write(".aws/config", ""); h.chmod(t, ".aws/config", 0) },
			"process dev|setup|init --yes", "`ls -ld HOME/.aws/config` shows "},
		{"AWS credentials that can't be read", func(t *testing.T, h *Home) { h.chmod(t, ".aws/credentials", 0) },
			"process dev|init --yes|keys import", "`ls -ld HOME/.aws/credentials` shows "},
		{"a folder of the AWS config that can't be written", func(t *testing.T, h *Home) { h.chmod(t, ".aws", 0o500) },
			"setup|init --yes --no-import-keys|add x --role-arn=" + ProdRole + " --setup", "`ls -ld HOME/.aws` shows "},
		{"a policy that isn't there", func(*testing.T, *Home) {}, "add x --role-arn=" + ProdRole + " --policy=/nosuch|edit dev --policy=/nosuch", "--policy names a file with one: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := NewHome(t, startStageAWS(t, ""), FileKeychain()...)
			h.Accounts(stageAccounts)
			c.spoil(t, h)
			as := h.unprivileged(t)
			for command := range strings.SplitSeq(strings.ReplaceAll(c.commands, "HOME", h.Dir), "|") {
				cmd := h.Command("aws-accounts", strings.Fields(command)...)
				as(cmd)
				var stderr strings.Builder
				cmd.Stderr = &stderr
				cmd.Run()
				if want := "\nhint: " + strings.ReplaceAll(c.hint, "HOME", "~"); cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), want) {
					t.Errorf("%s: %v, stderr\n%swant %s", command, cmd.ProcessState, &stderr, want)
				}
			}
		})
	}
}

func (h *Home) pipe(t *testing.T, name string) {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(h.Dir, name), 0o600); err != nil {
		t.Fatal(err)
	}
}

// noHome is an environment without HOME. Whoever runs the tests has a home in the password database, which isn't to be touched;
// nobody has none.
func noHome(t *testing.T) []string {
	if os.Geteuid() == 0 {
		return []string{"HOME="}
	}
	return []string{"HOME=", "XDG_STATE_HOME=" + t.TempDir()}
}

func (h *Home) mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(h.Dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
}

// chmod holds until the end of the test, which has to clean up.
func (h *Home) chmod(t *testing.T, name string, mode fs.FileMode) {
	t.Helper()
	path := filepath.Join(h.Dir, name)
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(path, 0o700) })
}

// On a full disk credentials come, and what was on it stays whole.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	h.Write(".aws/config", "[profile other]\nregion = eu-west-1\n")
	// The disk is this process's own, and gone with it.
	const script = `mount -t tmpfs -o size=64k,mode=700 full "$1" || exit 77
		cp -a "$HOME/.aws" "$HOME/.config" "$1" && export HOME="$1"
		aws-accounts process dev >/dev/null && cp "$HOME"/.local/state/aws-accounts/access_log.jsonl "$1/log.before" || exit 3
		aws-accounts clear dev >/dev/null || exit 4
		dd if=/dev/zero of="$1/filler" bs=1k 2>/dev/null; echo x >"$1/more" 2>/dev/null && [ -s "$1/more" ] && exit 5
		for i in 1 2 3; do aws-accounts process dev || exit 6; done
		aws-accounts setup && exit 7
		[ "$(cat "$HOME/.aws/config")" = "$(printf '[profile other]\nregion = eu-west-1')" ] || exit 8
		cmp -s "$HOME/.config/aws-accounts/accounts.json" "$2" || exit 9
		rm "$1/filler" "$1/more"
		aws-accounts process dev && aws-accounts setup >/dev/null && aws-accounts log >/dev/null || exit 10
		find "$1" -name '*.aws-accounts-*' -o -name '.new-*' | grep . && exit 11
		exit 0`
	disk := t.TempDir()
	cmd := h.Command("sh", "-c", script, "sh", disk, filepath.Join(h.Dir, ".config/aws-accounts/accounts.json"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	}
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 77 {
		missing(t, fmt.Sprintf("a small disk can't be mounted here: %v %s", err, &errs))
	}
	documents := 0
	for line := range strings.Lines(out.String()) {
		if document.MatchString(line) {
			documents++
		}
	}
	if err != nil || documents != 4 {
		t.Errorf("%v: %d documents, stderr\n%s", err, documents, &errs)
	}
	t.Logf("full disk: credentials 3 times of 3; setup: %s", &errs)
}

// Whatever the umask, what we make is the user's alone.
func TestUmask(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "002", "022", "077"} {
		t.Run(umask, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			run := func(args ...string) {
				t.Helper()
				if _, stderr, status := h.Run("sh", append([]string{"-c", "umask " + umask + `; exec aws-accounts "$@"`, "sh"}, args...)...); status != 0 {
					t.Errorf("%v: exit %d\n%s", args, status, stderr)
				}
			}
			run("list") // makes the accounts file
			run("process", "main")
			run("setup")
			run("keys", "import", "--remove")
			run("setup", "--remove")
			run("log")
			n := 0
			err := filepath.WalkDir(h.Dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || path == h.Dir {
					return err
				}
				info, err := d.Info()
				want := fs.FileMode(0o600)
				if d.IsDir() {
					want = fs.ModeDir | 0o700
				}
				if err == nil && info.Mode() != want {
					t.Errorf("%s has mode %s", path, info.Mode())
				}
				n++
				return err
			})
			if err != nil || n < 12 {
				t.Errorf("%v, %d files and folders", err, n)
			}
		})
	}
}

// An accounts file that others can change isn't even read: it could name a command.
func TestWritableAccountsFile(t *testing.T) {
	t.Parallel()
	const file = ".config/aws-accounts/accounts.json"
	for name, spoil := range map[string]func(t *testing.T, h *Home){
		"the file, by everybody": func(t *testing.T, h *Home) { h.chmod(t, file, 0o602) },
		"the file, by its group": func(t *testing.T, h *Home) { h.chmod(t, file, 0o620) },
		"its folder":             func(t *testing.T, h *Home) { h.chmod(t, ".config/aws-accounts", 0o777) },
		"the folder above":       func(t *testing.T, h *Home) { h.chmod(t, ".config", 0o777) },
		"what a link leads to": func(t *testing.T, h *Home) {
			h.link(t, file, "elsewhere/real.json")
			h.chmod(t, "elsewhere/real.json", 0o666)
		},
		"the folder of a link": func(t *testing.T, h *Home) { h.link(t, file, "elsewhere/real.json"); h.chmod(t, "elsewhere", 0o777) },
		"a link among the folders": func(t *testing.T, h *Home) {
			h.link(t, ".config/aws-accounts", "elsewhere")
			h.chmod(t, "elsewhere", 0o770)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(mfaAccounts(1))
			spoil(t, h)
			for _, command := range [][]string{{"process", "main"}, {"list"}, {"assume", "role0"}, {"setup"}, {"validate"}} {
				stdout, stderr, status := h.Run("aws-accounts", command...)
				if status != 1 || stdout != "" || !strings.Contains(stderr, "others can change it") || !strings.Contains(stderr, "\nhint: `chmod go-w ") {
					t.Errorf("%v: exit %d, stderr %q", command, status, stderr)
				}
			}
			if h.asked() > 0 || aws.Calls("*") > 0 {
				t.Error("its command was run, or AWS asked")
			}
		})
	}
}

// link moves what is at name to another place and puts a link to it there.
func (h *Home) link(t *testing.T, name, target string) {
	t.Helper()
	h.mkdir(t, filepath.Dir(target))
	from, to := filepath.Join(h.Dir, name), filepath.Join(h.Dir, target)
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, from); err != nil {
		t.Fatal(err)
	}
}

// Credentials of another AWS account than the file says aren't handed out.
func TestAnotherAccountsCredentials(t *testing.T) {
	t.Parallel()
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(`{"accounts": [{"name": "main", "account_id": "999999999999"}]}`)
	g := h.process("main")
	if g.status != 1 || g.stdout != "" || !strings.Contains(g.stderr, "the credentials belong to account "+MainAccount+", not to 999999999999") {
		t.Errorf("exit %d, stderr %q", g.status, g.stderr)
	}
}
