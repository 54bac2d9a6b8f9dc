package protocol

import (
	"os"
	"os/signal"
	"syscall"
)

// hangUps counts for this process and its children: not so under nohup.
var hangUps = !signal.Ignored(syscall.SIGHUP)

// IgnoreHangup keeps the process alive when whoever started it has closed the pipe or the terminal that it writes to:
// what was obtained is cached all the same. It catches the signals: what is ignored here, a program started from here
// ignores too.
func IgnoreHangup() {
	nobody := make(chan os.Signal, 1)
	signal.Notify(nobody, syscall.SIGPIPE)
	if hangUps {
		signal.Notify(nobody, syscall.SIGHUP)
	}
}

// IgnoreHangupWhileAlone is IgnoreHangup as long as no program is started. It takes no thread of its own, and so a
// third of a millisecond less.
func IgnoreHangupWhileAlone() { signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP) }
