package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"

	"aws-accounts/accounts"
	"aws-accounts/internal/pattern"
)

// client calls STS for one account with the credentials of its source.
type client struct {
	config aws.Config
	sts    *sts.Client
	hurry  bool
	report func(error) // told of trouble that doesn't keep AWS from answering
}

// Identity is who some credentials belong to.
type Identity struct {
	AccountID string `json:"account_id"`
	ARN       string `json:"arn"`
	UserID    string `json:"user_id"`
}

// How long one HTTP call may take, and how often it's tried. Together they stay well inside of deadline.Attempt, and in a hurry a
// chain of two links answers within three seconds.
const (
	callTimeout, calls               = 6 * time.Second, 3
	callTimeoutHurried, callsHurried = 1400 * time.Millisecond, 1
)

// newClient returns a client in config's region, or in one of partition's if config has none there.
func newClient(config aws.Config, partition string, hurry bool, report func(error)) *client {
	config = bounded(config, hurry)
	config.Region = regionIn(partition, config.Region)
	return &client{config: config, sts: sts.NewFromConfig(config), hurry: hurry, report: report}
}

// bounded limits what clients made from config may take for a call.
func bounded(config aws.Config, hurry bool) aws.Config {
	timeout, attempts := callTimeout, calls
	if hurry {
		timeout, attempts = callTimeoutHurried, callsHurried
	}
	config.HTTPClient = withTimeout(config.HTTPClient, timeout)
	config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = attempts
			o.MaxBackoff = 2 * time.Second
		})
	}
	return config
}

// withTimeout bounds each call of the client that the SDK made, which knows about ca_bundle and proxies.
func withTimeout(c aws.HTTPClient, timeout time.Duration) aws.HTTPClient {
	if b, ok := c.(*awshttp.BuildableClient); ok {
		return b.WithTimeout(timeout)
	}
	return awshttp.NewBuildableClient().WithTimeout(timeout)
}

// hurriedTime is how long a call may take in a hurry together with what the SDK does for it first, such as opening a role
// with a web identity. It doesn't count the time in which a person is asked.
const hurriedTime = 2500 * time.Millisecond

func (c *client) inTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.hurry {
		return context.WithTimeout(ctx, hurriedTime)
	}
	return context.WithCancel(ctx)
}

func (c *client) credentials(ctx context.Context) (aws.Credentials, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	return c.config.Credentials.Retrieve(ctx)
}

func (c *client) whoami(ctx context.Context) (Identity, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	out, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, err
	}
	return Identity{aws.ToString(out.Account), aws.ToString(out.Arn), aws.ToString(out.UserId)}, nil
}

func (c *client) assumeRole(ctx context.Context, file *accounts.File, a *accounts.Account, device, code string) (aws.Credentials, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	in := &sts.AssumeRoleInput{
		SerialNumber:      optional(device),
		TokenCode:         optional(code),
		RoleArn:           aws.String(a.RoleARN),
		RoleSessionName:   aws.String(sessionName(a)),
		DurationSeconds:   seconds(a.EffectiveDuration()),
		ExternalId:        optional(a.ExternalID),
		SourceIdentity:    optional(a.SourceIdentity),
		TransitiveTagKeys: a.TransitiveTagKeys,
		Policy:            optional(string(a.Policy)),
	}
	for _, key := range slices.Sorted(maps.Keys(a.SessionTags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(a.SessionTags[key])})
	}
	for _, policy := range a.PolicyARNs {
		in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(policy)})
	}
	slog.Debug("AssumeRole", "role", a.RoleARN, "region", c.config.Region, "sessionName", *in.RoleSessionName, "seconds", *in.DurationSeconds)
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

func (c *client) sessionToken(ctx context.Context, duration time.Duration, device, code string) (aws.Credentials, error) {
	ctx, done := c.inTime(ctx)
	defer done()
	in := &sts.GetSessionTokenInput{DurationSeconds: seconds(duration)}
	if code != "" {
		in.SerialNumber, in.TokenCode = optional(device), optional(code)
	}
	slog.Debug("GetSessionToken", "region", c.config.Region, "device", device, "seconds", *in.DurationSeconds)
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
		report(errors.New("this computer's clock is " + offBy(-skew)))
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

// offBy says how far the clock is ahead of AWS's, or behind.
func offBy(ahead time.Duration) string {
	if ahead < 0 {
		return fmt.Sprintf("%s behind AWS's", accounts.Duration((-ahead).Round(time.Minute)))
	}
	return fmt.Sprintf("%s ahead of AWS's", accounts.Duration(ahead.Round(time.Minute)))
}

func seconds(d time.Duration) *int32 { return aws.Int32(int32(d / time.Second)) }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

var notInSessionName = pattern.New(`[^\w+=,.@-]+`)

// sessionName is what shows in CloudTrail: as the account says, or the OS user, made valid.
func sessionName(a *accounts.Account) string {
	if a.SessionName != "" {
		return a.SessionName
	}
	name := "aws-accounts"
	if u, err := user.Current(); err == nil {
		_, login, found := strings.Cut(u.Username, `\`) // DOMAIN\user on Windows
		if !found {
			login = u.Username
		}
		if login = notInSessionName.ReplaceAllString(login, "-"); len(login) >= 2 {
			name = login
		}
	}
	return name[:min(len(name), 64)]
}
