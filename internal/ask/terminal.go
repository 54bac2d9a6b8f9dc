package ask

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aws-accounts/internal/lock"
	"aws-accounts/internal/tui"
)

// Sessions share this many locks: a person has few terminals, and the folder of locks shouldn't grow with each new one.
const terminalLocks = 64

// terminal waits for our turn at the process's own terminal. ErrNobody means that there is none, or that it isn't for us.
func (a *Asker) terminal(ctx context.Context) (t *terminal, done func(), err error) {
	if a.Never {
		return nil, nil, fmt.Errorf("%w: asking is forbidden (--no-input)", ErrNobody)
	}
	if ctx.Err() != nil {
		return nil, nil, ended(ctx)
	}
	if t, err = openTerminal(); err != nil {
		return nil, nil, fmt.Errorf("%w: no terminal", ErrNobody)
	}
	release, err := a.turn(ctx, t)
	if err != nil {
		t.close()
		return nil, nil, err
	}
	return t, func() { release(); t.close() }, nil
}

// Attended is nil where a person can be asked at a terminal, and says why not elsewhere.
func (a *Asker) Attended(ctx context.Context) error {
	_, done, err := a.terminal(ctx)
	if err == nil {
		done()
	}
	return err
}

// atTerminal asks for a line. ErrNobody means that nothing was shown.
func (a *Asker) atTerminal(ctx context.Context, prompt string, echo bool) (string, error) {
	t, done, err := a.terminal(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	answer, err := t.ask(ctx, folded(prompt, t.width()), echo)
	if err != nil {
		return "", err
	}
	answer = strings.TrimSpace(answer)
	if answer == "" && !echo {
		return "", ErrCancelled
	}
	return answer, nil
}

// folded breaks a prompt at words. The blank behind it stays, with a cell for y or n.
func folded(prompt string, width int) string {
	question := strings.TrimRight(prompt, " ")
	return tui.Fold(question, max(width-2, 1)) + prompt[len(question):]
}

// turn waits until no other process of ours asks at this terminal. Where locks can't be had, two prompts that mix are
// better than none.
func (a *Asker) turn(ctx context.Context, t *terminal) (release func(), err error) {
	if a.Locks == "" {
		return func() {}, nil
	}
	release, err = lock.Acquire(ctx, a.Locks, fmt.Sprintf("_terminal-%d", t.id()%terminalLocks))
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("another question is open at this terminal: %w", ended(ctx))
	}
	if err != nil {
		return func() {}, nil
	}
	return release, nil
}

var errSuspended = errors.New("suspended")

// farewell is what the terminal shows below a prompt that ended without an answer.
func farewell(err error) string {
	if _, ok := errors.AsType[late](err); ok {
		return "\n" + program + ": " + err.Error() + "\n"
	}
	return "\n"
}
