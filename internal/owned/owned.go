// Package owned tells whether a file or folder is the user's own: whether nobody else but root can change it, or swap it or
// what leads to it for something else. What is read from such a place may be believed, and the commands that it names run.
//
// It asks the system alone, opens no file, and needs no more of the standard library than package warm can have.
package owned

import (
	"errors"
	"fmt"
	"strings"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/tui"
)

// Trouble is what lets others change a file or folder.
type Trouble struct {
	Wrong []string // each names a path and who can change it
	step  string   // takes that right from them

	open []string // the paths that Mend may take the right to write from
}

// Err is the error that refuses path, with what would come of using it; nil without trouble.
func (t *Trouble) Err(path, danger string) error {
	if t == nil {
		return nil
	}
	err := errors.New("others can change it, and " + danger + ": " + strings.Join(t.Wrong, "; "))
	return hint.New(fmt.Errorf("refusing %s: %w", tui.ShowPath(path), err), "%s", t.step)
}
