package process

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	smithy "github.com/aws/smithy-go"

	"aws-accounts/accounts"
	"aws-accounts/cache"
	"aws-accounts/internal/hint"
	"aws-accounts/internal/pattern"
)

// refusal is AWS's answer in our words. It keeps the code and the request id for the log, and of AWS's own message only
// what can't hold a secret.
type refusal struct {
	message   string
	Code      string
	RequestID string
	definite  bool
	cause     error
}

func (r *refusal) Error() string {
	if r.Code == "" {
		return r.message
	}
	return fmt.Sprintf("%s (%s)", r.message, r.Code)
}

func (r *refusal) Unwrap() error { return r.cause }

func (r *refusal) Is(target error) bool { return r.definite && target == cache.ErrRefused }

// explain says in one sentence what AWS, or the way to it, had against getting a's credentials, and one next step. Errors
// that have a next step already, as from an account's source, stay as they are.
func explain(err error, a *accounts.Account) error {
	file := a.File()
	if err == nil {
		return nil
	}
	if ours := hint.From(err); ours != nil {
		return ours
	}
	name := a.Name
	if name == "" {
		name = "the base account"
	}
	doctor := "`aws-accounts doctor` looks for the cause"
	if _, err := file.Find(a.Name); err == nil { // elsewhere it is the name of something else
		doctor = fmt.Sprintf("`aws-accounts doctor %s` looks for the cause", a.Name)
	}
	r := &refusal{RequestID: requestID(err)}

	api, isAPI := errors.AsType[smithy.APIError](err)
	if !isAPI {
		r.cause = unsecret(err)
		switch {
		case errors.Is(err, context.DeadlineExceeded) || isTimeout(err):
			r.message = name + ": AWS didn't answer in time"
			return hint.New(r, "check the network and the proxy (HTTPS_PROXY), then try again")
		case errors.Is(err, context.Canceled):
			r.message = name + ": called off"
			return hint.New(r, "try again")
		case isCertificate(err):
			r.message = fmt.Sprintf("%s: the certificate of %s isn't trusted", name, host(err))
			return hint.New(r, trustProxy)
		case host(err) != "":
			r.message = fmt.Sprintf("%s: can't reach %s: %s", name, host(err), networkReason(err))
			return hint.New(r, "check the network and the proxy (HTTPS_PROXY), then try again")
		case isProcess(err):
			profile := cmp.Or(a.Chain()[0].Way().Profile, accounts.DefaultProfile)
			r.message = fmt.Sprintf("%s: the credential_process of profile %q, which everything begins with, failed: %s", name, profile, plain(err))
			return hint.New(r, "`aws sts get-caller-identity --profile %s` shows what it says", hint.Word(profile))
		case isGarbled(err):
			r.message = fmt.Sprintf("%s: what answered isn't AWS, or was cut off: %s", name, plain(err))
			return hint.New(r, "check the network: one that wants a sign-in first, or a proxy, may answer in AWS's place")
		default:
			r.message = fmt.Sprintf("%s: %s", name, plain(err))
			return hint.New(r, "%s", doctor)
		}
	}

	r.Code = api.ErrorCode()
	source := "your base credentials"
	if s := a.SourceAccount(); s != nil && s.Name != "" {
		source = "the credentials of " + s.Name
	} else if a.IsBase() {
		source = "the credentials of " + name
	}
	switch r.Code {
	case "AccessDenied", "AccessDeniedException":
		r.definite = true
		if strings.Contains(api.ErrorMessage(), "MultiFactorAuthentication failed") {
			r.message = fmt.Sprintf("%s: AWS doesn't accept the MFA device %s", name, mfaDevice(file, a))
			return hint.New(r, "check that it is a device of the user that %s belongs to, and correct \"mfa_serial\" in %s", source, file.Path)
		}
		if a.Way().WebIdentityTokenFile != "" {
			r.message = fmt.Sprintf("%s: the web identity token doesn't open %s", name, a.Way().RoleARN)
			return hint.New(r, "check that the role's trust policy names the token's issuer, audience and subject")
		}
		if a.IsBase() {
			r.message = name + ": AWS refused a session token"
			return hint.New(r, "ask an administrator for sts:GetSessionToken, or set \"session\": \"none\" for %s in %s", a.Name, file.Path)
		}
		r.message = fmt.Sprintf("%s: not allowed to assume %s", name, a.RoleARN)
		if who := principal.FindString(api.ErrorMessage()); who != "" {
			r.message = fmt.Sprintf("%s: %s is not allowed to assume %s", name, who, a.RoleARN)
		}
		return hint.New(r, "check the role's trust policy names %s%s, and that %s has sts:AssumeRole; `aws-accounts doctor %s` checks both",
			trustee(file, a, source, api.ErrorMessage()), conditions(a, file), caller(file, a, source), a.Name)
	case "ExpiredToken", "ExpiredTokenException":
		r.message = fmt.Sprintf("%s: %s have expired", name, source)
		if a.Chain()[0].Way().Environment {
			return hint.New(r, "%s, then try again", renewal(file, a))
		}
		return hint.New(r, "renew them (for instance `aws sso login`), then try again")
	case "InvalidClientTokenId", "UnrecognizedClientException":
		r.definite = true
		r.message = fmt.Sprintf("%s: AWS doesn't know %s: the access key is deleted, inactive or mistyped", name, source)
		return hint.New(r, "%s, or correct \"credentials\" in %s", renewal(file, a), file.Path)
	case "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed", "InvalidSignatureException":
		if skewed(api.ErrorMessage()) {
			r.message = fmt.Sprintf("%s: AWS refuses the request since this computer's clock is %s", name, skew(err))
			return hint.New(r, "set the clock (`timedatectl set-ntp true`), then try again")
		}
		r.definite = true
		r.message = fmt.Sprintf("%s: the secret access key of %s is wrong", name, source)
		return hint.New(r, "%s", renewal(file, a))
	case "InvalidIdentityToken", "IDPRejectedClaim":
		r.message = fmt.Sprintf("%s: AWS doesn't accept the web identity token in %s", name, a.Way().WebIdentityTokenFile)
		return hint.New(r, "check that whoever writes the file still renews it, and that its issuer is an identity provider of the account")
	case "RegionDisabledException":
		r.message = fmt.Sprintf("%s: STS is not enabled in the region %s", name, a.EffectiveRegion())
		return hint.New(r, "set another \"region\" for %s in %s, or enable the region in the account's settings", a.Name, file.Path)
	case "MalformedPolicyDocument", "MalformedPolicyDocumentException", "PackedPolicyTooLarge", "PackedPolicyTooLargeException":
		r.definite = true
		r.message = fmt.Sprintf("%s: AWS doesn't accept the policy or the tags: %s", name, plain(err))
		return hint.New(r, "correct \"policy\", \"policy_arns\" or \"session_tags\" of %s in %s", a.Name, file.Path)
	case "ValidationError", "ValidationException":
		r.definite = true
		if strings.Contains(api.ErrorMessage(), "DurationSeconds exceeds") {
			r.message = fmt.Sprintf("%s: %s is longer than the role allows", name, accounts.Duration(a.EffectiveDuration()))
			return hint.New(r, "ask for less (--duration, or \"duration\": \"1h\" in %s), or raise the role's maximum session duration", file.Path)
		}
		r.message = fmt.Sprintf("%s: AWS doesn't accept the request: %s", name, plain(err))
		return hint.New(r, "run `aws-accounts validate`, then correct %s in %s", a.Name, file.Path)
	case "Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown":
		r.message = name + ": AWS is throttling these calls"
		return hint.New(r, "wait a minute, then try again")
	}
	r.message = fmt.Sprintf("%s: %s", name, plain(err))
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.HTTPStatusCode() >= 500 {
		r.message = fmt.Sprintf("%s: AWS has trouble of its own (HTTP %d)", name, response.HTTPStatusCode())
		return hint.New(r, "wait a minute, then try again")
	}
	return hint.New(r, "%s", doctor)
}

