package process

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	smithy "github.com/aws/smithy-go"

	"aws-accounts/accounts"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/route"
)

// Verdict is AWS's answer to a call that it refused, and the account for which the call was made.
type Verdict struct {
	a, base               *accounts.Account // base is where the credentials of a begin
	Name, File            string            // what messages call a, and the path of its file
	service, Action       string            // of the operation that was called
	code, message         string            // AWS's own
	Caller, denied        string            // of a denied call: the ARN and the action, as far as the message has them
	resource, becauseText string            // … the ARN of what it is about, and which policy denies it
	err                   error
	way                   func() *route.Route // that the call was on, as far as it can still be made
}

// Of AWS's message about a denied call only these parts are shown.
var (
	denial = pattern.New(`(?:User: (arn:[\w:/+=,.@-]+) is )?[Nn]ot authorized to perform:? ([\w-]+:\w+)` +
		`(?: on resource: "?(arn:[\w:/+=,.@*-]+))?`)
	because = pattern.New(`with an explicit deny(?: in (?:an?|the) [A-Za-z -]+(?::? arn:[\w:/+=,.@-]+)?)?` +
		`|because (?:no|the) [A-Za-z -]+ allows the [\w-]+:\w+ action`)
)

// NewVerdict takes apart what AWS answered to a call that was made for a.
func NewVerdict(err error, a *accounts.Account) Verdict {
	v := Verdict{a: a, base: a.Chain()[0], Name: cmp.Or(a.Name, "the base account"), File: a.File().Path, err: err}
	v.way = sync.OnceValue(func() *route.Route {
		if way, err := route.To(a); err == nil {
			return way
		}
		return &route.Route{Hops: []route.Hop{{Account: a}}}
	})
	for inner := err; ; { // an operation may fail because the one for its credentials did
		operation, ok := errors.AsType[*smithy.OperationError](inner)
		if !ok {
			break
		}
		v.service, v.Action, inner = operation.Service(), operation.Operation(), operation.Err
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		v.code, v.message = api.ErrorCode(), strings.Join(strings.Fields(api.ErrorMessage()), " ")
	}
	if found := denial.FindStringSubmatch(v.message); found != nil {
		v.Caller, v.denied, v.resource = found[1], found[2], found[3]
		if v.becauseText = because.FindString(v.message); v.becauseText != "" {
			v.becauseText = ", " + v.becauseText
		}
	}
	return v
}

// words are a sentence about a verdict, or a part of one.
type words func(Verdict) string

// Say fills the format's verbs with parts.
func Say(format string, parts ...words) words {
	return func(v Verdict) string {
		args := make([]any, len(parts))
		for i, part := range parts {
			args[i] = part(v)
		}
		return fmt.Sprintf(format, args...)
	}
}

// Row says what one kind of refusal means. Its first four fields choose it; an empty one matches anything.
type Row struct {
	Codes    string             // of AWS's error, separated by blanks
	actions  string             // the operations that were called, separated by blanks
	match    string             // what AWS's message contains: one of these texts, separated by |
	When     func(Verdict) bool // what else has to hold
	Definite bool               // trying again doesn't help: see cache.ErrRefused
	ofBase   bool               // the sentence is about the account where the credentials begin
	Says     words              // what is wrong
	Next     words              // what to do about it
}

func (r Row) matches(v Verdict) bool {
	contains := func(text string) bool { return strings.Contains(v.message, text) }
	return (r.Codes == "" || slices.Contains(strings.Fields(r.Codes), v.code)) &&
		(r.actions == "" || slices.Contains(strings.Fields(r.actions), v.Action)) &&
		(r.match == "" || slices.ContainsFunc(strings.Split(r.match, "|"), contains)) &&
		(r.When == nil || r.When(v))
}

const (
	CodesDenied = "AccessDenied AccessDeniedException"
	codesSignIn = CodesDenied + " ExpiredTokenException InvalidGrantException InvalidClientException " +
		"UnauthorizedClientException"
	codesUnknown   = "InvalidClientTokenId UnrecognizedClientException"
	codesSignature = "SignatureDoesNotMatch InvalidSignatureException RequestExpired RequestTimeTooSkewed"
	codesPolicy    = "MalformedPolicyDocument MalformedPolicyDocumentException PackedPolicyTooLarge " +
		"PackedPolicyTooLargeException"
	codesInvalid   = "ValidationError ValidationException InvalidParameterValue"
	codesThrottled = "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException " +
		"TooManyRequestsException RequestLimitExceeded SlowDown"
	clockTexts = "Signature expired|Signature not yet current|Request has expired|too large"
	tryLater   = "wait a minute, then try again"
)

