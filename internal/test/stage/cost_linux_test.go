package stage

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"aws-accounts/internal/test/standin"
)

// ofTheRuntime are system calls whose number depends on how Go's threads come to run, on the kernel or on the machine's cgroups.
var ofTheRuntime = []uint64{
	unix.SYS_CLONE, unix.SYS_EXIT, unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_TGKILL, unix.SYS_SIGALTSTACK, unix.SYS_PRCTL, unix.SYS_SCHED_GETAFFINITY,
	unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGRETURN, unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MADVISE,
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_SCHED_YIELD, unix.SYS_EPOLL_PWAIT,
	unix.SYS_OPENAT, unix.SYS_CLOSE, unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_RECVMSG,
}

// costs are what a call costs on any machine.
type costs struct {
	systemCalls int // but those of ofTheRuntime
	connections int
	processes   int
	opened      []string // files of the home
	written     []string // system calls that change some
	asked       []string // D-Bus methods
}

func costOf(t *testing.T, h *Home, args ...string) costs {
	t.Helper()
	var c costs
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := h.Command("aws-accounts", args...)
	cmd.Stdout = out
	traced(t, cmd, func(tid int, info syscallInfo) bool {
		if !slices.Contains(ofTheRuntime, info.nr) {
			c.systemCalls++
		}
		switch info.nr {
		case unix.SYS_OPENAT:
			path, _, _ := bytes.Cut(memory(tid, info.args[1], 512), []byte{0})
			if file, ok := strings.CutPrefix(string(path), h.Dir); ok {
				c.opened = append(c.opened, hexadecimal.ReplaceAllString(file, "#"))
			}
		case unix.SYS_WRITE:
			c.asked = append(c.asked, asked(memory(tid, info.args[1], min(info.args[2], 4096)))...)
		case unix.SYS_CONNECT:
			c.connections++
		case unix.SYS_CLONE:
			if info.args[0]&unix.CLONE_THREAD == 0 {
				c.processes++
			}
		case unix.SYS_CLONE3:
			c.processes++
		}
		if call := touches(tid, info, h.Dir); call != "" {
			c.written = append(c.written, call)
		}
		return true
	})
	data, err := os.ReadFile(out.Name())
	if err != nil || !document.Match(accountInDocument.ReplaceAll(data, []byte(`"AccountId":"`+DevAccount+`"`))) {
		t.Fatalf("no document, but %d bytes, %v", len(data), err)
	}
	return c
}

// asked returns the methods of the D-Bus calls in what was written at once.
func asked(written []byte) (methods []string) {
	if _, calls, found := bytes.Cut(written, []byte("\r\nBEGIN\r\n")); found {
		written = calls
	}
	for r := bytes.NewReader(written); ; {
		m, err := dbus.DecodeMessage(r)
		if err != nil {
			return methods
		}
		methods = append(methods, fmt.Sprint(m.Headers[dbus.FieldMember].Value()))
	}
}

var hexadecimal = regexp.MustCompile(`[0-9a-f]{8,}`)

// accountInDocument is whichever account a call was made for.
var accountInDocument = regexp.MustCompile(`"AccountId":"[0-9]{12}"`)

// memory reads from a stopped thread.
func memory(tid int, address, size uint64) []byte {
	b := make([]byte, size)
	n, _ := unix.PtracePeekData(tid, uintptr(address), b)
	return b[:n]
}