// The caller's ARN in AWS's message, which is worth more than the rest of it.
var principal = pattern.New(`arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:[\w+=,.@/-]+`)

func conditions(a *accounts.Account, file *accounts.File) string {
	with := ""
	if a.ExternalID != "" {
		with = " with this external ID"
	}
	if mfaDevice(file, a) == "" && !a.IsChained() {
		with += " (and if it demands MFA, set \"mfa_serial\")"
	}
	return with
}

// renewal is how to give a valid access key to where a's credentials begin.
func renewal(file *accounts.File, a *accounts.Account) string {
	base := a.Chain()[0]
	switch way := base.Way(); {
	case way.Keychain:
		return fmt.Sprintf("give it a valid access key: `aws-accounts keys add %s --replace`", base.Name)
	case way.Environment:
		return "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to valid credentials"
	case way.Profile != "" && way.Profile != accounts.DefaultProfile:
		return fmt.Sprintf("run `aws configure --profile %s` with a valid access key", hint.Word(way.Profile))
	}
	return "run `aws configure` with a valid access key"
}

func mfaDevice(file *accounts.File, a *accounts.Account) string {
	if source := a.SourceAccount(); a.MFASerial == "" && source != nil {
		return source.MFASerial
	}
	return a.MFASerial
}

// trustee is whom a role's trust policy has to name: the account of whoever AWS says has called, else that of the source.
func trustee(file *accounts.File, a *accounts.Account, source, message string) string {
	if who, err := arn.Parse(principal.FindString(message)); err == nil {
		return "account " + who.AccountID
	}
	if s := a.SourceAccount(); s != nil && s.AccountID != "" {
		return "account " + s.AccountID
	}
	return source
}

