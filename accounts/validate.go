package accounts

import (
	"fmt"
	"io"
)

// Validate is `aws-accounts validate`: checks the accounts file.
type Validate struct{}

// Run says what is wrong, all at once, or what is right but may surprise.
func (Validate) Run(r *Reader, stdout io.Writer) error {
	file, err := r.File()
	if err != nil {
		return err
	}
	for _, n := range file.Notes() {
		fmt.Fprintf(stdout, "%s:%d:%d: note: %s\n", showPath(file.Path), n.Line, n.Column, n.Message)
	}
	plural := "s"
	if len(file.Accounts) == 1 {
		plural = ""
	}
	fmt.Fprintf(stdout, "%s: %d account%s, no errors\n", showPath(file.Path), len(file.Accounts), plural)
	return nil
}
