package ask

import "context"

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
	t, done, err := a.terminal(ctx)
	if err != nil {
		return err
	}
	defer done()
	return t.tell(ctx, program+": "+text)
}
