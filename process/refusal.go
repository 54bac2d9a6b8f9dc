package process

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	smithy "github.com/aws/smithy-go"

	"aws-accounts/accounts"
	"aws-accounts/internal/pattern"
	"aws-accounts/internal/route"
)

// verdict is AWS's answer to a call that it refused, and the account for which the call was made.
type verdict struct {
	a, base               *accounts.Account // base is where the credentials of a begin
	name, file            string            // what messages call a, and the path of its file
	service, action       string            // of the operation that was called
	code, message         string            // AWS's own
	caller, denied        string            // of a denied call: the ARN and the action, as far as the message has them
	resource, becauseText string            // … the ARN of what it is about, and which policy denies it
	err                   error
}

// Of AWS's message about a denied call only these parts are shown.
var (
	denial = pattern.New(`(?:User: (arn:[\w:/+=,.@-]+) is )?[Nn]ot authorized to perform:? ([\w-]+:\w+)` +
		`(?: on resource: "?(arn:[\w:/+=,.@*-]+))?`)
	because = pattern.New(`with an explicit deny(?: in (?:an?|the) [A-Za-z -]+(?::? arn:[\w:/+=,.@-]+)?)?` +
		`|because (?:no|the) [A-Za-z -]+ allows the [\w-]+:\w+ action`)
)

func newVerdict(err error, a *accounts.Account) verdict {
	v := verdict{a: a, base: a.Chain()[0], name: cmp.Or(a.Name, "the base account"), file: a.File().Path, err: err}
	for inner := err; ; { // an operation may fail because the one for its credentials did
		operation, ok := errors.AsType[*smithy.OperationError](inner)
		if !ok {
			break
		}
		v.service, v.action, inner = operation.Service(), operation.Operation(), operation.Err
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		v.code, v.message = api.ErrorCode(), strings.Join(strings.Fields(api.ErrorMessage()), " ")
	}
	if found := denial.FindStringSubmatch(v.message); found != nil {
		v.caller, v.denied, v.resource = found[1], found[2], found[3]
		if v.becauseText = because.FindString(v.message); v.becauseText != "" {
			v.becauseText = ", " + v.becauseText
		}
	}
	return v
}

// route is the way that the call was on, as far as it can still be made.
func (v verdict) route() *route.Route {
	way, err := route.To(v.a)
	if err != nil {
		return &route.Route{Hops: []route.Hop{{Account: v.a}}}
	}
	return way
}

// words are a sentence about a verdict, or a part of one.
type words func(verdict) string

// say fills the format's verbs with parts.
func say(format string, parts ...words) words {
	return func(v verdict) string {
		args := make([]any, len(parts))
		for i, part := range parts {
			args[i] = part(v)
		}
		return fmt.Sprintf(format, args...)
	}
}

// row says what one kind of refusal means. Its first four fields choose it; an empty one matches anything.
type row struct {
	codes    string             // of AWS's error, separated by blanks
	actions  string             // the operations that were called, separated by blanks
	match    string             // what AWS's message contains: one of these texts, separated by |
	when     func(verdict) bool // what else has to hold
	definite bool               // trying again doesn't help: see cache.ErrRefused
	ofBase   bool               // the sentence is about the account where the credentials begin
	says     words              // what is wrong
	next     words              // what to do about it
}

func (r row) matches(v verdict) bool {
	contains := func(text string) bool { return strings.Contains(v.message, text) }
	return (r.codes == "" || slices.Contains(strings.Fields(r.codes), v.code)) &&
		(r.actions == "" || slices.Contains(strings.Fields(r.actions), v.action)) &&
		(r.match == "" || slices.ContainsFunc(strings.Split(r.match, "|"), contains)) &&
		(r.when == nil || r.when(v))
}

