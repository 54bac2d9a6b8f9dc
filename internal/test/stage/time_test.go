package stage

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-accounts/internal/test/standin"
)

// A clock that is off, either way: what is handed out is never older than AWS accepts nor promises more, works, and the log
// names the skew. What AWS's clock does here is what ours does, seen from the other side.
func TestClockOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		aws      time.Duration // so far ahead of us
		duration time.Duration
		left     time.Duration // by our clock; 0 is an error
		says     string
	}{
		{10 * time.Minute, time.Hour, time.Hour, "this computer's clock is 10m behind AWS's"},
		{10 * time.Minute, 15 * time.Minute, 15 * time.Minute, "this computer's clock is 10m behind AWS's"},
		{-10 * time.Minute, time.Hour, 50 * time.Minute, "this computer's clock is 10m ahead of AWS's"},
		{-10 * time.Minute, 15 * time.Minute, 5 * time.Minute, "this computer's clock is 10m ahead of AWS's"},
		{20 * time.Minute, time.Hour, time.Hour, "this computer's clock is 20m behind AWS's"}, // more than signatures may be off
		{-20 * time.Minute, time.Hour, 40 * time.Minute, "this computer's clock is 20m ahead of AWS's"},
		{-20 * time.Minute, 15 * time.Minute, 0, "the session is over by this computer's clock, which must be wrong"},
		{24 * time.Hour, time.Hour, time.Hour, "this computer's clock is 24h behind AWS's"},
		{-24 * time.Hour, time.Hour, 0, "the session is over by this computer's clock, which must be wrong"},
	} {
		t.Run(fmt.Sprintf("AWS %v, session %v", c.aws, c.duration), func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(strings.Replace(stageAccounts, `"defaults": {`, fmt.Sprintf(`"defaults": {"duration": "%v", `, c.duration), 1))
			aws.SetClockOffset(c.aws)
			g := h.process("dev")
			got, ok := g.credentials()
			if c.left == 0 {
				if g.status != 1 || g.stdout != "" || !strings.Contains(g.stderr, c.says) || !strings.Contains(g.stderr, "\nhint: set the clock") {
					t.Errorf("exit %d, stderr %q", g.status, g.stderr)
				}
				return
			}
			if !ok {
				t.Fatalf("exit %d, stderr %q", g.status, g.stderr)
			}
			if left := got.Expiration.Sub(g.began); left < c.left-time.Minute || left > c.left+g.took() {
				t.Errorf("%v left, want %v", left, c.left)
			}
			if log := accessLog(t, h); !slices.ContainsFunc(log, func(e logEntry) bool { return strings.Contains(e.Error, c.says) }) {
				t.Errorf("the log doesn't say %q: %+v", c.says, log)
			}
			h.MustRun("aws-accounts", "whoami", "dev") // AWS accepts it
		})
	}
}

// A laptop that slept past the end of its sessions gets new ones, or an error when AWS can't be had: never the old ones.
func TestSlept(t *testing.T) {
	t.Parallel()
	for _, fault := range []standin.Kind{"", standin.Reset, standin.ServerError, standin.Throttle} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(stageAccounts)
			before, _ := h.process("dev").credentials()
			h.age("dev", -time.Second)
			if fault != "" {
				aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: fault})
			}
			g := h.process("dev")
			got, ok := g.credentials()
			switch {
			case fault == "" && (!ok || got.AccessKeyId == before.AccessKeyId || !got.Expiration.After(time.Now())):
				t.Errorf("exit %d, until %s, stderr %q", g.status, got.Expiration, g.stderr)
			case fault != "" && (g.status != 1 || g.stdout != ""):
				t.Errorf("exit %d, %d bytes on stdout", g.status, len(g.stdout))
			}
		})
	}
}

// AWS's clock leaps while it is asked, as ours does when the time is set in the middle of a refresh.
func TestLeapDuringARefresh(t *testing.T) {
	t.Parallel()
	for _, leap := range []time.Duration{10 * time.Minute, -10 * time.Minute, 2 * time.Hour} {
		t.Run(leap.String(), func(t *testing.T) {
			t.Parallel()
			aws := startStageAWS(t, "")
			h := NewHome(t, aws, FileKeychain()...)
			h.Accounts(stageAccounts)
			aws.Fault(standin.Fault{Operation: "AssumeRole", Kind: standin.Slow, Delay: time.Second, Count: 1})
			_, done := h.begin("dev", nil)
			if err := aws.WaitCalls(t.Context(), "AssumeRole", 1); err != nil {
				t.Fatal(err)
			}
			aws.Advance(leap)
			g := <-done
			got, ok := g.credentials()
			if !ok || got.Expiration.Before(time.Now()) || got.Expiration.After(g.ended.Add(time.Hour)) {
				t.Errorf("exit %d, until %s, stderr %q", g.status, got.Expiration, g.stderr)
			}
			h.MustRun("aws-accounts", "whoami", "dev")
		})
	}
}
