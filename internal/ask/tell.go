package ask

import (
	"context"
	"fmt"
)

// Present reports whether there is a terminal to ask at, with us in its foreground, and asking isn't forbidden.
func (a *Asker) Present() bool {
	if a.Never {
		return false
	}
	t, err := openTerminal()
	if err != nil {
		return false
	}
	t.close()
	return true
}

// Tell shows a text at the terminal, where it says something to do that isn't done there. It waits while a question is open
// there, whose answer would end up behind the text. The text ends with a new line; what is in it of others must have been
// made harmless. Without a terminal it's ErrNobody.
func (a *Asker) Tell(ctx context.Context, text string) error {
	if a.Never {
		return fmt.Errorf("%w: asking is forbidden (--no-input)", ErrNobody)
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	t, err := openTerminal()
	if err != nil {
		return fmt.Errorf("%w: no terminal", ErrNobody)
	}
	defer t.close()
	release, err := a.turn(ctx, t)
	if err != nil {
		return err
	}
	defer release()
	return t.tell(ctx, program+": "+text)
}
