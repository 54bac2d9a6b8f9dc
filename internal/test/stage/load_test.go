package stage

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// freshMinimum is what a caller gets at the least where AWS gives more: botocore asks again inside of 15 minutes.
const freshMinimum = 16 * time.Minute

// mfaAccounts are n roles of one source, which wants a code that a command prints and counts.
func mfaAccounts(n int) string {
	entries := []string{`{"name": "main", "account_id": "` + MainAccount + `", "mfa_serial": "` + MFASerial + `",
		"mfa_process": "echo asked >>$HOME/asked; cat $HOME/code"}`}
	for i := range n {
		entries = append(entries, fmt.Sprintf(`{"name": "role%d", "account_id": "%s", "role_arn": "arn:aws:iam::%s:role/Load%d"}`, i, DevAccount, DevAccount, i))
	}
	return `{"defaults": {"region": "eu-west-1"}, "accounts": [` + strings.Join(entries, ",\n") + "]}"
}

// loadWorld is an AWS with the roles of mfaAccounts, which demand MFA.
func loadWorld(n int) standin.Config {
	world := World()
	for i := range n {
		world.Roles = append(world.Roles, standin.Role{ARN: fmt.Sprintf("arn:aws:iam::%s:role/Load%d", DevAccount, i),
			Trust: standin.Trust{Principals: []string{MainAccount}, MFA: true}})
	}
	return world
}

// mfaHome is a home with mfaAccounts, whose device shows a code that's new.
func mfaHome(t *testing.T, n int, keychain ...string) (*Home, *standin.Server) {
	t.Helper()
	aws := standin.Start(t, loadWorld(n))
	h := NewHome(t, aws, keychain...)
	h.Accounts(mfaAccounts(n))
	h.Write("code", aws.MFACode(MFASerial))
	return h, aws
}

// asked counts how often the MFA device was.
func (h *Home) asked() int {
	data, err := os.ReadFile(filepath.Join(h.Dir, "asked"))
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	return bytes.Count(data, []byte("\n"))
}

// callsFor counts the AssumeRole calls for each role.
func callsFor(aws *standin.Server) map[string]int {
	counts := map[string]int{}
	for _, call := range aws.Log() {
		if call.Operation == "AssumeRole" {
			counts[call.Resource]++
		}
	}
	return counts
}

// A thousand processes over twenty accounts of one source with MFA, nothing cached: one code, one session of the source, one
// AssumeRole an account, and everybody is served. A hundred where one daemon answers all of them, one after the other: a
// thousand are served as well, unless gnome-keyring itself gives up, which GLib's abort says in the kernel's log. Not parallel:
// they are load enough for each other.
func TestColdStartsOfManyAccounts(t *testing.T) {
	t.Run("file", func(t *testing.T) { coldStarts(t, 1000, FileKeychain()) })
	t.Run("secret-service", func(t *testing.T) { coldStarts(t, 100, Keyring(t).Env()) })
}

func coldStarts(t *testing.T, processes int, keychain []string) {
	const accounts = 20
	h, aws := mfaHome(t, accounts, keychain...)

	answers := make([]given, processes)
	var running, most atomic.Int32
	var all sync.WaitGroup
	began := time.Now()
	for i := range processes {
		all.Go(func() {
			for now, max := running.Add(1), most.Load(); now > max && !most.CompareAndSwap(max, now); max = most.Load() {
			}
			answers[i] = h.process(fmt.Sprintf("role%d", i%accounts))
			running.Add(-1)
		})
	}
	all.Wait()
	took := time.Since(began)

	sessions := map[string]string{}
	failed := 0
	var longest time.Duration
	for i, g := range answers {
		c, ok := g.credentials()
		if !ok {
			if failed++; failed < 5 {
				t.Errorf("exit %d, stderr %q", g.status, g.stderr)
			}
			continue
		}
		account := fmt.Sprintf("role%d", i%accounts)
		if before := sessions[account]; before != "" && before != c.AccessKeyId {
			t.Errorf("%s has two sessions", account)
		}
		sessions[account] = c.AccessKeyId
		longest = max(longest, g.took())
	}
	calls := callsFor(aws)
	t.Logf("%d processes (%d at once) over %d accounts, cold: %d failed, %d AssumeRole, %d GetSessionToken, %d MFA codes; the slowest took %v, all together %v",
		processes, most.Load(), accounts, failed, aws.Calls("AssumeRole"), aws.Calls("GetSessionToken"), h.asked(),
		longest.Round(time.Millisecond), took.Round(time.Millisecond))
	if failed > 0 || len(sessions) != accounts {
		troubles := map[string]int{}
		for _, e := range accessLog(t, h) {
			troubles[e.Outcome+": "+e.Error]++
		}
		t.Logf("the log: %v", troubles)
		t.Errorf("%d failed, %d accounts served", failed, len(sessions))
	}
	for role, n := range calls {
		if n != 1 {
			t.Errorf("%s: %d AssumeRole", role, n)
		}
	}
	if len(calls) != accounts || aws.Calls("GetSessionToken") != 1 || h.asked() != 1 {
		t.Errorf("%d roles, %d GetSessionToken, %d MFA codes", len(calls), aws.Calls("GetSessionToken"), h.asked())
	}
	if err := NoSecrets(h.Dir, aws); err != nil {
		t.Error(err)
	}
}

