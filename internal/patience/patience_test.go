package patience

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestOverloadDoesNotCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		limit, overload, want time.Duration // from the beginning
	}{
		"a machine at rest":        {Usual, 0, Usual},
		"overloaded for a while":   {Usual, 5 * time.Second, 5*time.Second + Usual},
		"overloaded without end":   {Usual, time.Hour, most},
		"a limit longer than that": {time.Minute, time.Hour, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				over := make(chan time.Duration)
				stop := afterFunc(c.limit, func() bool { return time.Since(began) <= c.overload && c.overload > 0 }, func() { over <- time.Since(began) })
				defer stop()
				if got := <-over; got != c.want {
					t.Errorf("over after %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parent, leave := context.WithCancel(t.Context())
		ctx, cancel := Context(parent, Usual)
		defer cancel()
		if ctx.Err() != nil {
			t.Error("ended before it began")
		}
		leave()
		if <-ctx.Done(); context.Cause(ctx) != context.Canceled {
			t.Errorf("left: %v", context.Cause(ctx))
		}
		ctx, cancel = Context(t.Context(), Usual)
		defer cancel()
		if <-ctx.Done(); context.Cause(ctx) != context.DeadlineExceeded {
			t.Errorf("over: %v", context.Cause(ctx))
		}
	})
}

func TestStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := AfterFunc(Usual, func() { t.Error("called after stop") })
		time.Sleep(Usual - 1)
		stop()
		time.Sleep(time.Hour)
	})
}
