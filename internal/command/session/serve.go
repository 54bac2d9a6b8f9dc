package session

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"aws-accounts/internal/hint"
	"aws-accounts/internal/private"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
)

// Serve is `aws-accounts serve NAME`: container credentials on the loopback address, until it is ended.
type Serve struct {
	Name  string `arg:"" optional:"" help:"The account; without it, you choose."`
	Port  uint16 `help:"The port on 127.0.0.1 (default: any that is free)."`
	Forms `embed:""`
}

// Run says where the endpoint is once it answers, and serves until it's interrupted, which is success.
func (c *Serve) Run(r *process.Resolver, stdout io.Writer, stderr tui.Stderr) error {
	write, err := c.writer()
	if err != nil {
		return err
	}
	// By it the token can stay the same from one start to the next. It isn't a flag, which other users of the machine could read.
	token := os.Getenv(private.ServeToken)
	if token != "" && !goodToken(token) {
		return hint.New(fmt.Errorf("%s must be at least %d letters, digits or . _ + / = -", private.ServeToken, leastToken), "make one with `openssl rand -hex 32`")
	}
	session, err := open(r, c.Name)
	if err != nil {
		return err
	}
	e, err := newEndpoint(session, c.Port, token)
	if err != nil {
		return err
	}
	defer e.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := write(stdout, nil, e.variables()); err != nil {
		return err
	}
	if tui.ScreenOf(stdout).Width > 0 {
		fmt.Fprintf(stderr, "\nserving %s until Ctrl-C\n", session.name)
	}
	<-ctx.Done()
	return nil
}
