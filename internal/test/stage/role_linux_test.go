package stage

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"

	"aws-accounts/internal/test/standin"
)

// The plan comes before the question, nothing is made before the answer, and who sits at the terminal sees how far it is.
func TestRoleCreateAsks(t *testing.T) {
	t.Parallel()
	world, file := organization(3, "")
	aws := standin.Start(t, world)
	h := NewHome(t, aws, FileKeychain()...)
	h.Accounts(file)
	for _, answer := range []string{"", "n", "y"} {
		cmd := h.Command("aws-accounts", "role", "create", "--all")
		screen, tty, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: 120})
		var stdout, stderr bytes.Buffer
		read := make(chan struct{})
		go func() { io.Copy(&stderr, screen); close(read) }()
		cmd.Stdout, cmd.Stderr = &stdout, tty
		terminal := onTerminal(t, cmd)
		terminal.answer(t, "Create 3 roles in AWS? [y/N] ", answer)
		failed := cmd.Wait()
		tty.Close()
		<-read
		screen.Close()
		if plan, _, _ := strings.Cut(stdout.String(), "created"); strings.Count(plan, "create   ") != 3 {
			t.Errorf("the plan is %q", plan)
		}
		if !strings.Contains(stderr.String(), "of 3 roles looked at; at most 200 calls a second") {
			t.Errorf("progress is %q", &stderr)
		}
		want := map[bool]int{true: 3}[answer == "y"]
		if (failed == nil) != (answer == "y") || created(aws) != want {
			t.Errorf("answer %q: %v, %d roles made", answer, failed, created(aws))
		}
		if answer == "n" && !strings.Contains(stderr.String(), "aws-accounts: nothing was done\r\n") {
			t.Errorf("stderr is %q", &stderr)
		}
	}
}
