// Package ask asks the person, and is the only place that does. It asks at the terminal device (/dev/tty, CONIN$), else by
// a dialog on the desktop, else it says at once that there is nobody.
//
// Invariant: it never reads standard input and never writes to standard output or error, which belong to whoever started
// us; none of its children inherits them, as callers wait for everybody who holds them. However a question ends, the
// terminal is left as it was found, and no answer is ever in an argument list.
package ask

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

var (
	// ErrNobody means that there is neither a terminal nor a desktop to ask at, or that asking is forbidden.
	ErrNobody = errors.New("nobody to ask")
	// ErrCancelled means that the person was asked and gave no answer: Ctrl-C, Ctrl-D, an empty one, a closed dialog.
	ErrCancelled = errors.New("cancelled")
)

// The name that stands before each question: a prompt in the middle of Terraform's output should say whose it is. Who
// started us isn't named: it is mostly `sh` or `python`.
const program = "aws-accounts"

// Asker asks one question at a time. Its zero value asks.
type Asker struct {
	Never bool   // --no-input
	Locks string // folder of the locks that keep the prompts of processes at one terminal apart; "" for none
}

// Secret asks for a code, a key or a passphrase, at the terminal without showing what is typed (as the AWS CLI does for MFA
// codes), else by a dialog. The question is a noun phrase without a mark at its end; it may hold text of others. The
// answer has no blanks around it. If ctx ends first, the error is ctx's, in a person's words.
func (a *Asker) Secret(ctx context.Context, question string) (string, error) {
	prompt := promptFor(question)
	answer, err := a.atTerminal(ctx, prompt+": ", false)
	if errors.Is(err, ErrNobody) && !a.Never {
		return onDesktop(ctx, prompt)
	}
	return answer, err
}

// Line is Secret for what may be seen. It is asked at the terminal only: no command that needs it is started by an SDK.
func (a *Asker) Line(ctx context.Context, question string) (string, error) {
	answer, err := a.Optional(ctx, question)
	if err == nil && answer == "" {
		err = ErrCancelled
	}
	return answer, err
}

// Optional is Line where Enter alone is an answer, too: "". The question says what that means.
func (a *Asker) Optional(ctx context.Context, question string) (string, error) {
	return a.atTerminal(ctx, promptFor(question)+": ", true)
}

// Confirm asks for yes or no at the terminal, where Enter alone means preset, and asks again until it is one of them.
func (a *Asker) Confirm(ctx context.Context, question string, preset bool) (bool, error) {
	choice := " [y/N] "
	if preset {
		choice = " [Y/n] "
	}
	for {
		answer, err := a.atTerminal(ctx, promptFor(question)+choice, true)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(answer) {
		case "":
			return preset, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}

func promptFor(question string) string { return program + ": " + tui.Harmless(question) }

// late is the end of ctx in a person's words.
type late struct{ error }

func (late) Error() string   { return "nobody answered in time" }
func (l late) Unwrap() error { return l.error }

func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return late{ctx.Err()}
	}
	return fmt.Errorf("%w: %w", ErrCancelled, context.Cause(ctx))
}

// Consent asks whether to do it, unless yes has answered already. Without a yes it returns an error. What Enter means is the same
// everywhere: yes to what only adds to files here, and no to what removes something or changes AWS.
func Consent(ctx context.Context, asker *Asker, yes bool, question string, enter bool) error {
	if yes {
		return nil
	}
	ok, err := asker.Confirm(ctx, question, enter)
	if errors.Is(err, ErrNobody) {
		return hint.Usage(err, "--yes does it without asking, --dry-run only shows the plan")
	}
	if err == nil && !ok {
		err = errors.New("nothing was done")
	}
	return hint.New(err, "--yes does it without asking")
}

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
	return t.tell(ctx, tui.Fold(program+": "+text, t.width()))
}
