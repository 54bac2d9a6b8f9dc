package process

import (
	"context"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-accounts/internal/awscall"
)

// delivery tells whether AWS can have had the MFA code that a call sends. A code that it hasn't had may be sent again,
// as after the network was down.
type delivery struct {
	spent bool // AWS has judged the code, or that can't be told
}

// watched has the calls that are made with a configuration looked at.
func (d *delivery) watched(cfg aws.Config) aws.Config {
	cfg.APIOptions = append(slices.Clip(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("delivery", d.attempt), middleware.Before)
	})
	return cfg
}

// attempt is one of those that the SDK makes for a call.
func (d *delivery) attempt(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	out middleware.DeserializeOutput, meta middleware.Metadata, err error,
) {
	var written, began atomic.Bool
	out, meta, err = next.HandleDeserialize(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest:         func(info httptrace.WroteRequestInfo) { written.Store(info.Err == nil) },
		GotFirstResponseByte: func() { began.Store(true) },
	}), in)
	response, answered := out.RawResponse.(*smithyhttp.Response)
	answered = answered && response.StatusCode != 0 // the SDK makes one up where there is none
	switch {
	case err == nil:
		d.spent = true
	case IsRefusal(err):
		d.spent = d.spent || !slices.Contains(strings.Fields(codesThrottled), awscall.Code(err))
	case answered && response.StatusCode >= 300 && response.StatusCode < 500: // who answered isn't AWS
	case answered || began.Load():
		d.spent = true
	case written.Load() && (isTimeout(err) || ctx.Err() != nil): // who breaks off a connection has judged nothing
		d.spent = true
	}
	return out, meta, err
}