// A warm call costs this on any machine, and nothing more. The number of system calls is the least of a few tries: Go's runtime
// makes one more now and then. Who makes it cheaper writes the new figures down.
func TestWarmCallCosts(t *testing.T) {
	t.Parallel()
	const accounts, credentials = "/.config/aws-accounts/accounts.json", "/.aws/credentials" // small ones are compared by their content
	const note, place = "/.local/state/aws-accounts/locks/#/accounts-file.json", "/.local/state/aws-accounts/locks/#/dev=#.item"
	for keychain, want := range map[string]costs{
		"secret-service": {systemCalls: 49, connections: 1, opened: []string{accounts, note, credentials, place}, asked: []string{"Hello", "Ping", "OpenSession", "GetSecrets"}},
		"file":           {systemCalls: 50, opened: []string{accounts, note, credentials, "/.local/state/aws-accounts/keychain/store-key.json", "/.local/state/aws-accounts/keychain/#"}},
	} {
		t.Run(keychain, func(t *testing.T) {
			t.Parallel()
			env := Keyring(t).Env()
			if keychain == "file" {
				env = append(env, FileKeychain()...)
			}
			h := NewHome(t, startStageAWS(t, ""), env...)
			h.Accounts(stageAccounts)
			h.MustRun("aws-accounts", "process", "dev")
			got := costOf(t, h, "process", "dev")
			for range 4 {
				if again := costOf(t, h, "process", "dev"); again.systemCalls < got.systemCalls {
					got = again
				}
			}
			t.Logf("a warm call, %s: %+v", keychain, got)
			// Whose is the folder of locks and log? One for each folder on the way to it, the root included, and one for who we are.
			want.systemCalls += strings.Count(h.Dir+"/.local/state/aws-accounts", "/") + 2
			if got.systemCalls > want.systemCalls {
				t.Errorf("%d system calls, want %d at most", got.systemCalls, want.systemCalls)
			}
			got.systemCalls = want.systemCalls
			if !reflect.DeepEqual(got, want) {
				t.Errorf("it costs %+v\n           want %+v", got, want)
			}
		})
	}
}

// A cold call opens the accounts file and both files of ~/.aws once each: all its parts see the same version of each. Otherwise a
// session could be got by one version and kept as another's.
func TestColdCallOpensEachFileOnce(t *testing.T) {
	t.Parallel()
	const prod = `{"name": "prod", "account_id": "` + ProdAccount + `", "role_arn": "` + ProdRole + `", "source": "dev"}`
	for name, c := range map[string]struct {
		account string
		before  func(h *Home)
		env     func(aws *standin.Server) []string
	}{
		"a role":              {account: "dev"},
		"a base":              {account: "main"},
		"a chain":             {account: "prod"},
		"a name in capitals":  {account: "DEV"},
		"in the environment":  {account: "dev", env: func(aws *standin.Server) []string { return aws.KeyEnv(User) }},
		"with a profile":      {account: "dev", env: func(*standin.Server) []string { return []string{"AWS_PROFILE=other"} }},
		"a file that's noted": {account: "dev", before: func(h *Home) { h.MustRun("aws-accounts", "process", "main") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			env := FileKeychain()
			if c.env != nil {
				env = append(env, c.env(aws)...)
			}
			h := NewHome(t, aws, env...)
			h.Accounts(stageAccountsWith(prod))
			h.Write(".aws/config", "[default]\nregion = eu-west-1\n[profile dev]\ncredential_process = aws-accounts process dev\n[profile other]\n")
			if c.before != nil {
				c.before(h)
			}
			got := costOf(t, h, "process", c.account)
			for _, file := range []string{"/.config/aws-accounts/accounts.json", "/.aws/config", "/.aws/credentials"} {
				n := 0
				for _, opened := range got.opened {
					if opened == file {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%s is opened %d times: %q", file, n, got.opened)
				}
			}
		})
	}
}

// What packages do before main begins, each call of the program pays for: most of it are the tables of AWS's services. A client
// of one more service adds 700 to 2,500 allocations.
func TestNothingMoreBeforeMain(t *testing.T) {
	t.Parallel()
	const most = 8200
	cmd := exec.Command(Binary(t), "version")
	cmd.Env = []string{"GODEBUG=inittrace=1", "DBUS_SESSION_BUS_ADDRESS=unix:path=/none"}
	trace, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, trace)
	}
	all := 0
	for _, line := range regexp.MustCompile(`(?m)^init .* (\d+) allocs$`).FindAllSubmatch(trace, -1) {
		n, err := strconv.Atoi(string(line[1]))
		if err != nil {
			t.Fatal(err)
		}
		all += n
	}
	t.Logf("%d allocations before main", all)
	if all == 0 || all > most {
		t.Errorf("%d allocations before main, want %d at most:\n%s", all, most, trace)
	}
}
