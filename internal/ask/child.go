package ask

import (
	"bytes"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// What a child may write; nobody types more.
const most = 64 << 10

// run runs a child that gets none of our standard files, with stdin as all that it can read, and returns what it wrote. A
// child whose standard error is set already keeps it.
// What it wrote may be a secret. onLine, if there is one, is called when it has written a first line.
func run(cmd *exec.Cmd, stdin string, onLine func()) (stdout, stderr string, err error) {
	// The file keychain's passphrase opens every account, and no child of ours has to open any.
	cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_ACCOUNTS_KEYCHAIN_PASSPHRASE=") })
	out, errs := &capped{onLine: onLine}, &capped{}
	cmd.Stdout = out
	if cmd.Stderr == nil {
		cmd.Stderr = errs
	}
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	cmd.WaitDelay = 500 * time.Millisecond // a grandchild, such as an agent that it started, may hold the pipes
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return string(out.text), string(errs.text), err
}

// capped keeps the beginning of what is written to it.
type capped struct {
	text   []byte
	onLine func() // nil when it has been called
}

func (c *capped) Write(p []byte) (int, error) {
	if c.onLine != nil && bytes.IndexByte(p, '\n') >= 0 {
		c.onLine()
		c.onLine = nil
	}
	c.text = append(c.text, p[:min(len(p), most-len(c.text))]...)
	return len(p), nil
}

// exitCode returns 0 for success, and -1 for what didn't start or was killed.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	return -1
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r")
}
