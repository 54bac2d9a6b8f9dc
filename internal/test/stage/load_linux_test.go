package stage

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws-accounts/internal/lock"
	"aws-accounts/internal/test/standin"
)

// A process that waits for another sleeps in the kernel: four seconds of waiting cost it what a warm call costs, and a look
// at the other's sign of life each second.
func TestWaitingCostsNothing(t *testing.T) {
	t.Parallel()
	const wait = 4 * time.Second
	aws := startStageAWS(t, "")
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(stageAccounts)
	aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.Slow, Delay: wait + time.Second})
	_, first := h.begin("dev", nil)
	if err := aws.WaitCalls(t.Context(), "AssumeRole", 1); err != nil {
		t.Fatal(err)
	}
	cmd, second := h.begin("dev", nil)
	g := <-second
	<-first
	if _, ok := g.credentials(); !ok || aws.Calls("AssumeRole") != 1 {
		t.Fatalf("exit %d after %v, %d AssumeRole, stderr %q", g.status, g.took(), aws.Calls("AssumeRole"), g.stderr)
	}
	warm, third := h.begin("dev", nil)
	<-third
	cost := func(c *exec.Cmd) (cpu time.Duration, switches int64) {
		usage := c.ProcessState.SysUsage().(*syscall.Rusage)
		return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), usage.Nvcsw
	}
	cpu, switches := cost(cmd)
	warmCPU, warmSwitches := cost(warm)
	t.Logf("waiting for %v: %v of CPU, %d context switches; a warm call: %v, %d", g.took().Round(time.Millisecond), cpu, switches, warmCPU, warmSwitches)
	// A loop, even one that sleeps for a millisecond, would make thousands of switches in that time.
	if switches > warmSwitches+200 {
		t.Errorf("%d context switches while waiting", switches-warmSwitches)
	}
}

// Whatever becomes of the process that all others wait for, they get credentials: at once when it's killed, after a few
// seconds when it's stopped.
func TestWaitersTakeOver(t *testing.T) {
	t.Parallel()
	for _, end := range []struct {
		name   string
		signal syscall.Signal
		within time.Duration // for the first of them; a busy machine serves the others later
	}{
		{"killed", syscall.SIGKILL, lock.Patience},
		{"stopped", syscall.SIGSTOP, lock.Patience + 20*time.Second},
	} {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(stageAccounts)
			aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.Silent, Count: 1})
			holder, held := h.begin("dev", nil)
			if err := aws.WaitCalls(t.Context(), "AssumeRole", 1); err != nil {
				t.Fatal(err)
			}
			const n = 10
			var waiters [n]<-chan given
			for i := range waiters {
				_, waiters[i] = h.begin("dev", nil)
			}
			holder.Process.Signal(end.signal)
			at := time.Now()
			keys := map[string]bool{}
			first, last := time.Hour, time.Duration(0)
			for _, w := range waiters {
				g := <-w
				c, ok := g.credentials()
				if !ok {
					t.Errorf("exit %d, stderr %q", g.status, g.stderr)
				}
				keys[c.AccessKeyId] = true
				first, last = min(first, g.ended.Sub(at)), max(last, g.ended.Sub(at))
			}
			t.Logf("the holder is %s: %d waiters are served within %v, with %d AssumeRole", end.name, n, last, aws.Calls("AssumeRole"))
			if first > end.within || len(keys) != 1 || aws.Calls("AssumeRole") != 2 {
				t.Errorf("took %v; %d sessions, %d AssumeRole", first, len(keys), aws.Calls("AssumeRole"))
			}
			if end.signal == syscall.SIGSTOP {
				holder.Process.Signal(syscall.SIGCONT)
				if g := <-held; g.status != 0 && g.stdout != "" {
					t.Errorf("the stopped one, continued: exit %d", g.status)
				}
			}
		})
	}
}

