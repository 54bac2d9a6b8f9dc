package process

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
)

var explained = (&accounts.File{Path: "accounts.json", Accounts: []accounts.Account{
	{Name: "main", AccountID: "123456789012"},
	{Name: "dev", AccountID: "987654321098", RoleARN: "arn:aws:iam::987654321098:role/Admin", ExternalID: "x1"},
	{Name: "tagged", Source: "main", RoleARN: "arn:aws:iam::987654321098:role/Tagged",
		SessionTags: map[string]string{"team": "core"}},
	{Name: "deep", Source: "tagged", RoleARN: "arn:aws:iam::555555555555:role/Deep", SourceIdentity: "me"},
	{Name: "hub", Credentials: &accounts.Credentials{Profile: "corp"}},
	{Name: "spoke", Source: "hub", RoleARN: "arn:aws:iam::555555555555:role/Spoke"},
	{Name: "mfa", Source: "main", RoleARN: "arn:aws:iam::555555555555:role/MFA",
		MFASerial: "arn:aws:iam::123456789012:mfa/me"},
	{Name: "phone", MFASerial: "arn:aws:iam::123456789012:mfa/phone"},
	{Name: "called", Source: "phone", RoleARN: "arn:aws:iam::555555555555:role/Called"},
	{Name: "stored", Credentials: &accounts.Credentials{Keychain: true}},
	{Name: "robot", Credentials: &accounts.Credentials{Environment: true}},
	{Name: "ci", Credentials: &accounts.Credentials{WebIdentityTokenFile: "/token",
		RoleARN: "arn:aws:iam::123456789012:role/CI"}},
	{Name: "portal", AccountID: "111122223333", SSO: &accounts.SSO{Session: "corp", RoleName: "Admin"}},
	{Name: "beyond", Source: "portal", RoleARN: "arn:aws:iam::555555555555:role/Beyond"},
	{Name: "box", Credentials: &accounts.Credentials{Instance: true}},
	{Name: "odd", Credentials: &accounts.Credentials{Profile: "my $corp"}},
	{Name: "fast", Source: "main", RoleARN: "arn:aws:iam::555555555555:role/Fast",
		Duration: accounts.Duration(2 * time.Hour)},
}, SSOSessions: []accounts.SSOSession{{Name: "corp", StartURL: "https://corp.awsapps.com/start",
	Region: "eu-west-1"}}}).Indexed()

// answer is AWS's refusal of AssumeRole, refused that of another operation.
func answer(status int, code, message string) error {
	return refused("STS", "AssumeRole", status, code, message)
}

func refused(service, operation string, status int, code, message string) error {
	return responded(service, operation, status, &smithy.GenericAPIError{Code: code, Message: message})
}

func responded(service, operation string, status int, err error) error {
	header := http.Header{"Date": {time.Now().Add(20 * time.Minute).UTC().Format(http.TimeFormat)}}
	request := &http.Request{URL: &url.URL{Scheme: "https", Host: "sts.eu-west-1.amazonaws.com"}}
	return &smithy.OperationError{ServiceID: service, OperationName: operation,
		Err: &awshttp.ResponseError{RequestID: "id-1",
			ResponseError: &smithyhttp.ResponseError{Err: err, Response: &smithyhttp.Response{
				Response: &http.Response{StatusCode: status, Header: header, Request: request}}}}}
}

func unreached(err error) error {
	return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithyhttp.RequestSendError{
		Err: &url.Error{Op: "Post", URL: "https://sts.eu-west-1.amazonaws.com/", Err: err}}}
}

// within is an operation that failed because the one for its credentials did.
func within(err error) error {
	return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole",
		Err: fmt.Errorf("get identity: get credentials: %w", err)}
}

const (
	me     = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: "
	onDev  = " on resource: arn:aws:iam::987654321098:role/Admin"
	noMFA  = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user. "
	badMFA = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
	noBoth = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. "
	scp    = "arn:aws:organizations::123456789012:policy/o-ab12/service_control_policy/p-cd34"
)

