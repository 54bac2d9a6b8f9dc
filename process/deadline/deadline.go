// Package deadline is when a `process` call ends by itself: before the 60 seconds after which the Go SDK throws its result
// away. It counts from when the program started, whichever way the call takes.
package deadline

import (
	"fmt"
	"time"

	"aws-accounts/internal/hint"
)

const (
	// Attempt is how long an attempt to get credentials may take: what it obtains is then kept before End.
	Attempt = 52 * time.Second
	// End is when a call gives up that something holds up which knows no deadline, as a file on a server that doesn't answer.
	End = 55 * time.Second
)

var began = time.Now()

// Left returns how much there is until so long after the start.
func Left(limit time.Duration) time.Duration { return time.Until(began.Add(limit)) }

// NotFinished is what is said at the End.
func NotFinished(name string) error {
	return hint.New(fmt.Errorf("%s: not finished within %s", name, End), "`aws-accounts doctor %s` shows what doesn't answer", name)
}
