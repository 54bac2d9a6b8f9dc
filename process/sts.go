package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"

	"aws-accounts/accounts"
	"aws-accounts/internal/route"
)

// Client calls STS for one account with the credentials of its source.
type Client struct {
	hop      *route.Hop
	Config   aws.Config
	sts      *sts.Client
	failFast bool
	report   func(error) // told of trouble that doesn't keep AWS from answering
}

// Identity is who some credentials belong to.
type Identity struct {
	AccountID string `json:"account_id"`
	ARN       string `json:"arn"`
	UserID    string `json:"user_id"`
}

// NewClient returns a client of STS for one hop.
func NewClient(hop *route.Hop, provider aws.CredentialsProvider, failFast bool, report func(error)) *Client {
	cfg := hop.Settings.Config(hop.Partition, provider, failFast)
	return &Client{hop: hop, Config: cfg, sts: STSOf(cfg, &hop.Settings), failFast: failFast, report: report}
}

// Through returns a client whose calls go through what change makes of its configuration.
func (c *Client) Through(change func(aws.Config) aws.Config) *Client {
	changed := *c
	changed.Config = change(c.Config)
	changed.sts = STSOf(changed.Config, &c.hop.Settings)
	return &changed
}

// inTime bounds a call of who has a session to fall back on, with what the SDK does for it first, such as opening a role with a web
// identity. It doesn't count the time in which a person is asked.
func (c *Client) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.failFast {
		return context.WithTimeout(ctx, route.FailFastFor)
	}
	return context.WithCancel(ctx)
}

// Credentials are those that the client calls with.
func (c *Client) Credentials(ctx context.Context) (aws.Credentials, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	return c.Config.Credentials.Retrieve(ctx)
}

// Whoami asks AWS whom the credentials belong to.
func (c *Client) Whoami(ctx context.Context) (Identity, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, err
	}
	return Identity{aws.ToString(out.Account), aws.ToString(out.Arn), aws.ToString(out.UserId)}, nil
}

// AssumeRole opens the role of a, with a code of the MFA device if it isn't "".
func (c *Client) AssumeRole(ctx context.Context, hop *route.Hop, begins route.Kind, code string) (aws.Credentials, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	duration := hop.Duration
	if duration > accounts.ChainedDuration && begins != route.FromInstance && begins != route.FromContainer {
		// What a credential_process gives shows only now: a session may assume a role for an hour at most.
		if credentials, err := c.Config.Credentials.Retrieve(ctx); err != nil {
			return aws.Credentials{}, err
		} else if credentials.SessionToken != "" {
			duration = accounts.ChainedDuration
		}
	}
	in := &sts.AssumeRoleInput{
		RoleArn:           aws.String(hop.RoleARN),
		RoleSessionName:   aws.String(hop.SessionName),
		DurationSeconds:   Seconds(duration),
		ExternalId:        optional(hop.ExternalID),
		SourceIdentity:    optional(hop.SourceIdentity),
		TransitiveTagKeys: hop.TransitiveTagKeys,
		Policy:            optional(hop.Policy),
	}
	if code != "" {
		in.SerialNumber, in.TokenCode = optional(hop.Device), optional(code)
	}
	for _, key := range slices.Sorted(maps.Keys(hop.SessionTags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(hop.SessionTags[key])})
	}
	for _, policy := range hop.PolicyARNs {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(policy)})
	}
	slog.Debug("AssumeRole", "role", hop.RoleARN, "region", c.Config.Region, "sessionName", hop.SessionName, "seconds", *in.DurationSeconds)
	out, err := c.sts.AssumeRole(ctx, in)
	if err != nil {
		return aws.Credentials{}, err
	}
	credentials, err := credentialsOf(out.Credentials, out.ResultMetadata, c.report)
	if err != nil {
		return aws.Credentials{}, err
	}
	if out.AssumedRoleUser != nil {
		if assumed, err := arn.Parse(aws.ToString(out.AssumedRoleUser.Arn)); err == nil {
			credentials.AccountID = assumed.AccountID
		}
	}
	return credentials, nil
}

func (c *Client) sessionToken(ctx context.Context, hop *route.Hop, code string) (aws.Credentials, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	in := &sts.GetSessionTokenInput{DurationSeconds: Seconds(hop.Duration)}
	if code != "" {
		in.SerialNumber, in.TokenCode = optional(hop.Device), optional(code)
	}
	slog.Debug("GetSessionToken", "region", c.Config.Region, "device", hop.Device, "seconds", *in.DurationSeconds)
	out, err := c.sts.GetSessionToken(ctx, in)
	if err != nil {
		return aws.Credentials{}, err
	}
	return credentialsOf(out.Credentials, out.ResultMetadata, c.report)
}

var errIncomplete = errors.New("AWS answered without a whole set of credentials")

// credentialsOf checks what AWS answered, and puts the expiration on this computer's clock, by which callers will judge it. A
// clock that is behind would have them use the session beyond its end; one that is ahead only has them ask early. report is
// told of either.
func credentialsOf(answer *types.Credentials, meta middleware.Metadata, report func(error)) (aws.Credentials, error) {
	if answer == nil || aws.ToString(answer.AccessKeyId) == "" || aws.ToString(answer.SecretAccessKey) == "" ||
		aws.ToString(answer.SessionToken) == "" || answer.Expiration == nil {
		return aws.Credentials{}, errIncomplete
	}
	expires := *answer.Expiration
	if skew, ok := awsmiddleware.GetAttemptSkew(meta); ok && skew.Abs() > time.Minute {
		report(errors.New("this computer's clock is " + OffBy(-skew)))
		expires = expires.Add(-max(skew, 0))
	}
	return aws.Credentials{
		AccessKeyID:     *answer.AccessKeyId,
		SecretAccessKey: *answer.SecretAccessKey,
		SessionToken:    *answer.SessionToken,
		CanExpire:       true,
		Expires:         expires,
	}, nil
}

// OffBy says how far the clock is ahead of AWS's, or behind.
func OffBy(ahead time.Duration) string {
	if ahead < 0 {
		return fmt.Sprintf("%s behind AWS's", accounts.Duration((-ahead).Round(time.Minute)))
	}
	return fmt.Sprintf("%s ahead of AWS's", accounts.Duration(ahead.Round(time.Minute)))
}

// Seconds is a duration as STS takes it.
func Seconds(d time.Duration) *int32 { return aws.Int32(int32(d / time.Second)) }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
