package process

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
)

var explained = (&accounts.File{Path: "accounts.json", Accounts: []accounts.Account{
	{Name: "main", AccountID: "123456789012"},
	{Name: "dev", AccountID: "987654321098", RoleARN: "arn:aws:iam::987654321098:role/Admin", ExternalID: "x1"},
}}).Indexed()

func answer(status int, code, message string) error {
	header := http.Header{"Date": {time.Now().Add(20 * time.Minute).UTC().Format(http.TimeFormat)}}
	return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &awshttp.ResponseError{RequestID: "id-1",
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: header}},
			Err: &smithy.GenericAPIError{Code: code, Message: message}}}}
}

func call(err error) error {
	return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &url.Error{Op: "Post", URL: "https://sts.eu-west-1.amazonaws.com/", Err: err}}
}

// Each refusal of AWS, and each trouble on the way there, is one sentence and one next step.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name, account string
		err           error
		says, hints   string
		definite      bool
	}{
		{"denied", "dev", answer(403, "AccessDenied", "User: arn:aws:iam::123456789012:user/me is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::987654321098:role/Admin"),
			"dev: arn:aws:iam::123456789012:user/me is not allowed to assume arn:aws:iam::987654321098:role/Admin (AccessDenied)",
			"check the role's trust policy names account 123456789012 with this external ID (and if it demands MFA, set \"mfa_serial\"), and that your user has sts:AssumeRole; `aws-accounts doctor dev` checks both", true},
		{"no session token", "main", answer(403, "AccessDenied", "no"), "main: AWS refused a session token (AccessDenied)", `"session": "none"`, true},
		{"foreign device", "main", answer(403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code."), "doesn't accept the MFA device", "mfa_serial", true},
		{"expired", "dev", answer(403, "ExpiredToken", "The security token included in the request is expired"), "dev: the credentials of main have expired (ExpiredToken)", "aws sso login", false},
		{"unknown key", "dev", answer(403, "InvalidClientTokenId", "The security token included in the request is invalid."), "AWS doesn't know the credentials of main", "aws configure", true},
		{"wrong secret", "dev", answer(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"), "the secret access key of the credentials of main is wrong", "aws configure", true},
		{"skew", "dev", answer(403, "SignatureDoesNotMatch", "Signature expired: 20261122T100000Z is now earlier than 20261122T101500Z"), "this computer's clock is 20m behind AWS's", "timedatectl", false},
		{"region", "dev", answer(403, "RegionDisabledException", "STS is not activated in this region"), "STS is not enabled in the region", `"region"`, false},
		{"policy", "dev", answer(400, "MalformedPolicyDocument", "Syntax errors in policy."), "doesn't accept the policy or the tags: Syntax errors in policy.", `"policy"`, true},
		{"packed policy", "dev", answer(400, "PackedPolicyTooLarge", "Packed size of session tags consumes 101% of allotted space."), "101%", `"session_tags"`, true},
		{"duration", "dev", answer(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."), "1h is longer than the role allows", `"duration"`, true},
		{"malformed", "dev", answer(400, "ValidationError", "1 validation error detected:\n Value 'x' at 'roleArn' failed"), "doesn't accept the request: 1 validation error detected: Value", "validate", true},
		{"throttled", "dev", answer(400, "Throttling", "Rate exceeded"), "throttling", "wait a minute", false},
		{"trouble at AWS", "dev", answer(503, "InternalFailure", ""), "AWS has trouble of its own (HTTP 503)", "wait a minute", false},
		{"no name", "dev", call(&net.DNSError{Err: "no such host", Name: "sts.eu-west-1.amazonaws.com"}), "can't reach sts.eu-west-1.amazonaws.com: the name sts.eu-west-1.amazonaws.com isn't known", "network", false},
		{"refused", "dev", call(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "can't reach sts.eu-west-1.amazonaws.com: connection refused", "HTTPS_PROXY", false},
		{"silent", "dev", call(context.DeadlineExceeded), "dev: AWS didn't answer in time", "network", false},
		{"foreign CA", "dev", call(x509.UnknownAuthorityError{}), "the certificate of sts.eu-west-1.amazonaws.com isn't trusted", "AWS_CA_BUNDLE", false},
		{"something else", "dev", errors.New("layer: deeper"), "dev: layer: deeper", "`aws-accounts doctor dev`", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := explained.Find(c.account)
			if err != nil {
				t.Fatal(err)
			}
			got := explain(c.err, a)
			if !strings.Contains(got.Error(), c.says) || strings.Contains(got.Error(), "\n") {
				t.Errorf("says %q, want %q", got, c.says)
			}
			if !strings.Contains(hint.Of(got), c.hints) {
				t.Errorf("hints %q, want %q", hint.Of(got), c.hints)
			}
			if errors.Is(got, cache.ErrRefused) != c.definite {
				t.Errorf("definite: %t", !c.definite)
			}
		})
	}
	if explain(nil, &explained.Accounts[0]) != nil {
		t.Error("nothing to explain")
	}
	ours := hint.New(errors.New("ours"), "do")
	if got := explain(call(ours), &explained.Accounts[1]); got.Error() != "ours" {
		t.Errorf("our own error came back as %q", got)
	}
}
