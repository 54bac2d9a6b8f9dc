package ask

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/windows"

	"aws-accounts/internal/tui"
)

type terminal struct {
	in, out *os.File
	window  uintptr
}

// openTerminal fails without a console, and at one without a window: that is what a program of the desktop gives to the
// commands that it starts, and nobody would see the question.
func openTerminal() (*terminal, error) {
	window, _, _ := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetConsoleWindow").Call()
	if window == 0 {
		return nil, errors.New("no console window")
	}
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		in.Close()
		return nil, err
	}
	return &terminal{in, out, window}, nil
}

func (t *terminal) close() {
	if t.in != nil {
		t.in.Close()
	}
	t.out.Close()
}

// forChild is the console for a child to write to.
func (t *terminal) forChild() (*os.File, error) { return os.OpenFile("CONOUT$", os.O_RDWR, 0) }

func (t *terminal) width() int { return tui.Terminal(t.out.Fd()).Width }

// id tells consoles apart.
func (t *terminal) id() uint { return uint(t.window >> 4) } // handles of windows are numbers in steps

// keep returns what brings the mode back that the console has now.
func (t *terminal) keep() (restore func()) {
	in := windows.Handle(t.in.Fd())
	var mode uint32
	if windows.GetConsoleMode(in, &mode) != nil {
		return func() {}
	}
	return func() { windows.SetConsoleMode(in, mode) }
}

func (t *terminal) ask(ctx context.Context, prompt string, echo bool) (answer string, err error) {
	in := windows.Handle(t.in.Fd())
	var before uint32
	if err := windows.GetConsoleMode(in, &before); err != nil {
		return "", ErrNobody
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)

	mode := before | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_ECHO_INPUT
	if !echo {
		mode &^= windows.ENABLE_ECHO_INPUT
	}
	if err := windows.SetConsoleMode(in, mode); err != nil {
		return "", ErrNobody
	}
	// What was typed before the question was meant for something else; nor should the rest of what was pasted land in the shell.
	windows.FlushConsoleInputBuffer(in)
	defer func() {
		windows.FlushConsoleInputBuffer(in)
		windows.SetConsoleMode(in, before)
		switch {
		case err != nil:
			io.WriteString(t.out, farewell(err))
		case !echo:
			io.WriteString(t.out, "\n")
		}
	}()
	if _, err := io.WriteString(t.out, prompt); err != nil {
		return "", ErrNobody
	}

	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func(file *os.File) {
		text, err := bufio.NewReader(file).ReadString('\n')
		got <- line{text, err}
	}(t.in)
	select {
	case l := <-got:
		if l.err != nil { // Ctrl-Z and Enter, Ctrl-C, or the console is gone
			return "", ErrCancelled
		}
		return l.text, nil
	case <-interrupted:
		err = ErrCancelled
	case <-ctx.Done():
		err = ended(ctx)
	}
	// The reader can't be called off, and Close would wait for it.
	t.in = nil
	return "", err
}

func (t *terminal) tell(_ context.Context, text string) error {
	_, err := io.WriteString(t.out, text)
	return err
}

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
