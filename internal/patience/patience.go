// Package patience limits how long another program may keep us waiting that answers in milliseconds when it is well, such as a
// keychain's daemon.
//
// While the machine has far more to do than it can, nobody is answered in time and nobody is ill, so that time doesn't count:
// a thousand processes that start at once don't take the keychain for dead, and a dead one costs no more than Usual.
package patience

import (
	"context"
	"sync"
	"time"
)

const (
	// Usual is how long such a program may take.
	Usual = 2 * time.Second
	// most is where even an overloaded machine is given up on: an SDK's patience ends, too.
	most = 20 * time.Second
	// looks is how often the machine is looked at within the time that counts.
	looks = 4
)

// Context returns ctx, which ends when limit is over without the time of overload: context.Cause then says DeadlineExceeded.
func Context(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := AfterFunc(limit, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// AfterFunc calls f, in a goroutine of its own, when limit is over without the time of overload. stop prevents it, if it isn't
// too late.
func AfterFunc(limit time.Duration, f func()) (stop func()) { return afterFunc(limit, overloaded, f) }

func afterFunc(limit time.Duration, overloaded func() bool, f func()) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	began, counted, stopped := time.Now(), 0, false
	look := func() {
		mu.Lock()
		defer mu.Unlock()
		if !overloaded() {
			counted++
		}
		switch {
		case stopped:
		case counted == looks || time.Since(began) >= max(limit, most):
			go f()
		default:
			timer.Reset(limit / looks)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(limit/looks, look)
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}