// Each kind of AWS's refusals is one sentence and one next step.
func TestRefusals(t *testing.T) {
	home(t, "[profile corp]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = x\n",
		"[default]\naws_access_key_id = x\naws_secret_access_key = x\n")
	const mayDev = "dev: arn:aws:iam::123456789012:user/me is not allowed to assume arn:aws:iam::987654321098:role/Admin"
	for _, c := range []struct {
		name, account string
		err           error
		says, hints   string
		definite      bool
	}{
		{"denied", "dev", answer(403, "AccessDenied", me+"sts:AssumeRole"+onDev), mayDev + " (AccessDenied)",
			"check the role's trust policy names account 123456789012 with this external ID (and if it demands MFA, set \"mfa_serial\"), " +
				"and that your user has sts:AssumeRole; `aws-accounts doctor dev` checks both", true},
		{"denied without words", "dev", answer(403, "AccessDenied", "no"),
			"dev: not allowed to assume arn:aws:iam::987654321098:role/Admin (AccessDenied)",
			"names account 123456789012 ", true},
		{"the resource is no caller", "dev", answer(403, "AccessDenied", "Not authorized to perform: sts:AssumeRole"+onDev),
			"dev: not allowed to assume arn:aws:iam::987654321098:role/Admin (AccessDenied)", "doctor dev", true},
		{"denied with a code: doctor types none", "mfa", answer(403, "AccessDenied", me+"sts:AssumeRole"),
			"mfa: arn:aws:iam::123456789012:user/me is not allowed to assume arn:aws:iam::555555555555:role/MFA (AccessDenied)",
			"names account 123456789012, and that your user has sts:AssumeRole; `aws-accounts role policy mfa` prints both policies",
			true},
		{"denied with a session that had its code", "called", answer(403, "AccessDenied", "no"),
			"called: not allowed to assume",
			"names the credentials of phone, and that your user has sts:AssumeRole; `aws-accounts doctor called` checks both",
			true},
		{"denied in a chain", "deep", answer(403, "AccessDenied", "no"), "deep: not allowed to assume",
			"names the credentials of tagged, and that the role of tagged has sts:AssumeRole", true},
		{"the profile's role", "hub", answer(403, "AccessDenied", me+"sts:AssumeRole on resource: arn:aws:iam::1:role/Hub"),
			"hub: arn:aws:iam::123456789012:user/me is not allowed to assume arn:aws:iam::1:role/Hub (AccessDenied)",
			"the trust policy of the role that profile corp names allows arn:aws:iam::123456789012:user/me", true},
		{"the profile's role, on the way to another", "spoke", within(answer(403, "AccessDenied",
			me+"sts:AssumeRole on resource: arn:aws:iam::1:role/Hub")),
			"hub: arn:aws:iam::123456789012:user/me is not allowed to assume arn:aws:iam::1:role/Hub (AccessDenied)",
			"profile corp names", true},

		{"explicit deny", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" with an explicit deny in an identity-based policy"),
			mayDev + ", with an explicit deny in an identity-based policy (AccessDenied)",
			"ask an administrator to take the Deny of sts:AssumeRole out of the policies of arn:aws:iam::123456789012:user/me",
			true},
		{"service control policy", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" with an explicit deny in a service control policy: "+scp),
			mayDev + ", with an explicit deny in a service control policy: " + scp + " (AccessDenied)",
			"who administers the AWS organization", true},
		{"service control policy, unnamed", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" with an explicit deny in a service control policy"),
			mayDev + ", with an explicit deny in a service control policy (AccessDenied)", "to allow sts:AssumeRole there",
			true},
		{"resource control policy", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" with an explicit deny in a resource control policy"),
			"in a resource control policy (AccessDenied)", "organization", true},
		{"session policy", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" because no session policy allows the sts:AssumeRole action"),
			mayDev + ", because no session policy allows the sts:AssumeRole action (AccessDenied)",
			"allow sts:AssumeRole in the session policy of arn:aws:iam::123456789012:user/me (\"policy\", \"policy_arns\")",
			true},
		{"permissions boundary", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" because no permissions boundary allows the sts:AssumeRole action"),
			"because no permissions boundary allows the sts:AssumeRole action",
			"in the permissions boundary of arn:aws:iam::123456789012:user/me", true},
		{"VPC endpoint", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" because no VPC endpoint policy allows the sts:AssumeRole action"),
			"because no VPC endpoint policy allows", "who administers the network", true},
		{"identity-based", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" because no identity-based policy allows the sts:AssumeRole action"),
			mayDev + ", because no identity-based policy allows the sts:AssumeRole action (AccessDenied)",
			`grant arn:aws:iam::123456789012:user/me {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::987654321098:role/Admin"}`,
			true},
		{"trust policy", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole because no role trust policy allows the sts:AssumeRole action"),
			mayDev + ", because no role trust policy allows the sts:AssumeRole action (AccessDenied)",
			"the role's trust policy has to allow sts:AssumeRole for account 123456789012 with this external ID", true},
		{"denied by the trust policy", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole with an explicit deny in the role trust policy"),
			mayDev + ", with an explicit deny in the role trust policy (AccessDenied)",
			"the role's trust policy has to allow", true},
		{"nothing else of the message", "dev", answer(403, "AccessDenied",
			me+"sts:AssumeRole"+onDev+" since SESAME with an explicit deny SESAME"),
			mayDev + ", with an explicit deny (AccessDenied)", "doctor dev", true},

		{"tags", "tagged", answer(403, "AccessDenied",
			me+"sts:TagSession on resource: arn:aws:iam::987654321098:role/Tagged"),
			"tagged: arn:aws:iam::123456789012:user/me is not allowed to perform sts:TagSession on arn:aws:iam::987654321098:role/Tagged (AccessDenied)",
			"allow sts:TagSession in the role's trust policy and in the policies of arn:aws:iam::123456789012:user/me, " +
				"or take \"session_tags\" out of tagged in accounts.json", true},
		{"inherited tags", "deep", answer(403, "AccessDenied",
			me+"sts:TagSession on resource: arn:aws:iam::555555555555:role/Deep"),
			"not allowed to perform sts:TagSession", "take \"session_tags\" out of tagged in accounts.json", true},
		{"source identity", "deep", answer(403, "AccessDenied",
			me+"sts:SetSourceIdentity on resource: arn:aws:iam::555555555555:role/Deep"),
			"deep: arn:aws:iam::123456789012:user/me is not allowed to perform sts:SetSourceIdentity on arn:aws:iam::555555555555:role/Deep (AccessDenied)",
			"allow sts:SetSourceIdentity in the role's trust policy and in the policies of arn:aws:iam::123456789012:user/me, " +
				"or take \"source_identity\" out of deep in accounts.json", true},
		{"a source identity that is none of ours", "spoke", answer(403, "AccessDenied", me+"sts:SetSourceIdentity"),
			"spoke: arn:aws:iam::123456789012:user/me is not allowed to perform sts:SetSourceIdentity (AccessDenied)",
			"policies of arn:aws:iam::123456789012:user/me", true},
		{"no session token", "main", refused("STS", "GetSessionToken", 403, "AccessDenied", "no"),
			"main: AWS refused a session token (AccessDenied)",
			"set \"session\": \"none\" for main in accounts.json", true},
		{"no session token, with a reason", "main", refused("STS", "GetSessionToken", 403, "AccessDenied",
			me+"sts:GetSessionToken with an explicit deny in an identity-based policy"),
			"main: AWS refused a session token, with an explicit deny in an identity-based policy (AccessDenied)", "\"none\"",
			true},
		{"another call that no policy allows", "main", refused("IAM", "ListUsers", 403, "AccessDenied",
			me+"iam:ListUsers on resource: arn:aws:iam::1:user/ because no identity-based policy allows the iam:ListUsers action"),
			"not allowed to perform iam:ListUsers on arn:aws:iam::1:user/, because no identity-based policy",
			"grant iam:ListUsers to arn:aws:iam::123456789012:user/me", true},
		{"another call", "main", refused("SSO", "ListAccounts", 403, "AccessDeniedException", "no"),
			"main: not allowed to perform sso:ListAccounts",
			"ask an administrator to grant sso:ListAccounts to the user of main", true},
		{"who am I", "main", refused("STS", "GetCallerIdentity", 403, "AccessDenied",
			me+"sts:GetCallerIdentity because no VPC endpoint policy allows the sts:GetCallerIdentity action"),
			"not allowed to perform sts:GetCallerIdentity, because no VPC endpoint policy", "VPC endpoint", true},

		{"wrong code", "mfa", answer(403, "AccessDenied", badMFA),
			"mfa: AWS doesn't accept the MFA code of arn:aws:iam::123456789012:mfa/me",
			"`aws-accounts assume mfa`", false},
		{"foreign device", "mfa", answer(403, "AccessDenied", noMFA),
			"mfa: AWS doesn't accept the MFA device arn:aws:iam::123456789012:mfa/me (AccessDenied)",
			"a device of the user that the credentials of main belong to, and correct \"mfa_serial\" in accounts.json", true},
		{"foreign device of the source", "called", answer(403, "AccessDenied", noBoth),
			"MFA device arn:aws:iam::123456789012:mfa/phone", "mfa_serial", true},

		{"web identity", "ci", refused("STS", "AssumeRoleWithWebIdentity", 403, "AccessDenied",
			"Not authorized to perform sts:AssumeRoleWithWebIdentity"),
			"ci: the web identity token doesn't open arn:aws:iam::123456789012:role/CI (AccessDenied)",
			"issuer, audience and subject", true},
		{"expired web identity", "ci", refused("STS", "AssumeRoleWithWebIdentity", 400, "ExpiredTokenException",
			"Token expired"),
			"the web identity token in /token has expired", "still renews it", false},
		{"unknown issuer", "ci", refused("STS", "AssumeRoleWithWebIdentity", 400, "InvalidIdentityToken", "no"),
			"doesn't accept the web identity token in /token", "identity provider", false},
		{"silent issuer", "ci", refused("STS", "AssumeRoleWithWebIdentity", 400, "IDPCommunicationError", "no"),
			"can't reach the issuer", "wait a minute", false},

		{"signed out", "hub", refused("SSO", "GetRoleCredentials", 401, "UnauthorizedException",
			"Session token not found or invalid"),
			"hub: profile corp is not signed in (UnauthorizedException)", "run `aws sso login --profile corp`", false},
		{"signed out on the way to a role", "spoke", within(refused("SSO", "GetRoleCredentials", 401,
			"UnauthorizedException", "no")),
			"hub: profile corp is not signed in", "run `aws sso login --profile corp`", false},
		{"sign-in is over", "hub", refused("SSO OIDC", "CreateToken", 400, "InvalidGrantException", ""),
			"hub: profile corp is not signed in", "aws sso login --profile corp", false},
		{"no such permission set", "hub", refused("SSO", "GetRoleCredentials", 403, "ForbiddenException", "No access"),
			"hub: Identity Center doesn't give you the role that profile corp names (ForbiddenException)", "sso_role_name",
			true},

		{"expired", "dev", answer(403, "ExpiredToken", "expired"),
			"dev: the credentials of main have expired (ExpiredToken)",
			"renew them (for instance `aws sso login --profile default`), then try again", false},
		{"expired profile", "spoke", answer(403, "ExpiredToken", "expired"), "the credentials of hub have expired",
			"`aws sso login --profile corp`", false},
		{"expired environment", "robot", answer(403, "ExpiredToken", "expired"),
			"robot: the credentials of robot have expired", "set AWS_ACCESS_KEY_ID", false},
		{"expired session", "deep", answer(403, "ExpiredToken", "expired"), "the credentials of tagged have expired",
			"`aws-accounts assume tagged --refresh`", false},
		{"expired machine", "box", answer(403, "ExpiredToken", "expired"), "the credentials of box have expired",
			"wait until the machine has renewed them", false},
		{"unknown key", "dev", answer(403, "InvalidClientTokenId", "invalid"),
			"AWS doesn't know the credentials of main: the access key is deleted, inactive or mistyped",
			"run `aws configure --profile default` with a valid access key, or correct \"credentials\" in accounts.json", true},
		{"unknown key of the keychain", "stored", answer(403, "InvalidClientTokenId", "invalid"),
			"the credentials of stored", "`aws-accounts keys add stored --replace`", true},
		{"unknown key of an odd profile", "odd", answer(403, "InvalidClientTokenId", "invalid"), "odd",
			"`aws configure --profile 'my $corp'`", true},
		{"unknown session", "called", answer(403, "InvalidClientTokenId", "invalid"),
			"called: AWS no longer knows the session of phone",
			"`aws-accounts assume phone --refresh` gets another, then try again", false},
		{"wrong secret", "dev", answer(403, "SignatureDoesNotMatch", "The request signature we calculated does not match"),
			"the secret access key of the credentials of main is wrong", "aws configure", true},
		{"skew", "dev", answer(403, "SignatureDoesNotMatch",
			"Signature expired: 20261122T100000Z is now earlier than 20261122T101500Z"),
			"this computer's clock is 20m behind AWS's", "timedatectl", false},
		{"skew ahead", "dev", answer(403, "InvalidSignatureException",
			"Signature not yet current: 2 is still later than 1"), "this computer's clock is", "timedatectl", false},
		{"skew, expired request", "dev", answer(400, "RequestExpired", "Request has expired."), "this computer's clock is",
			"timedatectl", false},

		{"region", "dev", answer(403, "RegionDisabledException", "no"), "STS is not enabled in the region",
			"set another \"region\" for dev in accounts.json", false},
		{"policy", "dev", answer(400, "MalformedPolicyDocument", "Syntax errors in policy."),
			"doesn't accept the policy or the tags: Syntax errors in policy.", `"policy"`, true},
		{"packed policy", "dev", answer(400, "PackedPolicyTooLarge",
			"Packed size of session tags consumes 101% of allotted space."), "101%", `"session_tags" of dev in accounts.json`,
			true},
		{"chained too long", "fast", answer(400, "ValidationError",
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."),
			"fast: 2h is too long: AWS gives a role that another role assumes 1h at most",
			"ask for 1h: --duration=1h, or \"duration\": \"1h\" of fast in accounts.json", true},
		{"too long for the role", "fast", answer(400, "ValidationError",
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
			"fast: 2h is longer than the role allows",
			"ask for less (--duration, or \"duration\" of fast in accounts.json), or raise the role's maximum session duration",
			true},
		{"malformed", "dev", answer(400, "ValidationError",
			"1 validation error detected:\n Value 'x' at 'roleArn' failed"),
			"doesn't accept the request: 1 validation error detected: Value", "validate", true},
		{"throttled", "dev", answer(400, "Throttling", "Rate exceeded"), "throttling", "wait a minute", false},
		{"trouble at AWS", "dev", answer(503, "InternalFailure", ""), "AWS has trouble of its own (HTTP 503)",
			"wait a minute", false},
		{"unheard of", "dev", answer(400, "Strange", "Strange things."), "dev: Strange things. (Strange)",
			"`aws-accounts doctor dev` looks for the cause", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Explain(c.err, find(t, c.account))
			expect(t, got, c.says, c.hints)
			if errors.Is(got, cache.ErrRefused) != c.definite {
				t.Errorf("definite: %t", !c.definite)
			}
			if strings.Contains(got.Error()+hint.Of(got), "SESAME") {
				t.Errorf("%q, hint %q", got, hint.Of(got))
			}
			var r *Refusal
			if !errors.As(got, &r) || r.RequestID != "id-1" {
				t.Error("the request's id is lost")
			}
		})
	}
}