// refusals are the rows for the calls that get credentials; the first that matches counts. AWS's texts about policies
// are in https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
func refusals() []Row {
	denied := func(match string, next words) Row {
		return Row{Codes: CodesDenied, match: match, Definite: true, Says: Verdict.notAllowed, Next: next}
	}
	return []Row{
		{Codes: CodesDenied, match: "MultiFactorAuthentication failed with invalid MFA one time pass code",
			Says: Say("AWS doesn't accept the MFA code of %s", Verdict.device),
			Next: Say("check the clock of the device, wait for its next code, and run `aws-accounts assume %s`", Verdict.Word)},
		{Codes: CodesDenied, match: "MultiFactorAuthentication failed", Definite: true,
			Says: Say("AWS doesn't accept the MFA device %s", Verdict.device),
			Next: Say("check that it is a device of the user that %s belong to, and correct \"mfa_serial\" in %s",
				Verdict.source, Verdict.path)},

		// Sign-ins of a profile of ~/.aws.
		{Codes: "UnauthorizedException", actions: "GetRoleCredentials", ofBase: true,
			Says: Verdict.signedOut, Next: Verdict.signIn},
		{Codes: codesSignIn, actions: "CreateToken CreateOAuth2Token", ofBase: true,
			Says: Verdict.signedOut, Next: Verdict.signIn},
		{Codes: "ForbiddenException ResourceNotFoundException", actions: "GetRoleCredentials", Definite: true, ofBase: true,
			Says: Say("Identity Center doesn't give you the role that profile %s names", Verdict.profile),
			Next: Say("correct sso_account_id and sso_role_name of the profile: the access portal shows which you have")},

		// Web identities.
		{Codes: CodesDenied, actions: "AssumeRoleWithWebIdentity", Definite: true, ofBase: true,
			Says: Say("the web identity token doesn't open %s%s", Verdict.tokenRole, Verdict.Because),
			Next: Say("check that the role's trust policy names the token's issuer, audience and subject")},
		{Codes: "ExpiredTokenException", actions: "AssumeRoleWithWebIdentity", ofBase: true,
			Says: Say("the web identity token in %s has expired", Verdict.tokenFile),
			Next: Say("check that whoever writes the file still renews it")},
		{Codes: "IDPCommunicationError", ofBase: true,
			Says: Say("AWS can't reach the issuer of the web identity token"), Next: Say(tryLater)},
		{Codes: "InvalidIdentityToken IDPRejectedClaim", ofBase: true,
			Says: Say("AWS doesn't accept the web identity token in %s", Verdict.tokenFile),
			Next: Say("check that whoever writes the file still renews it, and that its issuer is an identity provider " +
				"of the account")},

		{Codes: CodesDenied, actions: "GetSessionToken", Definite: true,
			Says: Say("AWS refused a session token%s", Verdict.Because),
			Next: Say("ask an administrator for sts:GetSessionToken, or set \"session\": \"none\" for %s", Verdict.entry)},

		// Denied: another action than the one that was called, by a policy that AWS names, or without a reason.
		denied("perform: sts:TagSession",
			allowOr("session_tags", func(a *accounts.Account) bool { return len(a.SessionTags) > 0 })),
		denied("perform: sts:SetSourceIdentity",
			allowOr("source_identity", func(a *accounts.Account) bool { return a.SourceIdentity != "" })),
		denied("service control policy|resource control policy",
			Say("ask who administers the AWS organization to allow %s there", Verdict.permission)),
		denied("permissions boundary",
			Say("ask an administrator to allow %s in the permissions boundary of %s", Verdict.permission, Verdict.who)),
		denied("in a session policy|no session policy",
			Say("allow %s in the session policy of %s (\"policy\", \"policy_arns\")", Verdict.permission, Verdict.who)),
		denied("VPC endpoint policy",
			Say("ask who administers the network to allow %s in the policy of its VPC endpoint", Verdict.permission)),
		denied("explicit deny in an identity-based policy",
			Say("ask an administrator to take the Deny of %s out of the policies of %s", Verdict.permission, Verdict.who)),
		{Codes: CodesDenied, match: "no identity-based policy", When: Verdict.isAssuming, Definite: true,
			Says: Verdict.notAllowed,
			Next: Say(`ask an administrator to grant %s {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "%s"}`,
				Verdict.who, Verdict.role)},
		denied("role trust policy|resource-based policy",
			Say("the role's trust policy has to allow %s for %s%s", Verdict.permission, Verdict.trustee, Verdict.conditions)),
		{Codes: CodesDenied, actions: "AssumeRole", When: Verdict.inProfile, Definite: true, ofBase: true,
			Says: Verdict.notAllowed,
			Next: Say("check that the trust policy of the role that profile %s names allows %s", Verdict.profile, Verdict.who)},
		{Codes: CodesDenied, actions: "AssumeRole", Definite: true, Says: Verdict.notAllowed,
			Next: Say("check the role's trust policy names %s%s, and that %s has sts:AssumeRole; %s",
				Verdict.trustee, Verdict.conditions, Verdict.user, Verdict.checks)},
		denied("", Say("ask an administrator to grant %s to %s", Verdict.permission, Verdict.who)),

		// The credentials that signed the call.
		{Codes: "ExpiredToken ExpiredTokenException",
			Says: Say("%s have expired", Verdict.source), Next: Verdict.renewExpired},
		{Codes: codesUnknown, When: Verdict.withSession,
			Says: Say("AWS no longer knows the session of %s", Verdict.sourceName),
			Next: Say("`aws-accounts assume %s --refresh` gets another, then try again", Verdict.sourceName)},
		{Codes: codesUnknown, Definite: true,
			Says: Say("AWS doesn't know %s: the access key is deleted, inactive or mistyped", Verdict.source),
			Next: Say("%s, or correct \"credentials\" in %s", Verdict.renewal, Verdict.path)},
		{Codes: codesSignature, match: clockTexts,
			Says: Say("AWS refuses the request since this computer's clock is %s", Verdict.clock),
			Next: Say("set the clock (`timedatectl set-ntp true`), then try again")},
		{Codes: codesSignature, Definite: true,
			Says: Say("the secret access key of %s is wrong", Verdict.source), Next: Verdict.renewal},

		// What was asked for.
		{Codes: "RegionDisabledException", Says: Say("STS is not enabled in the region %s", Verdict.region),
			Next: Say("set another \"region\" for %s, or enable the region in the account's settings", Verdict.entry)},
		{Codes: codesPolicy, Definite: true, Says: Say("AWS doesn't accept the policy or the tags: %s", Verdict.AWSSays),
			Next: Say("correct \"policy\", \"policy_arns\" or \"session_tags\" of %s", Verdict.entry)},
		{Codes: codesInvalid, match: "roles assumed by role chaining", Definite: true,
			Says: Say("%s is too long: AWS gives a role that another role assumes 1h at most", Verdict.duration),
			Next: Say("ask for 1h: --duration=1h, or \"duration\": \"1h\" of %s", Verdict.entry)},
		{Codes: codesInvalid, match: "exceeds the MaxSessionDuration", Definite: true,
			Says: Say("%s is longer than the role allows", Verdict.duration),
			Next: Say("ask for less (--duration, or \"duration\" of %s), or raise the role's maximum session duration",
				Verdict.entry)},
		{Codes: codesInvalid, Definite: true, Says: Say("AWS doesn't accept the request: %s", Verdict.AWSSays),
			Next: Say("run `aws-accounts validate`, then correct %s", Verdict.entry)},

		{Codes: codesThrottled, Says: Say("AWS is throttling these calls"), Next: Say(tryLater)},
		{When: Verdict.troubled, Says: Say("AWS has trouble of its own (HTTP %s)", Verdict.status), Next: Say(tryLater)},
		{Says: Verdict.AWSSays, Next: Verdict.doctor},
	}
}

// notAllowed names the caller, the action, and what AWS says about the policy.
func (v Verdict) notAllowed() string {
	said := "not allowed to perform " + v.permission()
	if v.isAssuming() {
		said = "not allowed to assume " + v.role()
	} else if strings.HasPrefix(v.resource, "arn:") {
		said += " on " + v.resource
	}
	if v.Caller != "" {
		said = v.Caller + " is " + said
	}
	return said + v.becauseText
}

// allowOr is for an action that a setting of the file asks for: allow it, or take the setting out where it is.
func allowOr(setting string, has func(*accounts.Account) bool) words {
	return func(v Verdict) string {
		step := fmt.Sprintf("allow %s in the role's trust policy and in the policies of %s", v.denied, v.who())
		for _, link := range slices.Backward(v.a.Chain()) { // AWS hands both on along a chain
			if has(link) {
				return fmt.Sprintf("%s, or take %q out of %s in %s", step, setting, link.Name, v.File)
			}
		}
		return step
	}
}
