package process

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/internal/hint"
)

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
	// What was obtained is cached even if the caller has gone away: neither its closed pipe nor its terminal ends us.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()

	type result struct {
		credentials aws.Credentials
		err         error
	}
	done := make(chan result, 1)
	go func() {
		credentials, err := r.Session(c.Name).Retrieve(ctx)
		done <- result{credentials, err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			return got.err
		}
		return Write(stdout, got.credentials)
	case <-time.After(end): // what knows no deadline, as a file on a server that doesn't answer
		return hint.New(fmt.Errorf("%s: not finished within %s", c.Name, end), "`aws-accounts doctor %s` shows what doesn't answer", c.Name)
	}
}

// Write writes credentials in the format of credential_process, version 1, in one write: a caller that reads a part of it
// reads no whole document. Credentials that can't expire carry no Expiration.
//
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func Write(w io.Writer, c aws.Credentials) error {
	document := struct {
		Version         int
		AccessKeyId     string
		SecretAccessKey string
		SessionToken    string `json:",omitempty"`
		Expiration      string `json:",omitempty"`
		AccountId       string `json:",omitempty"`
	}{1, c.AccessKeyID, c.SecretAccessKey, c.SessionToken, "", c.AccountID}
	if c.CanExpire {
		document.Expiration = c.Expires.UTC().Format(time.RFC3339)
	}
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}
