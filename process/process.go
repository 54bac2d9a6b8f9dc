package process

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/process/protocol"
)

// relayRefusals is how long AWS's refusal is handed on: tools retry what fails, up to 13 times in six seconds.
const relayRefusals = 2 * time.Second

// Command is `aws-accounts process NAME`, which SDKs start through credential_process.
type Command struct {
	Name string `arg:"" help:"The account, by its name in the accounts file."`
}

// Help is what --help says besides the flags.
func (*Command) Help() string {
	return `This is what setup writes into ~/.aws/config, and SDKs start:

  [profile dev]
  credential_process = /usr/local/bin/aws-accounts process dev

On success it writes one JSON document and nothing else. On failure it writes
nothing to standard output, and says why on standard error.`
}

// Run writes the credentials of the account as the one JSON document that SDKs expect, or returns why it can't.
func (c *Command) Run(r *Resolver, stdout io.Writer) error {
	protocol.IgnoreHangup()
	ctx, cancel := context.WithTimeout(context.Background(), protocol.Remaining(protocol.AttemptLimit))
	defer cancel()

	type result struct {
		credentials aws.Credentials
		err         error
	}
	done := make(chan result, 1)
	go func() {
		session := r.Session(c.Name)
		session.Relay = relayRefusals
		credentials, err := session.Retrieve(ctx)
		done <- result{credentials, err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			return got.err
		}
		return Write(stdout, got.credentials)
	case <-time.After(protocol.Remaining(protocol.CallLimit)):
		return protocol.NotFinished(c.Name)
	}
}

// Write writes credentials in the format of credential_process.
func Write(w io.Writer, c aws.Credentials) error {
	d := protocol.Document{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, AccountID: c.AccountID}
	if c.CanExpire {
		d.Expires = c.Expires
	}
	return d.Write(w)
}