const (
	codesDenied = "AccessDenied AccessDeniedException"
	codesSignIn = codesDenied + " ExpiredTokenException InvalidGrantException InvalidClientException " +
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
func refusals() []row {
	denied := func(match string, next words) row {
		return row{codes: codesDenied, match: match, definite: true, says: verdict.notAllowed, next: next}
	}
	return []row{
		{codes: codesDenied, match: "MultiFactorAuthentication failed with invalid MFA one time pass code",
			says: say("AWS doesn't accept the MFA code of %s", verdict.device),
			next: say("check the clock of the device, wait for its next code, and run `aws-accounts assume %s`", verdict.word)},
		{codes: codesDenied, match: "MultiFactorAuthentication failed", definite: true,
			says: say("AWS doesn't accept the MFA device %s", verdict.device),
			next: say("check that it is a device of the user that %s belong to, and correct \"mfa_serial\" in %s",
				verdict.source, verdict.path)},

		// Sign-ins of a profile of ~/.aws.
		{codes: "UnauthorizedException", actions: "GetRoleCredentials", ofBase: true,
			says: verdict.signedOut, next: verdict.signIn},
		{codes: codesSignIn, actions: "CreateToken CreateOAuth2Token", ofBase: true,
			says: verdict.signedOut, next: verdict.signIn},
		{codes: "ForbiddenException ResourceNotFoundException", actions: "GetRoleCredentials", definite: true, ofBase: true,
			says: say("Identity Center doesn't give you the role that profile %s names", verdict.profile),
			next: say("correct sso_account_id and sso_role_name of the profile: the access portal shows which you have")},

		// Web identities.
		{codes: codesDenied, actions: "AssumeRoleWithWebIdentity", definite: true,
			says: say("the web identity token doesn't open %s%s", verdict.role, verdict.because),
			next: say("check that the role's trust policy names the token's issuer, audience and subject")},
		{codes: "ExpiredTokenException", actions: "AssumeRoleWithWebIdentity",
			says: say("the web identity token in %s has expired", verdict.tokenFile),
			next: say("check that whoever writes the file still renews it")},
		{codes: "IDPCommunicationError",
			says: say("AWS can't reach the issuer of the web identity token"), next: say(tryLater)},
		{codes: "InvalidIdentityToken IDPRejectedClaim",
			says: say("AWS doesn't accept the web identity token in %s", verdict.tokenFile),
			next: say("check that whoever writes the file still renews it, and that its issuer is an identity provider " +
				"of the account")},

		{codes: codesDenied, actions: "GetSessionToken", definite: true,
			says: say("AWS refused a session token%s", verdict.because),
			next: say("ask an administrator for sts:GetSessionToken, or set \"session\": \"none\" for %s", verdict.entry)},

		// Denied: another action than the one that was called, by a policy that AWS names, or without a reason.
		denied("perform: sts:TagSession",
			allowOr("session_tags", func(a *accounts.Account) bool { return len(a.SessionTags) > 0 })),
		denied("perform: sts:SetSourceIdentity",
			allowOr("source_identity", func(a *accounts.Account) bool { return a.SourceIdentity != "" })),
		denied("service control policy|resource control policy",
			say("ask who administers the AWS organization to allow %s there", verdict.permission)),
		denied("permissions boundary",
			say("ask an administrator to allow %s in the permissions boundary of %s", verdict.permission, verdict.who)),
		denied("in a session policy|no session policy",
			say("allow %s in the session policy of %s (\"policy\", \"policy_arns\")", verdict.permission, verdict.who)),
		denied("VPC endpoint policy",
			say("ask who administers the network to allow %s in the policy of its VPC endpoint", verdict.permission)),
		denied("explicit deny in an identity-based policy",
			say("ask an administrator to take the Deny of %s out of the policies of %s", verdict.permission, verdict.who)),
		{codes: codesDenied, match: "no identity-based policy", when: verdict.isAssuming, definite: true,
			says: verdict.notAllowed,
			next: say(`ask an administrator to grant %s {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "%s"}`,
				verdict.who, verdict.role)},
		denied("role trust policy|resource-based policy",
			say("the role's trust policy has to allow %s for %s%s", verdict.permission, verdict.trustee, verdict.conditions)),
		{codes: codesDenied, actions: "AssumeRole", when: verdict.inProfile, definite: true, ofBase: true,
			says: verdict.notAllowed,
			next: say("check that the trust policy of the role that profile %s names allows %s", verdict.profile, verdict.who)},
		{codes: codesDenied, actions: "AssumeRole", definite: true, says: verdict.notAllowed,
			next: say("check the role's trust policy names %s%s, and that %s has sts:AssumeRole; %s",
				verdict.trustee, verdict.conditions, verdict.user, verdict.checks)},
		denied("", say("ask an administrator to grant %s to %s", verdict.permission, verdict.who)),

		// The credentials that signed the call.
		{codes: "ExpiredToken ExpiredTokenException",
			says: say("%s have expired", verdict.source), next: verdict.renewExpired},
		{codes: codesUnknown, when: verdict.withSession,
			says: say("AWS no longer knows the session of %s", verdict.sourceName),
			next: say("`aws-accounts assume %s --refresh` gets another, then try again", verdict.sourceName)},
		{codes: codesUnknown, definite: true,
			says: say("AWS doesn't know %s: the access key is deleted, inactive or mistyped", verdict.source),
			next: say("%s, or correct \"credentials\" in %s", verdict.renewal, verdict.path)},
		{codes: codesSignature, match: clockTexts,
			says: say("AWS refuses the request since this computer's clock is %s", verdict.clock),
			next: say("set the clock (`timedatectl set-ntp true`), then try again")},
		{codes: codesSignature, definite: true,
			says: say("the secret access key of %s is wrong", verdict.source), next: verdict.renewal},

		// What was asked for.
		{codes: "RegionDisabledException", says: say("STS is not enabled in the region %s", verdict.region),
			next: say("set another \"region\" for %s, or enable the region in the account's settings", verdict.entry)},
		{codes: codesPolicy, definite: true, says: say("AWS doesn't accept the policy or the tags: %s", verdict.awsSays),
			next: say("correct \"policy\", \"policy_arns\" or \"session_tags\" of %s", verdict.entry)},
		{codes: codesInvalid, match: "roles assumed by role chaining", definite: true,
			says: say("%s is too long: AWS gives a role that another role assumes 1h at most", verdict.duration),
			next: say("ask for 1h: --duration=1h, or \"duration\": \"1h\" of %s", verdict.entry)},
		{codes: codesInvalid, match: "exceeds the MaxSessionDuration", definite: true,
			says: say("%s is longer than the role allows", verdict.duration),
			next: say("ask for less (--duration, or \"duration\" of %s), or raise the role's maximum session duration",
				verdict.entry)},
		{codes: codesInvalid, definite: true, says: say("AWS doesn't accept the request: %s", verdict.awsSays),
			next: say("run `aws-accounts validate`, then correct %s", verdict.entry)},

		{codes: codesThrottled, says: say("AWS is throttling these calls"), next: say(tryLater)},
		{when: verdict.troubled, says: say("AWS has trouble of its own (HTTP %s)", verdict.status), next: say(tryLater)},
		{says: verdict.awsSays, next: verdict.doctor},
	}
}

// notAllowed names the caller, the action, and what AWS says about the policy.
func (v verdict) notAllowed() string {
	said := "not allowed to perform " + v.permission()
	if v.isAssuming() {
		said = "not allowed to assume " + v.role()
	} else if strings.HasPrefix(v.resource, "arn:") {
		said += " on " + v.resource
	}
	if v.caller != "" {
		said = v.caller + " is " + said
	}
	return said + v.becauseText
}

// allowOr is for an action that a setting of the file asks for: allow it, or take the setting out where it is.
func allowOr(setting string, has func(*accounts.Account) bool) words {
	return func(v verdict) string {
		step := fmt.Sprintf("allow %s in the role's trust policy and in the policies of %s", v.denied, v.who())
		for _, link := range slices.Backward(v.a.Chain()) { // AWS hands both on along a chain
			if has(link) {
				return fmt.Sprintf("%s, or take %q out of %s in %s", step, setting, link.Name, v.file)
			}
		}
		return step
	}
}
