package role

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"golang.org/x/time/rate"

	"aws-accounts/internal/awscall"
)

// pace keeps the calls of one command within AWS's rates, and counts them. IAM's rates hold for each account, where we make
// a handful of calls; STS counts all our AssumeRole in the account that they come from, and allows it 600 a second together
// with everybody else there.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
type pace struct {
	bucket    *rate.Limiter
	throttled atomic.Int64
}

const callsPerSecond = 200

func newPace() *pace { return &pace{bucket: rate.NewLimiter(callsPerSecond, rolesAtOnce)} }

// of returns config so that each try of a call waits for its turn, and that throttled calls are tried until they get through.
func (p *pace) of(config aws.Config) aws.Config {
	config.HTTPClient = pacedClient{config.HTTPClient, p}
	config.Retryer = func() aws.Retryer {
		return awscall.Counting{RetryerV2: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = 8
			o.MaxBackoff = 5 * time.Second
			o.RateLimiter = ratelimit.None // it would give up after a hundred refusals, however many calls went well
		}), Throttled: &p.throttled}
	}
	return config
}

func (p *pace) String() string {
	text := fmt.Sprintf("at most %d calls a second", callsPerSecond)
	if n := p.throttled.Load(); n > 0 {
		text += fmt.Sprintf(", %d throttled by AWS", n)
	}
	return text
}

type pacedClient struct {
	aws.HTTPClient
	pace *pace
}

func (c pacedClient) Do(r *http.Request) (*http.Response, error) {
	if err := c.pace.bucket.Wait(r.Context()); err != nil {
		return nil, err
	}
	return c.HTTPClient.Do(r)
}