// asleep starts `process NAME` at a terminal, where it asks for a code that nobody types.
func (h *Home) asleep(t *testing.T, name string) (*typist, *exec.Cmd, <-chan given) {
	t.Helper()
	var out, errs strings.Builder
	cmd := h.Command("aws-accounts", "process", name)
	cmd.Stdout, cmd.Stderr = &out, &errs
	began := time.Now()
	y := onTerminal(t, cmd)
	done := awaited(t, cmd, given{began: began}, &out, &errs)
	for !strings.Contains(y.shown(), "MFA code of alice for ") {
		select {
		case <-y.more:
		case <-time.After(20 * time.Second):
			t.Fatalf("it doesn't ask: %q", y.shown())
		}
	}
	return y, cmd, done
}

// alone takes the terminal away that whoever runs the tests may have.
func alone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// A holder that is asleep at its prompt keeps the others waiting only for as long as it may ask: answered, they are served;
// killed, the next one goes on; unanswered, all of them fail before their callers lose patience, and the next attempt works.
func TestHolderAsleepAtItsPrompt(t *testing.T) {
	t.Parallel()
	prompting := `{"accounts": [
		{"name": "main", "account_id": "` + MainAccount + `", "mfa_serial": "` + MFASerial + `"},
		{"name": "dev", "account_id": "` + DevAccount + `", "role_arn": "` + DevRole + `"},
		{"name": "strict", "account_id": "` + DevAccount + `", "role_arn": "` + MFARole + `"}
	]}`
	start := func(t *testing.T) (*Home, *standin.Server, *typist, *exec.Cmd, <-chan given, []<-chan given) {
		aws := startStageAWS(t, "")
		h := NewHome(t, aws, FileKeychain()...)
		h.Accounts(prompting)
		y, cmd, held := h.asleep(t, "dev")
		var waiters []<-chan given
		for _, name := range []string{"dev", "strict", "strict"} {
			_, w := h.begin(name, alone)
			waiters = append(waiters, w)
		}
		return h, aws, y, cmd, held, waiters
	}
	t.Run("answered", func(t *testing.T) {
		t.Parallel()
		_, aws, y, _, held, waiters := start(t)
		y.answer(t, "", aws.MFACode(MFASerial))
		for _, w := range append(waiters, held) {
			if g := <-w; g.status != 0 || g.stderr != "" {
				t.Errorf("exit %d, stderr %q", g.status, g.stderr)
			}
		}
		if aws.Calls("GetSessionToken") != 1 || aws.Calls("AssumeRole") != 2 {
			t.Errorf("%d GetSessionToken, %d AssumeRole", aws.Calls("GetSessionToken"), aws.Calls("AssumeRole"))
		}
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		_, _, _, cmd, _, waiters := start(t)
		cmd.Process.Kill()
		at := time.Now()
		for _, w := range waiters { // they have nobody to ask, and say so at once
			g := <-w
			if g.status != 1 || g.stdout != "" || !strings.Contains(g.stderr, "there is nobody to ask\nhint: run `aws-accounts assume ") {
				t.Errorf("exit %d, stderr %q", g.status, g.stderr)
			}
			if took := g.ended.Sub(at); took > 20*time.Second {
				t.Errorf("after %v", took)
			}
		}
	})
	t.Run("unanswered", func(t *testing.T) {
		t.Parallel()
		h, aws, _, _, held, waiters := start(t)
		for _, w := range append(waiters, held) {
			g := <-w
			if g.status != 1 || g.stdout != "" || !strings.Contains(g.stderr, "\nhint: run `aws-accounts assume ") {
				t.Errorf("exit %d, stderr %q", g.status, g.stderr)
			}
			t.Logf("after %v: %s", g.took().Round(time.Millisecond), g.stderr)
			if g.took() > 55*time.Second {
				t.Errorf("after %v", g.took())
			}
		}
		h.MustRun("aws-accounts", "assume", "dev", "--mfa-code="+aws.MFACode(MFASerial))
	})
}