// Two hundred processes and more while the sessions of five accounts, and that of their source, leave the fresh minimum under
// them: nobody is handed less than that, and AWS sees one refresh each.
func TestExpiryUnderLoad(t *testing.T) {
	t.Parallel()
	const processes, accounts, workers = 200, 5, 16
	h, aws := mfaHome(t, accounts, FileKeychain()...)
	old := map[string]string{}
	for i := range accounts {
		name := fmt.Sprintf("role%d", i)
		c, ok := h.process(name).credentials()
		if !ok {
			t.Fatal("no session to begin with")
		}
		old[name] = c.AccessKeyId
	}
	h.Write("code", aws.MFACode(MFASerial))
	for _, name := range append([]string{"main"}, keysOf(old)...) {
		h.age(name, freshMinimum+2*time.Second)
	}
	aws.ResetCalls()
	asked := h.asked()

	var started, before, after atomic.Int32
	var least atomic.Int64
	least.Store(int64(time.Hour))
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			// Half of them before, half of them after: the fuse is two seconds long whatever the machine.
			for n := started.Add(1); n <= processes || after.Load() < processes/2; n = started.Add(1) {
				name := fmt.Sprintf("role%d", n%accounts)
				g := h.process(name)
				c, ok := g.credentials()
				if !ok {
					t.Errorf("exit %d, stderr %q", g.status, g.stderr)
					return
				}
				if c.AccessKeyId == old[name] {
					before.Add(1)
				} else {
					after.Add(1)
				}
				left := int64(c.Expiration.Sub(g.began)) // Expiration is in whole seconds
				for l := least.Load(); left < l && !least.CompareAndSwap(l, left); l = least.Load() {
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d processes with the old sessions, %d with new ones, the least had %v left; %d AssumeRole for %d accounts, %d GetSessionToken, %d MFA codes",
		before.Load(), after.Load(), time.Duration(least.Load()).Round(time.Millisecond), aws.Calls("AssumeRole"), accounts, aws.Calls("GetSessionToken"), h.asked()-asked)
	if before.Load() == 0 {
		t.Error("they had expired before it began")
	}
	if got := time.Duration(least.Load()); got < freshMinimum-time.Second {
		t.Errorf("somebody got only %v", got)
	}
	for role, n := range callsFor(aws) {
		if n != 1 {
			t.Errorf("%s: %d AssumeRole", role, n)
		}
	}
	if aws.Calls("AssumeRole") != accounts || aws.Calls("GetSessionToken") != 1 || h.asked() != asked+1 {
		t.Errorf("%d AssumeRole, %d GetSessionToken, %d MFA codes", aws.Calls("AssumeRole"), aws.Calls("GetSessionToken"), h.asked()-asked)
	}
}

func keysOf(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// begin starts `process NAME` and returns it with what waits for its answer.
func (h *Home) begin(name string, prepare func(*exec.Cmd)) (*exec.Cmd, <-chan given) {
	h.t.Helper()
	var out, errs strings.Builder
	cmd := h.Command("aws-accounts", "process", name)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if prepare != nil {
		prepare(cmd)
	}
	g := given{began: time.Now()}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	return cmd, awaited(h.t, cmd, g, &out, &errs)
}

func awaited(t testing.TB, cmd *exec.Cmd, g given, out, errs *strings.Builder) <-chan given {
	done := make(chan given, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
		g.ended = time.Now()
		g.stdout, g.stderr, g.status = out.String(), errs.String(), cmd.ProcessState.ExitCode()
		done <- g
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	return done
}
