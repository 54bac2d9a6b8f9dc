package session

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-accounts/internal/tui"
	"aws-accounts/process"
	"aws-accounts/process/protocol"
)

// Whoami is `aws-accounts whoami [NAME]`: who the credentials belong to, as AWS sees it.
type Whoami struct {
	Name      string `arg:"" optional:"" help:"The account; without it, the AWS credentials in use here (AWS_PROFILE, environment)."`
	byProfile `embed:""`
	JSON      bool `name:"json" help:"Write one JSON document."`
}

// Run asks AWS, since only AWS knows.
func (c *Whoami) Run(r *process.Resolver, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), protocol.AttemptLimit)
	defer cancel()
	var who process.Identity
	var credentials aws.Credentials
	var err error
	name := ""
	if c.Name == "" && c.Profile == "" {
		who, credentials, err = process.CurrentIdentity(ctx)
	} else if s, failed := open(r, c.Name, c.byProfile); failed != nil {
		err = failed
	} else {
		name, credentials = s.account.Name, s.first
		who, err = s.identity(ctx)
	}
	if err != nil {
		return err
	}

	document := struct {
		Account string `json:"account,omitempty"` // our name for it
		process.Identity
		Expiration *time.Time `json:"expiration,omitempty"`
	}{name, who, nil}
	if credentials.CanExpire {
		document.Expiration = aws.Time(credentials.Expires.UTC())
	}
	if c.JSON {
		return tui.JSON(stdout, document, "")
	}
	fmt.Fprintf(stdout, "Account  %s\nARN      %s\nUser ID  %s\n", who.AccountID, who.ARN, who.UserID)
	if credentials.CanExpire {
		fmt.Fprintf(stdout, "Left     %s\n", tui.Left(credentials.Expires.Sub(r.Sessions.Now())))
	}
	return nil
}
