package tui

import (
	"io"
	"sync"
	"time"
)

// Progress shows what text says on one line of a terminal, from half a second on, and again while it changes. stop takes the
// line away; it may be called twice. Where w is no terminal it shows nothing. text is called from another goroutine.
func Progress(w io.Writer, text func() string) (stop func()) {
	screen := ScreenOf(w)
	if screen.Width == 0 {
		return func() {}
	}
	done := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		const patience, step = 500 * time.Millisecond, 100 * time.Millisecond
		timer := time.NewTimer(patience)
		defer timer.Stop()
		shown := ""
		for {
			select {
			case <-timer.C:
			case <-done:
				if shown != "" {
					io.WriteString(w, "\r\x1b[K")
				}
				return
			}
			if now := Cut(Harmless(text()), screen.Width-1); now != shown {
				shown = now
				io.WriteString(w, "\r\x1b[K"+screen.Paint(Faint, now))
			}
			timer.Reset(step)
		}
	})
	return sync.OnceFunc(func() {
		close(done)
		showing.Wait()
	})
}
