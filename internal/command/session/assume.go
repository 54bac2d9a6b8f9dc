package session

import (
	"context"
	"fmt"
	"io"

	"aws-accounts/accounts"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/stanza"
	"aws-accounts/internal/tui"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// Assume is `aws-accounts assume NAME`: the session now, and how to use it.
type Assume struct {
	Name      string `arg:"" optional:"" help:"The account; without it, you choose."`
	byProfile `embed:""`
	Refresh   bool              `help:"Get a new session even if the cached one is fresh."`
	Duration  accounts.Duration `help:"How long this session lasts, instead of what the accounts file says (15m to 12h)." placeholder:"1h"`
	MFACode   string            `name:"mfa-code" help:"The six digits of the MFA device, instead of asking for them." placeholder:"123456"`
}

// Run gets the session and says when it expires, and what has SDKs use another.
func (c *Assume) Run(r *process.Resolver, program *stanza.Program, stdout io.Writer, stderr tui.Stderr) error {
	a, err := account(r, c.Name, c.byProfile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), protocol.AttemptLimit)
	defer cancel()
	r.MFA.Code = c.MFACode
	session := r.Session(a.Name)
	if c.Duration != 0 && a.SSO != nil {
		return hint.Usage(fmt.Errorf("%s: how long a session of Identity Center lasts is a setting of its permission set", a.Name),
			"leave --duration out, or ask an administrator")
	}
	if c.Duration != 0 {
		// The account's own fingerprint stays: what the user asked for here is what every caller is then handed.
		longer := *a
		longer.Duration = c.Duration
		if err := r.FetchAs(session, &longer); err != nil {
			return err
		}
	}
	session.Renew, session.Insist = c.Refresh || c.Duration != 0, true
	credentials, err := session.Retrieve(ctx)
	if err != nil {
		return err
	}

	if credentials.CanExpire {
		left := credentials.Expires.Sub(r.Sessions.Now())
		fmt.Fprintf(stdout, "%s: account %s, session valid until %s (%s)\n", a.Name, credentials.AccountID,
			credentials.Expires.Local().Format("15:04"), tui.Left(left))
	} else {
		fmt.Fprintf(stdout, "%s: account %s, long-term keys as they are\n", a.Name, credentials.AccountID)
	}
	if session.Unkept != nil {
		tui.Sayf(stdout, "warning: the session is not kept, so every command gets one of its own: %s", session.Unkept)
	}
	profile, inTheWay := (&stanza.Check{Program: program, File: a.File(), Only: a}).Usable()
	if _, err := fmt.Fprintf(stdout, "\n  export AWS_PROFILE=%s\n", hint.Word(profile)); err != nil {
		return err
	}
	for _, f := range inTheWay {
		next := ""
		if f.Hint != "" {
			next = "; hint: " + program.Step(f.Hint)
		}
		tui.Sayf(stderr, "warning: AWS_PROFILE=%s isn't enough: %s%s", profile, f.Text, next)
	}
	return nil
}
