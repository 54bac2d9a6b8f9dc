// Package awscall has what commands share that make many calls to AWS: telling its errors apart, counting the calls that it
// throttles, and pausing between two tries.
package awscall

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithy "github.com/aws/smithy-go"
)

// Counting counts what is throttled.
type Counting struct {
	aws.RetryerV2
	Throttled *atomic.Int64
}

// RetryDelay counts, and leaves the delay to the retryer below.
func (r Counting) RetryDelay(attempt int, err error) (time.Duration, error) {
	if IsThrottled(err) {
		r.Throttled.Add(1)
	}
	return r.RetryerV2.RetryDelay(attempt, err)
}

// IsThrottled reports whether AWS refused a call since there were too many.
func IsThrottled(err error) bool {
	return retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
}

// Code is that of AWS's answer, "" if err is none.
func Code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// IsCode reports whether err is AWS's answer with that code. Some services end it in Exception.
func IsCode(err error, code string) bool { return Code(err) == code || Code(err) == code+"Exception" }

// Pause waits for d, or returns ctx's error when that ends first.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