// Whatever keeps AWS's answer away is named, and what answers in its place.
func TestUnanswered(t *testing.T) {
	home(t, "[profile corp]\nsso_session = corp\n[profile console]\nlogin_session = arn:aws:iam::1:user/me\n", "")
	t.Setenv("HTTPS_PROXY", "http://user:SESAME@proxy.corp:3128")
	t.Setenv("HTTP_PROXY", "proxy.corp:3128")
	foreign := func(status int, header ...string) error {
		err := responded("STS", "AssumeRole", status, &smithy.GenericAPIError{Code: "UnknownError", Message: "UnknownError"})
		if len(header) > 0 {
			Answer(err).Header.Set("Location", header[0])
		}
		return err
	}
	denied := &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}
	missing := &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}
	tunnel := func(text string) error { return unreached(errors.New(text)) }
	for _, c := range []struct {
		name, account string
		err           error
		says, hints   string
	}{
		{"no name", "dev", unreached(&net.DNSError{Err: "no such host", Name: "sts.eu-west-1.amazonaws.com"}),
			"dev: can't reach sts.eu-west-1.amazonaws.com: the name sts.eu-west-1.amazonaws.com isn't known",
			"check the network"},
		{"refused", "dev", unreached(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}),
			"can't reach sts.eu-west-1.amazonaws.com: connection refused", "HTTPS_PROXY"},
		{"cut", "dev", unreached(io.EOF), "can't reach sts.eu-west-1.amazonaws.com: EOF", "check the network"},
		{"silent", "dev", unreached(context.DeadlineExceeded), "dev: AWS didn't answer in time", "network"},
		{"called off", "dev", unreached(context.Canceled), "dev: called off", "try again"},
		{"foreign CA", "dev", unreached(x509.UnknownAuthorityError{}),
			"the certificate of sts.eu-west-1.amazonaws.com isn't trusted", "AWS_CA_BUNDLE"},
		{"something else", "dev", errors.New("layer: deeper"), "dev: layer: deeper",
			"`aws-accounts doctor dev` looks for the cause"},

		{"proxy wants a password", "dev", tunnel("Proxy Authentication Required"),
			"dev: the proxy proxy.corp:3128 wants a name and password: Proxy Authentication Required",
			"http://NAME:PASSWORD@HOST:PORT"},
		{"proxy refuses", "dev", tunnel("Forbidden"),
			"dev: the proxy proxy.corp:3128 doesn't let the call through to sts.eu-west-1.amazonaws.com: Forbidden",
			"ask who runs the proxy"},
		{"proxy is gone", "dev", unreached(&net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial",
			Err: syscall.ECONNREFUSED}}),
			"dev: can't reach sts.eu-west-1.amazonaws.com: the proxy doesn't answer: connection refused", "HTTPS_PROXY"},
		{"no proxy's address", "dev", unreached(fmt.Errorf("invalid proxy address %q: x", "http://user:SESAME@a b")),
			"dev: HTTPS_PROXY or HTTP_PROXY is no address of a proxy", "http://HOST:PORT"},
		{"proxy for HTTP wants a password", "dev", foreign(407),
			"dev: the proxy proxy.corp:3128 wants a name and password (HTTP 407)", "NAME:PASSWORD"},

		{"portal redirects", "dev", foreign(302, "http://portal.hotel.example/login?token=SESAME"),
			"dev: what answered isn't AWS: HTTP 302 to portal.hotel.example from sts.eu-west-1.amazonaws.com",
			"one that wants a sign-in first"},
		{"redirects without a place", "dev", foreign(307),
			"what answered isn't AWS: HTTP 307 from sts.eu-west-1.amazonaws.com", "sign-in first"},
		{"firewall", "dev", foreign(403), "what answered isn't AWS: HTTP 403 from sts.eu-west-1.amazonaws.com", "firewall"},
		{"firewall whose page isn't XML", "dev", responded("STS", "AssumeRole", 403,
			errors.New("error while deserializing xml error response: XML syntax error")),
			"what answered isn't AWS: HTTP 403 from sts.eu-west-1.amazonaws.com", "firewall"},
		{"sign-in required", "dev", foreign(511), "what answered isn't AWS: HTTP 511", "sign-in first"},
		{"bad gateway", "dev", foreign(502),
			"AWS, or a proxy on the way to it, has trouble: HTTP 502 from sts.eu-west-1.amazonaws.com", "wait a minute"},
		{"portal with a page", "dev", responded("STS", "AssumeRole", 200,
			&smithy.DeserializationError{Err: errors.New("XML syntax error")}),
			"what answered isn't AWS, or was cut off: sts.eu-west-1.amazonaws.com: XML syntax error", "sign-in first"},

		{"never signed in", "hub", within(fmt.Errorf("failed to read cached SSO token file, %w", missing)),
			"hub: profile corp is not signed in", "run `aws sso login --profile corp`"},
		{"legacy", "spoke", within(&ssocreds.InvalidTokenError{Err: fmt.Errorf("x, %w", missing)}),
			"hub: profile corp is not signed in", "run `aws sso login --profile corp`"},
		{"legacy, expired", "hub", within(&ssocreds.InvalidTokenError{}), "hub: profile corp is not signed in",
			"aws sso login --profile corp"},
		{"expired", "hub",
			within(errors.New("refresh cached SSO token failed, cached SSO token is expired, or not present, and cannot be refreshed")),
			"hub: profile corp is not signed in", "aws sso login --profile corp"},
		{"unreadable", "hub", within(fmt.Errorf("failed to read cached SSO token file, %w", denied)),
			"hub: permission denied", "`aws-accounts doctor hub`"},
		{"refreshing is cut off", "hub", within(fmt.Errorf("refresh cached SSO token failed, %w", unreached(io.EOF))),
			"hub: can't reach", "check the network"},
		{"no console sign-in", "odd", within(errors.New("load login token: token file not found, please reauthenticate")),
			"odd: profile 'my $corp' is not signed in", "`aws sso login --profile 'my $corp'`"},
		{"may not sign in", "hub",
			within(errors.New("create oauth2 token: insufficient permissions, you may be missing permissions for the CreateOAuth2Token action")),
			"profile corp may not use its sign-in: signin:CreateOAuth2Token is denied", "SignInLocalDevelopmentAccess"},
		{"a session of ours", "portal", within(&ssocreds.InvalidTokenError{}), "portal: corp is not signed in",
			"run `aws-accounts sso login corp`"},
		{"process", "hub", within(&processcreds.ProviderError{Err: fmt.Errorf("error in credential_process: %w",
			errors.New("exit status 1"))}),
			"hub: the credential_process of profile \"corp\", which everything begins with, failed: exit status 1",
			"`aws sts get-caller-identity --profile corp`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Explain(c.err, find(t, c.account))
			expect(t, got, c.says, c.hints)
			if errors.Is(got, cache.ErrRefused) {
				t.Error("definite, though AWS has said nothing")
			}
			if strings.Contains(got.Error()+hint.Of(got), "SESAME") {
				t.Errorf("%q, hint %q", got, hint.Of(got))
			}
		})
	}
	if Explain(nil, &explained.Accounts[0]) != nil {
		t.Error("nothing to explain")
	}
	ours := hint.New(errors.New("ours"), "do")
	if got := Explain(unreached(ours), &explained.Accounts[1]); got.Error() != "ours" {
		t.Errorf("our own error came back as %q", got)
	}
	expect(t, Explain(errors.New("x"), &accounts.Account{Name: "the credentials in use here"}),
		"the credentials in use here: x", "`aws-accounts doctor` looks for the cause")
	expect(t, Explain(errors.New("x"), &accounts.Account{}), "the base account: x", "`aws-accounts doctor` ")
	expect(t, Explain(answer(403, "ExpiredToken", "x"), &accounts.Account{}),
		"the base account: your base credentials have expired", "`aws sso login --profile default`")
}

