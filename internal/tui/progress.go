package tui

import (
	"context"
	"fmt"
	"io"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Progress keeps a line on w, if that's a terminal, which says how far a command is. The line goes when stop is called.
func Progress(w io.Writer, text func() string) (stop func()) {
	screen := ScreenOf(w)
	if screen.Width == 0 {
		return func() {}
	}
	end := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			fmt.Fprintf(w, "\r\x1b[K%s", screen.Paint(Faint, Cut(Harmless(text()), screen.Width-1)))
			select {
			case <-tick.C:
			case <-end:
				fmt.Fprint(w, "\r\x1b[K")
				return
			}
		}
	})
	return func() {
		close(end)
		done.Wait()
	}
}

// Interruptible ends ctx at the first Ctrl-C; the second one ends the program at once.
func Interruptible() (ctx context.Context, stop func()) {
	ctx, stop = signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
