package ask

import (
	"context"
	"io"

	"golang.org/x/sys/windows"

	"aws-accounts/internal/tui"
)

func (t *terminal) pick(ctx context.Context, p *picker) (err error) {
	in, out := windows.Handle(t.in.Fd()), windows.Handle(t.out.Fd())
	var typing, showing uint32
	if windows.GetConsoleMode(in, &typing) != nil || windows.GetConsoleMode(out, &showing) != nil {
		return ErrNobody
	}
	const asLines = windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_ECHO_INPUT
	if windows.SetConsoleMode(in, typing&^asLines|windows.ENABLE_VIRTUAL_TERMINAL_INPUT) != nil {
		return ErrNobody
	}
	defer windows.SetConsoleMode(in, typing)
	if windows.SetConsoleMode(out, showing|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) != nil {
		return ErrNobody
	}
	defer windows.SetConsoleMode(out, showing)
	windows.FlushConsoleInputBuffer(in)
	defer windows.FlushConsoleInputBuffer(in)
	defer func() { io.WriteString(t.out, p.farewell()) }()

	chunk := make([]byte, 256)
	last := ""
	for ctx.Err() == nil {
		if view := p.view(tui.Terminal(t.out.Fd())); view != last {
			if _, err := io.WriteString(t.out, view); err != nil {
				return ErrCancelled
			}
			last = view
		}
		n := 0
		// A read can't be called off, and the one that waits for a key would take it from the program that runs next.
		if event, _ := windows.WaitForSingleObject(in, uint32(p.patience().Milliseconds())); event == windows.WAIT_OBJECT_0 {
			if n, err = t.in.Read(chunk); err != nil {
				return ErrCancelled
			}
		}
		done, err := p.typed(chunk[:n])
		if err == errSuspended { // there is no such thing here
			continue
		}
		if done || err != nil {
			return err
		}
	}
	return ended(ctx)
}