// A profile may begin with another one: that is the one to sign in to, in its own way.
func TestSignIn(t *testing.T) {
	home(t, `[profile corp]
role_arn = arn:aws:iam::1:role/x
source_profile = sso user
[profile sso user]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Admin
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
[profile console]
login_session = arn:aws:iam::1:user/me
[profile circle]
source_profile = circle
role_arn = arn:aws:iam::1:role/x
`, "")
	for profile, want := range map[string]string{
		"corp": "aws sso login --profile 'sso user'", "console": "aws login --profile console",
		"circle": "aws sso login --profile circle", "gone": "aws sso login --profile gone",
	} {
		base := &accounts.Account{Credentials: &accounts.Credentials{Profile: profile}}
		if _, command := NewVerdict(errors.New("x"), base).login(); command != want {
			t.Errorf("%s: %s, want %s", profile, command, want)
		}
	}
}

// What a credential process wrote is in no error that is kept, but the kind of its failure is.
func TestUnsecret(t *testing.T) {
	err := within(&processcreds.ProviderError{Err: fmt.Errorf("parse failed of process output: %s, error: %w", "SESAME",
		json.Unmarshal([]byte("x"), new(int)))})
	got := Explain(err, find(t, "hub"))
	for at := got; at != nil; at = errors.Unwrap(at) {
		if text := fmt.Sprintf("%v %+v %#v", at, at, at); strings.Contains(text, "SESAME") {
			t.Errorf("kept: %s", text)
		}
	}
	for _, kind := range []error{context.DeadlineExceeded, context.Canceled} {
		if !errors.Is(Explain(unreached(kind), find(t, "dev")), kind) {
			t.Errorf("not kept: %v", kind)
		}
	}
}