// caller is who needs the permission.
func caller(file *accounts.File, a *accounts.Account, source string) string {
	if s := a.SourceAccount(); s != nil && s.IsBase() {
		return "your user"
	}
	return source
}

func skewed(message string) bool {
	return strings.Contains(message, "Signature expired") || strings.Contains(message, "Signature not yet current") ||
		strings.Contains(message, "Request has expired") || strings.Contains(message, "too large")
}

// skew reads how far off the clock is from the answer's own date.
func skew(err error) string {
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || response.Response == nil {
		return "off"
	}
	date, err := time.Parse(time.RFC1123, response.Response.Header.Get("Date"))
	if err != nil {
		return "off"
	}
	return offBy(time.Since(date))
}

func requestID(err error) string {
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.ServiceRequestID()
	}
	return ""
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// trustProxy is the next step where isCertificate.
const trustProxy = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to its CA certificate"

func isCertificate(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, wrong := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return unknown || wrong || invalid
}

func isProcess(err error) bool {
	_, failed := errors.AsType[*processcreds.ProviderError](err)
	return failed
}

// isGarbled: the answer came, and can't be read.
func isGarbled(err error) bool {
	_, garbled := errors.AsType[*smithy.DeserializationError](err)
	return garbled
}

// host returns where the failed call went, or "" if err isn't one of the network.
func host(err error) string {
	if call, ok := errors.AsType[*url.Error](err); ok {
		if u, err := url.Parse(call.URL); err == nil {
			return u.Host
		}
	}
	return ""
}

func networkReason(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name " + dns.Name + " isn't known"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err.Error()
	}
	call, _ := errors.AsType[*url.Error](err)
	return call.Err.Error()
}

// plain is the innermost message of err, on one line: the SDK wraps each in the names of its layers.
func plain(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorMessage() != "" {
		return oneLine(api.ErrorMessage())
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return oneLine(err.Error())
		}
		err = inner
	}
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…" // not within a character
	}
	return s
}

// unsecret keeps what is asked of a cause later: its kind. Its text may quote what a credential process wrote.
func unsecret(err error) error {
	for _, kind := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return nil
}
