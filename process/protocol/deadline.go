package protocol

import (
	"fmt"
	"time"

	"aws-accounts/internal/hint"
)

const (
	// AttemptLimit is how long an attempt to get credentials may take: what it obtains is then kept before CallLimit.
	AttemptLimit = 52 * time.Second
	// CallLimit is when a call gives up that something holds up which knows no deadline, as a file on a server that
	// doesn't answer. Both count from the start of the program.
	CallLimit = 55 * time.Second
)

var began = time.Now()

// Remaining returns how much time there is until limit after the start.
func Remaining(limit time.Duration) time.Duration { return time.Until(began.Add(limit)) }

// NotFinished is the error of a call that has reached CallLimit.
func NotFinished(name string) error {
	return hint.New(fmt.Errorf("%s: not finished within %s", name, CallLimit), "`aws-accounts doctor %s` shows what doesn't answer", name)
}