// The SDK's own words for a proxy that opens no tunnel, and for pages in AWS's place.
func TestForeignAnswers(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "")
	page := "<!DOCTYPE html><html><head><meta charset=utf-8><title>Sign in</title></head><body>Sign in<br></body></html>"
	for _, c := range []struct {
		status int
		says   string
	}{
		{200, "what answered isn't AWS"}, {302, "what answered isn't AWS: HTTP 302 to portal.example from 127.0.0.1"},
		{307, "what answered isn't AWS: HTTP 307"},
		{403, "what answered isn't AWS: HTTP 403 from 127.0.0.1"}, {407, "wants a name and password"}, {511,
			"what answered isn't AWS: HTTP 511"}, {502, "HTTP 502"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			if c.status == 302 {
				w.Header().Set("Location", "http://portal.example/")
			}
			w.WriteHeader(c.status)
			io.WriteString(w, page)
		}))
		client := sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Retryer: aws.NopRetryer{},
			Credentials: aws.AnonymousCredentials{}})
		_, err := client.GetCallerIdentity(t.Context(), nil)
		expect(t, Explain(err, find(t, "dev")), c.says, "")
		server.Close()
	}

	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	t.Setenv("HTTPS_PROXY", strings.Replace(proxy.URL, "//", "//user:SESAME@", 1))
	through, _ := url.Parse(os.Getenv("HTTPS_PROXY"))
	client := sts.New(sts.Options{Region: "eu-west-1", Retryer: aws.NopRetryer{}, Credentials: aws.AnonymousCredentials{},
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.Proxy = http.ProxyURL(through) })})
	_, err := client.GetCallerIdentity(t.Context(), nil)
	expect(t, Explain(err, find(t, "dev")),
		"dev: the proxy "+through.Host+" doesn't let the call through to sts.eu-west-1.amazonaws.com: Forbidden",
		"ask who runs the proxy")
}

func find(t *testing.T, name string) *accounts.Account {
	t.Helper()
	a, err := explained.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// home makes a ~/.aws for the test, and an environment without credentials.
func home(t *testing.T, config, credentials string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": credentials} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, path)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
}

func expect(t *testing.T, got error, says, hints string) {
	t.Helper()
	if got == nil || !strings.Contains(got.Error(), says) || strings.Contains(got.Error(), "\n") {
		t.Errorf("says %v, want %q", got, says)
	}
	if !strings.Contains(hint.Of(got), hints) || hint.Of(got) == "" || strings.Contains(hint.Of(got), "\n") {
		t.Errorf("hints %q, want %q", hint.Of(got), hints)
	}
}
